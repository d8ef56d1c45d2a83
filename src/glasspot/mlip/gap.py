"""The model "gap": fitted by QUIP's gap_fit, evaluated by quippy. Both are free for non-commercial use only.

Files of a model: ``gap-HASH.xml`` (role "model"), the sparse points beside it (roles "sparse1", ...), ``gap.json``, the
record of the fit, and ``potential.toml``, which is written last: a folder without it holds no model. HASH names data
and settings, so the same fit asked for again is not made again.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from glasspot.dataset.closest import least_distances
from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.split import by_hash
from glasspot.engine.ase_calculator import LICENCE, make_calculator
from glasspot.errors import GlasspotError
from glasspot.files import parse_json, parse_toml, scratch, unwritable, write_text
from glasspot.mlip.gap_data import data_text, machine_memory, memory_needed
from glasspot.mlip.gap_program import Progress, find_gap_fit, run_gap_fit
from glasspot.mlip.gap_settings import SEARCHED, SPACE, arguments, checked
from glasspot.mlip.model import Errors, Hyperparameter, Labels, Settings, Trial, errors
from glasspot.potential.learned import LearnedPotential, file_hash, learned_from_dict, learned_to_toml
from glasspot.structure.frames import species_order

DATA, POTENTIAL, RECORD, WORK = "train.xyz", "potential.toml", "gap.json", ".gap-"
MEASURED_SHARE = 0.77  # of gap_fit's own estimate of its memory: measured for 68 frames of 240 atoms


@dataclass(frozen=True)
class GapModel:
    """GAP behind the signature of every model. isolated: energies (eV) of free atoms, of every element or not used.

    say: told, a line at a time, what the user should know (the licence, once; the memory); progress: see
    ``gap_program``. name, source: of the potentials. work: a folder where the errors of trials are kept, so that none
    is made twice, and where they are made; None for none.
    """

    isolated: Mapping[str, float] = field(default_factory=dict)
    say: Callable[[str], None] | None = None
    progress: Progress | None = None
    name: str = ""
    source: str = ""
    work: Path | None = None
    kind: str = field(default="gap", init=False)
    space: tuple[Hyperparameter, ...] = field(default=SPACE, init=False)
    searched: tuple[str, ...] = field(default=SEARCHED, init=False)
    _told: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def assess(self, train: Sequence[LabelledFrame], settings: Settings) -> list[Trial]:
        """Return one trial: the errors on 30 % of ``train``, by hash, of a model fitted to the others."""
        values = checked(settings)
        fitted, left_out = by_hash(train, 0)
        self._say_licence()
        quiet = replace(self, say=None)
        data = data_text([*fitted, *left_out], self.isolated, values["cutoff"])
        kept = None if self.work is None else self.work / f"trial-{_hash_of(data, values)}.json"
        known = None if kept is None else _kept_errors(kept)
        if known is not None:
            return [Trial(values, known)]
        with scratch(self.work) as folder:
            potential = quiet.fit(fitted, settings, folder)
            found = errors(left_out, quiet.predict(potential, left_out))
        if kept is not None:
            write_text(kept, json.dumps(asdict(found)))
        return [Trial(values, found)]

    def refine(self, train: Sequence[LabelledFrame], settings: Settings) -> list[Trial]:
        """Return no trials: a search proposes every hyper-parameter that is worth it."""
        return []

    def fit(self, train: Sequence[LabelledFrame], settings: Settings, folder: Path) -> LearnedPotential:
        """Return the model fitted to ``train``; see ``model.Model``. The same fit found in ``folder`` is returned.

        GlasspotError for frames that cannot be fitted, too little memory, and a gap_fit that failed or was killed;
        EngineFailure "no-program" without quippy. A model that stood in ``folder`` stays until the new one is whole.
        """
        values = checked(settings)
        find_gap_fit()
        elements = species_order(symbol for frame in train for symbol in frame.counts)
        isolated = self._isolated(train, elements)
        data = data_text(train, isolated, values["cutoff"])
        name = _hash_of(data, values)
        self._say_licence()
        found = _kept(folder, name)
        if found is not None:
            self._say(f"This fit was made before; it stands in {folder}.")
            return found
        memory = memory_needed(train, values)
        self._check_memory(memory)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{WORK}*"):  # of a fit that was killed
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=WORK, dir=folder) as work:
                began = time.perf_counter()
                model = _model_name(name)
                (Path(work) / DATA).write_text(data)
                run_gap_fit(arguments(values, DATA, model, bool(isolated)), Path(work), memory, self.progress)
                seconds = time.perf_counter() - began
                paths = _renamed(Path(work), model, name)
                potential = self._potential(elements, values, paths, train)
                _check_sound(potential, train[0])
                record = {"fit": name, "settings": values, "seconds": seconds, "frames": len(train)}
                return _put(potential, folder, {**record, "quippy-ase": version("quippy-ase"), "memory_bytes": memory})
        except OSError as error:
            raise unwritable(f"cannot write into {folder}", error) from error

    def predict(self, potential: LearnedPotential, frames: Sequence[LabelledFrame]) -> list[Labels]:
        """Return energy, forces and stress by quippy; GlasspotError for an element that the model does not know."""
        self._say_licence()
        for frame in frames:
            for symbol in frame.counts:
                potential.charge(symbol)  # QUIP would leave such atoms out, without a word
        calculator = make_calculator(potential)
        found = []
        for frame in frames:
            atoms = frame.frame.to_ase()
            calculator.calculate(atoms, ["energy", "forces", "stress"], ["positions", "numbers", "cell"])
            results = calculator.results
            xx, yy, zz, yz, xz, xy = results["stress"]
            stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
            found.append(Labels(float(results["energy"]), np.array(results["forces"]), stress))
        return found

    def _isolated(self, train: Sequence[LabelledFrame], elements: Sequence[str]) -> dict[str, float]:
        """Return the free atoms' energies that the fit uses, once the frames can be fitted."""
        if not train:
            raise GlasspotError("a GAP needs frames to be fitted to; given none.")
        for frame in train:
            if frame.energy is None and frame.forces is None:
                raise GlasspotError(f"{frame.origin or 'a frame'} has neither energy nor forces; leave it out.")
        if all(frame.energy is None for frame in train):
            raise GlasspotError("no frame has an energy; a GAP needs some, or its energies mean nothing.")
        missing = [element for element in elements if element not in self.isolated]
        if missing:
            if self.isolated:
                self._say(f"No energy of a free atom of {', '.join(missing)}: the mean energy of an atom is taken.")
            return {}
        return {element: float(self.isolated[element]) for element in elements}

    def _potential(
        self,
        elements: Sequence[str],
        values: Mapping[str, float],
        paths: Mapping[str, Path],
        train: Sequence[LabelledFrame],
    ) -> LearnedPotential:
        return LearnedPotential(
            kind=self.kind,
            name=self.name or f"{'-'.join(elements)} gap",
            elements=tuple(elements),
            r_cut=values["cutoff"],
            files=dict(paths),
            hashes={role: file_hash(path) for role, path in paths.items()},
            title=f"GAP of {', '.join(elements)}: two-body and SOAP",
            source=self.source or f"fitted by glasspot with gap_fit to {len(train)} frames",
            closest=least_distances(train, elements),
        )

    def _check_memory(self, needed: float) -> None:
        machine = machine_memory()
        text = f"gap_fit estimates its memory at {needed / 1e9:.1f} GB"
        if machine is not None and MEASURED_SHARE * needed > machine[0]:
            raise GlasspotError(
                f"{text}, and this machine has {machine[0] / 1e9:.1f} GB. Fit fewer frames, or lower n_sparse, n_max, "
                "l_max or cutoff."
            )
        scarce = machine is not None and MEASURED_SHARE * needed > machine[1]
        self._say(f"{text}{', more than is free now: it may be killed' if scarce else ''}.")

    def _say_licence(self) -> None:
        if LICENCE not in self._told:
            self._told.add(LICENCE)
            self._say(LICENCE)

    def _say(self, line: str) -> None:
        if self.say is not None:
            self.say(line)


def _hash_of(data: str, values: Mapping[str, float]) -> str:
    """Return the name of a fit: of its data, its settings, and the version of gap_fit."""
    text = json.dumps([data, sorted(values.items()), version("quippy-ase")])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _kept_errors(path: Path) -> Errors | None:
    """Return the errors of a trial that was made before; None where there are none that can be read."""
    try:
        table = parse_json(path.read_bytes())
        found = Errors(**table)
    except (OSError, ValueError, TypeError):
        return None
    return found if all(type(value) in (int, float) for value in table.values()) else None


def _kept(folder: Path, name: str) -> LearnedPotential | None:
    """Return the model in ``folder`` when it is whole and the fit ``name``; None otherwise."""
    try:
        record = parse_json((folder / RECORD).read_bytes())
        if not isinstance(record, dict) or record.get("fit") != name:
            return None
        where = folder / POTENTIAL
        found = learned_from_dict(parse_toml(where.read_bytes(), str(where)), folder, str(where))
    except (OSError, ValueError, GlasspotError):
        return None
    # A kill between the two files leaves the record of the new fit beside the model of the old one.
    return found if found.kind == "gap" and found.files["model"].name == _model_name(name) else None


def _model_name(name: str) -> str:
    return f"gap-{name}.xml"


def _renamed(work: Path, model: str, name: str) -> dict[str, Path]:
    """Return role -> path of the files that gap_fit left in ``work``, after its label has become ``name``.

    gap_fit labels a model with the time of the fit; named by what it was made of, the same fit is the same model.
    """
    path = work / model
    text = path.read_text() if path.is_file() else ""
    found = re.search(r'<Potential label="(GAP_\w+)"', text)
    if found is None:
        raise GlasspotError("gap_fit ended without a model; is the disk full? Nothing was kept of this fit.")
    label, ours = found.group(1), f"GAP_{name}"
    path.write_text(text.replace(label, ours))
    paths = {"model": path}
    for number, sparse in enumerate(sorted(work.glob(f"{model}.sparseX.{label}*")), 1):
        paths[f"sparse{number}"] = sparse.rename(work / sparse.name.replace(label, ours))
    return paths


def _check_sound(potential: LearnedPotential, frame: LabelledFrame) -> None:
    """GlasspotError for a model that gives no number: its linear system was singular."""
    labels = GapModel().predict(potential, [frame])[0]
    if not (np.isfinite(labels.energy) and np.isfinite(labels.forces).all()):
        raise GlasspotError(
            "the fitted GAP gives no numbers: its linear system is singular. Larger sigmas, fewer sparse points, or "
            "frames that differ more will help. Nothing was kept of this fit."
        )


def _put(potential: LearnedPotential, folder: Path, record: Mapping[str, object]) -> LearnedPotential:
    """Move a model's files into ``folder`` and name them in its potential.toml, last; return it as it stands there."""
    files = {role: Path(shutil.move(path, folder / path.name)) for role, path in potential.files.items()}
    here = replace(potential, files=files)
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")
    write_text(folder / POTENTIAL, learned_to_toml(here))
    for old in folder.glob("gap-*.xml*"):
        if old not in files.values():
            old.unlink()
    return here
