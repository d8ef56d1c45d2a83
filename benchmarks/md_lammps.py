"""LAMMPS's side of the MD benchmark: its settings, the search for the fastest of them, and its time.

Every setting is run with the ``omp`` suffix on one thread, which is the fastest that the PyPI wheel has for these
pair styles; the search goes over one kind of number after another, each time from the fastest that was found before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from lammps_runs import HEAD, OMP, Loop, exact_forces, forces_of, relative_rms, timed_run
from md_systems import TIMESTEP, Melt

from glasspot.engine import deck
from glasspot.potential import tables
from glasspot.potential.coulomb import PPPM
from glasspot.structure.frames import Frame

SKINS = (0.4, 0.6, 0.8, 1.0)  # A
SHORT_TABLE = 4000  # points: what decks use
LONGER_TABLES = (12000, 16000, 24000)
ORDERS, DIFFERENTIATIONS = (5, 6, 7), ("ik", "ad")
ACCURACIES = (1e-5, 3e-5, 1e-4)  # looser than asked where the forces as a whole are still good enough
LINE_EVERY = 1000  # steps between two lines of the log; the native engine writes more of them
TRIES = 2  # of a setting in the search, the faster counts
FEWEST_STEPS = 100
MARGIN = 1.2
THERMOSTAT, BAROSTAT = 0.1, 1.0  # ps, as glasspot's protocols have them

Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """A way to run LAMMPS. points: of the fused tables; None: the closed forms of ``buck/coul/long``.

    order, differentiation and accuracy are those of PPPM; skin in A.
    """

    points: int | None
    skin: float = 0.6
    order: int = 7
    differentiation: str = "ik"
    accuracy: float = 1e-5

    def words(self, has_mesh: bool) -> str:
        """Return the setting in words."""
        style = "buck/coul/long" if self.points is None else f"table linear {self.points}"
        mesh = f", pppm {self.accuracy:g} order {self.order} {self.differentiation}" if has_mesh else ""
        return f"{style}{mesh}, omp, skin {self.skin:g} A"


@dataclass(frozen=True)
class Peer:
    """The setting that was chosen, its force error, and its processor time in the search."""

    setting: Setting
    words: str
    force_error: float
    seconds_per_step: float


class Lammps:
    """LAMMPS for one melt from one configuration, in a folder of its own."""

    def __init__(self, melt: Melt, frame: Frame, folder: Path, command: str | None = None) -> None:
        self.melt, self.frame, self.folder, self.command = melt, frame, folder, command
        self.has_mesh = isinstance(melt.potential.coulomb, PPPM)
        self.exact = exact_forces(frame, melt.potential)
        self._errors: dict[Setting, float] = {}
        self._guess: float | None = None
        folder.mkdir()
        (folder / deck.DATA).write_text(deck.data_text(melt.potential, frame))

    def time(self, setting: Setting, steps: int) -> Loop:
        """Return the time of ``steps`` from the start configuration, after a warm-up."""
        return timed_run(self._script(setting), steps, self.folder, self.command)

    def force_error(self, setting: Setting) -> float:
        """Return the relative RMS force error in the start configuration."""
        key = replace(setting, skin=SKINS[0])
        if key not in self._errors:
            found = forces_of(self._script(setting), self.folder, self.command)
            self._errors[key] = relative_rms(found, self.exact)
        return self._errors[key]

    def search(self, seconds: float, say: Say, quick: bool = False) -> Peer:
        """Return the fastest setting whose force error is allowed; ``seconds`` is the loop time of a try."""
        own = self._own_points()
        lengths = sorted({SHORT_TABLE, own} | (set(LONGER_TABLES) if self.melt.largest_error and not quick else set()))
        skins = SKINS[1:3] if quick else SKINS
        best = self._fastest([Setting(points) for points in lengths], seconds, say)
        best = self._fastest([best, *(replace(best, skin=skin) for skin in skins)], seconds, say)
        if self.has_mesh:
            meshes = [(o, d, a) for o in ORDERS for d in DIFFERENTIATIONS for a in ACCURACIES][:: 5 if quick else 1]
            others = [replace(best, order=o, differentiation=d, accuracy=a) for o, d, a in meshes]
            best = self._fastest([best, *others], seconds, say)
        if self._is_buckingham():
            best = self._fastest([best, *(replace(best, points=None, skin=skin) for skin in skins)], seconds, say)
        time = self._try(best, seconds)
        return Peer(best, best.words(self.has_mesh), self.force_error(best), time)

    def _fastest(self, settings: Sequence[Setting], seconds: float, say: Say) -> Setting:
        """Return the fastest one whose forces are good enough."""
        limit = self.melt.largest_error
        times = {}
        for setting in dict.fromkeys(settings):
            try:
                error = self.force_error(setting)
                if limit is not None and error > limit:
                    say(f"  {setting.words(self.has_mesh)}: force error {error:.1e}, more than {limit:g}")
                    continue
                times[setting] = min(self._try(setting, seconds) for _ in range(TRIES))
            except RuntimeError as failure:
                say(f"  {setting.words(self.has_mesh)}: does not run. {failure}")
                continue
            ms = 1e3 * times[setting]
            say(f"  {setting.words(self.has_mesh)}: {ms:.4g} ms/step, force error {error:.1e}")
        if not times:
            raise RuntimeError(f"no setting of LAMMPS has a force error below {limit} for {self.melt.name}")
        return min(times, key=lambda setting: times[setting])

    def _try(self, setting: Setting, seconds: float) -> float:
        """Return seconds a step, of processor time, from a run of about ``seconds``."""
        if self._guess is None:
            self._guess = self.time(setting, FEWEST_STEPS).cpu_seconds_per_step
        return self.time(setting, steps_for(seconds, self._guess)).cpu_seconds_per_step

    def _own_points(self) -> int:
        """Return the length of the tables that glasspot's own deck would have."""
        species = self.frame.species
        return tables.points_for(
            self.melt.potential, deck.FINE_ERROR if len(species) <= 2 else deck.USUAL_ERROR, species
        )

    def _is_buckingham(self) -> bool:
        """Tell whether ``buck/coul/long`` can say the potential (but for the wall, which a melt does not touch)."""
        forms = {term.form for pair in self.melt.potential.pairs for term in pair.terms}
        return self.has_mesh and forms == {"buckingham"}

    # the script

    def _script(self, setting: Setting) -> str:
        """Return the input script, up to its runs."""
        temperature = f"temp {self.melt.temperature!r} {self.melt.temperature!r} {THERMOSTAT}"
        motion = f"nvt {temperature}" if self.melt.kind == "nvt" else f"npt {temperature} iso 0.0 0.0 {BAROSTAT}"
        return (
            f"{HEAD}{OMP}read_data {deck.DATA}\n{self._pair_lines(setting)}"
            f"neighbor {setting.skin!r} bin\nneigh_modify every 1 delay 0 check yes\n"
            f"timestep {TIMESTEP!r}\nthermo {LINE_EVERY}\nfix motion all {motion}\n"
        )

    def _pair_lines(self, setting: Setting) -> str:
        potential, species = self.melt.potential, self.frame.species
        pairs = [(i, j, a, b) for i, a in enumerate(species, 1) for j, b in enumerate(species[i - 1 :], i)]
        lines = []
        if setting.points is None:
            lines.append(f"pair_style buck/coul/long {potential.r_cut!r}")
            for i, j, a, b in pairs:
                term = next(iter(potential.terms(a, b)), None)
                lines.append(
                    f"pair_coeff {i} {j} " + (f"{term.A!r} {term.rho!r} {term.C!r}" if term else "0.0 1.0 0.0")
                )
        else:
            lines.append(f"pair_style table linear {setting.points}{' pppm' if self.has_mesh else ''}")
            file = self._table(setting.points)
            lines += [f"pair_coeff {i} {j} {file} {tables.Tables.keyword(a, b)}" for i, j, a, b in pairs]
        if self.has_mesh:
            lines.append(f"kspace_style pppm {setting.accuracy!r}")
            lines.append(
                f"kspace_modify gewald {potential.coulomb.g_ewald!r} order {setting.order} "
                f"diff {setting.differentiation}"
            )
        return "".join(f"{line}\n" for line in lines)

    def _table(self, points: int) -> str:
        """Write the tables where they are not there yet; return the name of the file."""
        path = self.folder / f"{points}.table"
        if not path.exists():
            tables.write_lammps_table(path, tables.tabulate(self.melt.potential, self.frame.species, points))
        return path.name


def steps_for(seconds: float, seconds_per_step: float, block: int = FEWEST_STEPS) -> int:
    """Return how many steps take at least ``seconds``, in whole blocks and with a margin."""
    return block * max(1, int(np.ceil(MARGIN * seconds / seconds_per_step / block)))
