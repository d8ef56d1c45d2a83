"""The parsers that are fuzzed, one target each: bytes in, a value or a GlasspotError out; and what to begin with.

A target works in a folder of its own, made once: its inputs go into the same files again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import fuzz_samples as samples
import numpy as np
from fuzz_mutate import changed_json, changed_lines, changed_toml
from fuzz_watch import said_or_done

from glasspot.errors import GlasspotError

Change = Callable[[bytes, Random], bytes | None]


@dataclass(frozen=True)
class Target:
    """parse: tries one input in a folder; samples: inputs to begin with, from the folder it may write them in.

    change: what changes an input so that it stays of its kind.
    """

    parse: Callable[[bytes, Path], Any]
    samples: Callable[[], list[bytes]]
    change: Change = changed_lines

    def try_one(self, data: bytes, folder: Path) -> Any:
        """Return what came of an input: a value, or the GlasspotError; whatever is neither comes through."""
        before = sorted(folder.iterdir())
        found = said_or_done(lambda: self.parse(data, folder), folder)
        assert len(before) >= len(list(folder.iterdir())) - OWN_FILES, "files were written"
        return found


OWN_FILES = 12  # what a target itself writes into its folder


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# Compositions


def composition(data: bytes, folder: Path) -> None:
    """The text of a composition, counted out and measured."""
    from glasspot.composition import Composition, estimate_density, four_fold_share, start_box
    from glasspot.potential.io import load_potential

    text = data.decode("utf-8", "surrogateescape")
    for basis in ("mol", "wt"):
        with suppress(GlasspotError):
            Composition.parse(text, basis)
    found = Composition.parse(text)
    Composition.parse(str(found))
    four_fold_share(found)
    with suppress(GlasspotError):
        estimate_density(found)
    for name in ("BMP", "SHIK"):
        with suppress(GlasspotError):
            atoms = found.atom_counts(1000, load_potential(name).counting_charges)
            assert atoms.n_atoms < 10**6
            assert atoms.note
            start_box(atoms, None)


# TOML


def fit_toml(data: bytes, folder: Path) -> None:
    """RUN.toml, on to the plan of the fit."""
    from glasspot.config import load_fit_config
    from glasspot.fit_settings.plan import fit_plan

    path = _file(folder, "run.toml", data)
    config = load_fit_config(path)
    fit_plan(config, path.parent)
    config.run.place()


def compare_toml(data: bytes, folder: Path) -> None:
    """The same file, for a comparison and for a ladder."""
    from glasspot.config import load_comparison_config
    from glasspot.fit_settings.ladder import rungs_of

    path = _file(folder, "run.toml", data)
    rungs_of(load_comparison_config(path), path)


def glass_toml(data: bytes, folder: Path) -> None:
    """GLASS.toml, on to the plan of the quench."""
    from glasspot.quench_settings import load_quench_plan

    load_quench_plan(_file(folder, "glass.toml", data))


def dataset_toml(data: bytes, folder: Path) -> None:
    """DATASET.toml, on to the plan of the set of pair curves."""
    from glasspot.pcf_settings import load_dataset_plan

    load_dataset_plan(_file(folder, "dataset.toml", data))


def potential_toml(data: bytes, folder: Path) -> None:
    """The file of a pair potential, read and written again."""
    from glasspot.engine.deck import three_body_file
    from glasspot.files import parse_toml
    from glasspot.potential.io import load_any, potential_to_toml
    from glasspot.potential.model import Potential

    found = load_any(_file(folder, "potential.toml", data))
    if not isinstance(found, Potential):
        return
    again = Potential.from_dict(parse_toml(potential_to_toml(found).encode(), "again"))
    assert again.potential_id == found.potential_id, "a potential that changes when it is written and read"
    three_body_file(found.three_body, found.elements)


def learned_toml(data: bytes, folder: Path) -> None:
    """The file of a machine-learned potential, with its calibration."""
    from glasspot.files import parse_toml
    from glasspot.mlip.trust_file import calibration_of
    from glasspot.potential.io import load_any
    from glasspot.potential.learned import LearnedPotential, learned_from_dict, learned_to_toml

    for name, content in samples.LEARNED_FILES.items():
        _file(folder, name, content)
    found = load_any(_file(folder, "potential.toml", data))
    if isinstance(found, LearnedPotential):
        text = learned_to_toml(found)
        again = learned_from_dict(parse_toml(text.encode(), "again"), folder, "again")
        assert again.potential_id == found.potential_id
        calibration_of(found)


# Records in JSON


def trust_json(data: bytes, folder: Path) -> None:
    """The calibration of a committee."""
    from glasspot.mlip.trust_file import calibration_of, calibration_text
    from glasspot.potential.learned import LearnedPotential

    files = {"trust": _file(folder, "trust.json", data)}
    found = calibration_of(LearnedPotential("pod", "a", ("As", "Te"), 5.0, files, {"trust": ""}))
    assert found is not None
    calibration_text(found)


def mlip_record(data: bytes, folder: Path) -> None:
    """fit.json, the record of a machine-learned potential."""
    from glasspot.mlip.seen import read_seen
    from glasspot.report.mlip_record import read_record

    _file(folder, "fit.json", data)
    with suppress(GlasspotError):
        read_seen(folder)
    read_record(folder)


# Curves


def csv(data: bytes, folder: Path) -> None:
    """A file of columns, as CSV and as bare numbers."""
    from glasspot.curves import Curve, read_columns, read_csv_columns

    path = _file(folder, "curve.csv", data)
    with suppress(GlasspotError):
        read_csv_columns(path)
    columns = list(read_columns(path).values())
    curve = Curve(columns[0], columns[-1], columns[-1])
    curve.resample(np.linspace(curve.x[0], curve.x[-1], 5))


def own_curves(data: bytes, folder: Path) -> None:
    """g(r) that a user brings, put on the grid of a set."""
    from glasspot.composition import Composition
    from glasspot.pcf.own_curves import curves_of_files

    r = (np.arange(200) + 0.5) * 0.05
    curves_of_files([_file(folder, "run.csv", data)], Composition.parse("SiO2"), r, 2.2)


# Structures and data sets


def structure(data: bytes, folder: Path) -> None:
    """A file of atoms: extended XYZ, LAMMPS data and dump, XDATCAR, OUTCAR, XYZ."""
    _look(_file(folder, "atoms.txt", data))


def structure_gz(data: bytes, folder: Path) -> None:
    """The same, packed."""
    _look(_file(folder, "atoms.gz", data))


def _look(path: Path) -> None:
    from glasspot.structure.readers import config_types, iter_frames

    with suppress(GlasspotError):
        config_types(path)
    for options in (
        {"index": -1},
        {"config_type": "liquid", "index": "::2"},
        {"cell": 12.0, "type_elements": ["Si", "O"]},
    ):
        with suppress(GlasspotError):
            for frame in iter_frames(path, **options):
                assert frame.counts
                assert frame.density > 0
                frame.wrapped()
    for _ in iter_frames(path):
        pass


def data_extxyz(data: bytes, folder: Path) -> None:
    """Ab initio data in extended XYZ."""
    from glasspot.dataset.reading import read_dataset

    found = read_dataset(_file(folder, "frames.extxyz", data))
    assert found.key


def data_extxyz_gz(data: bytes, folder: Path) -> None:
    """The same, packed."""
    from glasspot.dataset.reading import read_dataset

    read_dataset(_file(folder, "frames.extxyz.gz", data))


def data_outcar(data: bytes, folder: Path) -> None:
    """Ab initio data in an OUTCAR."""
    from glasspot.dataset.reading import read_dataset

    read_dataset(_file(folder, "OUTCAR", data), "outcar")


def data_cp2k(data: bytes, folder: Path) -> None:
    """MD of CP2K: three files, put one after the other."""
    from glasspot.dataset.reading import read_dataset

    names = ("a-pos-1.xyz", "a-frc-1.xyz", "a-1.cell")
    parts = data.split(samples.BETWEEN)
    for name, part in zip(names, [*parts, b"", b""], strict=False):
        _file(folder, name, part)
    read_dataset(folder / names[0], "cp2k")


def data_deepmd(data: bytes, folder: Path) -> None:
    """A folder of DeePMD-kit: its files, put one after the other."""
    from glasspot.dataset.reading import read_dataset

    (folder / "set.000").mkdir(exist_ok=True)
    names = ("type.raw", "type_map.raw", "set.000/coord.npy", "set.000/box.npy", "set.000/energy.npy")
    for name, part in zip(names, data.split(samples.BETWEEN), strict=False):
        _file(folder, name, part)
    read_dataset(folder, "deepmd")


# What LAMMPS writes


def lammps_dump(data: bytes, folder: Path) -> None:
    """The binary dump that LAMMPS writes, whole and cut anywhere."""
    from glasspot.engine.dump import DumpReader

    for part in (data, data[: len(data) // 2]):
        reader = DumpReader(_file(folder, "samples.bin", part))
        for snapshot in reader.read():
            assert snapshot.vectors("x", "y", "z").shape[1] == 3
        reader.read()


def lammps_log(data: bytes, folder: Path) -> None:
    """The log of LAMMPS."""
    from glasspot.engine.dump import LogReader, end_of, tail

    path = _file(folder, "log.lammps", data)
    reader = LogReader(path)
    reader.read()
    reader.read()
    tail(end_of(path))


def run_folder(data: bytes, folder: Path) -> None:
    """What stands in the folder of a run for other processes: who drives it, what is asked, how far a worker is."""
    from glasspot.campaign.driver import LOCK_FILE, driver_of
    from glasspot.campaign.stopping import REQUEST_FILE, asked
    from glasspot.engine.native import record

    lock, request, thermo, *_ = [*data.split(samples.BETWEEN), b"", b""]
    _file(folder, LOCK_FILE, lock)
    driver_of(folder)
    _file(folder, REQUEST_FILE, request)
    asked(folder)
    _file(folder, record.NAME, thermo)
    record.read_record(folder)
    record.read_version(folder)
    record.tail(folder)


# Archives of arrays


def model_file(data: bytes, folder: Path) -> None:
    """A trained model of pair curves: the archive itself, or only its header, within an archive that is whole."""
    from glasspot.composition import Composition
    from glasspot.pcf.model_file import about_model, load_model

    path = _file(folder, "model.npz", samples.archive(data, "header", samples.model_arrays()))
    with suppress(GlasspotError):
        about_model(path)
    load_model(path).predict(Composition.parse("70 SiO2 30 Na2O"))


def curve_set(data: bytes, folder: Path) -> None:
    """A set of pair curves: likewise."""
    from glasspot.pcf.curve_set import CurveSet

    path = _file(folder, "glasses.npz", samples.archive(data, "header", samples.curve_arrays()))
    found = CurveSet.load(path)
    for glass, pair in found.each():
        glass.mean(pair)
        assert glass.fractions


def outcome(data: bytes, folder: Path) -> None:
    """What came of a run: likewise."""
    from glasspot.evaluate.job import Outcome

    found = Outcome.from_bytes(samples.archive(data, "__header__", samples.outcome_arrays()))
    assert isinstance(found.ok, bool)
    found.to_bytes()


def parity(data: bytes, folder: Path) -> None:
    """parity.npz of a machine-learned potential."""
    from glasspot.mlip.parity import Parity

    Parity.load(_file(folder, "parity.npz", data))


TARGETS: dict[str, Target] = {
    "composition": Target(composition, samples.compositions),
    "fit-toml": Target(fit_toml, samples.fits, changed_toml),
    "compare-toml": Target(compare_toml, samples.fits, changed_toml),
    "glass-toml": Target(glass_toml, samples.glasses, changed_toml),
    "dataset-toml": Target(dataset_toml, samples.datasets, changed_toml),
    "potential-toml": Target(potential_toml, samples.potentials, changed_toml),
    "learned-toml": Target(learned_toml, samples.learned, changed_toml),
    "trust-json": Target(trust_json, samples.calibrations, changed_json),
    "mlip-record": Target(mlip_record, samples.records, changed_json),
    "csv": Target(csv, samples.columns),
    "own-curves": Target(own_curves, samples.curves),
    "structure": Target(structure, samples.structures),
    "structure-gz": Target(structure_gz, samples.packed_structures),
    "data-extxyz": Target(data_extxyz, samples.extxyz),
    "data-extxyz-gz": Target(data_extxyz_gz, samples.packed_extxyz),
    "data-outcar": Target(data_outcar, samples.outcars),
    "data-cp2k": Target(data_cp2k, samples.cp2k),
    "data-deepmd": Target(data_deepmd, samples.deepmd),
    "lammps-dump": Target(lammps_dump, samples.dumps),
    "lammps-log": Target(lammps_log, samples.logs),
    "run-folder": Target(run_folder, samples.run_folders),
    "model-file": Target(model_file, samples.models, changed_json),
    "curve-set": Target(curve_set, samples.curve_sets, changed_json),
    "outcome": Target(outcome, samples.outcomes, changed_json),
    "parity": Target(parity, samples.parities),
}


def make_folder(root: Path) -> Path:
    """Return the folder for the inputs of a target; beside it stand the files that the samples name."""
    from glasspot.structure.pairs import compile_kernels

    compile_kernels()  # numba keeps what it compiled in pickles of its own: they are not an input's
    csv_folder = root / "silica"
    csv_folder.mkdir(parents=True, exist_ok=True)
    (csv_folder / samples.SILICA.name).write_bytes(samples.SILICA.read_bytes())
    case = root / "case"
    case.mkdir(exist_ok=True)
    (case / samples.SILICA.name).write_bytes(samples.SILICA.read_bytes())
    (case / "own.toml").write_bytes(samples.potentials()[0])
    (case / "run1.csv").write_bytes(samples.curves()[0])
    (case / "liquid.extxyz").write_bytes(samples.liquid())
    return case
