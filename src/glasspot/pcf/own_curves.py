"""Glasses that users bring: their own g_ab(r) files or trajectories, put on the grid of a set.

A g(r) on another grid keeps its coordination numbers: its counts up to r, int g r^2 dr, are interpolated without
overshoot (monotone cubic, in r^3) and read off at the edges of the new bins. So g stays at or above zero, and a curve
that is on the grid already stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.curves import read_csv_columns
from glasspot.errors import GlasspotError
from glasspot.oxides import COMMON_OXIDES, mass, parse_oxide
from glasspot.pcf.atoms import atom_fractions
from glasspot.pcf.curve_set import GlassCurves, endless
from glasspot.pcf.pairs import ends_of, pair_name, pairs_of
from glasspot.units import volume_from_density

FloatArray = NDArray[np.float64]
ATOMS = 1000  # of a glass whose file does not say how many there were
CORE = 0.05  # g(r) below the first point of a file is taken as zero where the file begins no higher than this
LOWEST = -0.05  # what a Fourier transform may leave below zero; less is a mistake
TAIL = 2.0  # A: the end of the curves, where the total g(r) must be near 1
TAIL_LIMITS = (0.7, 1.3)
PASSED_OVER = ("error_", "low_", "high_")  # columns that go with a g(r) in files of glasspot
COUNTS_TOLERANCE = 0.01  # of a trajectory's counts against the composition, as a part of all its atoms


def curves_of_files(
    paths: Sequence[Path], composition: Composition, r: FloatArray, density: float, n_atoms: int = ATOMS, name: str = ""
) -> GlassCurves:
    """Return one glass from CSV files, each one run: column 1 is r (A), then one column a pair, such as Si-O.

    g_Si-O is read as Si-O; columns of errors and totals, which ``glasspot analyse`` writes, are passed over. ``r``
    (n_r,) is the grid of the set, ``density`` in g/cm3, ``n_atoms`` those of one run. GlasspotError for a pair that is
    missing or that the glass cannot have, for a range too short, and for curves that are no g(r).
    """
    if not (np.isfinite(density) and density > 0):
        raise GlasspotError(f"the density of {composition} is {density} g/cm3; give one above 0.")
    counts = counts_of(composition, n_atoms)
    fractions = {element: number / sum(counts.values()) for element, number in counts.items()}
    runs = [_file(Path(path), fractions, r) for path in paths]
    if not runs:
        raise GlasspotError(f"no file of {composition} is given; name one file for each run.")
    number_density = sum(counts.values()) / volume_from_density(mass(counts), density)
    return GlassCurves(
        name=name or str(composition),
        composition=replace(composition, note=""),
        counts=counts,
        number_density=np.full(len(runs), number_density),
        curves={pair: np.array([run[pair] for run in runs]) for pair in runs[0]},
        source=f"files {', '.join(Path(path).name for path in paths)}",
    )


def curves_of_trajectories(
    paths: Sequence[Path],
    r: FloatArray,
    composition: Composition | None = None,
    index: str = ":",
    elements: Sequence[str] | None = None,
    name: str = "",
) -> GlassCurves:
    """Return one glass from trajectories, each one run; g(r) is the mean over the frames that ``index`` chooses.

    Without ``composition`` it follows from the atoms, where every element but O has one usual oxide and the oxygens
    add up. ``elements``: those of LAMMPS types 1, 2, ... GlasspotError where it does not follow, where it contradicts
    the atoms, where files differ in their atoms, and for a box too small for ``r``.
    """
    from glasspot.structure.frames import cell_heights
    from glasspot.structure.pdf import pair_distribution
    from glasspot.structure.readers import read_frames

    if not len(paths):
        raise GlasspotError("no trajectory is given; name one file for each run.")
    width = float(r[1] - r[0])
    r_max = len(r) * width
    runs: list[dict[str, FloatArray]] = []
    densities: list[float] = []
    counts: dict[str, int] = {}
    for path in map(Path, paths):
        frames = read_frames(path, index, type_elements=elements)
        smallest = min(float(cell_heights(frame.cell).min()) for frame in frames)
        if smallest < 2 * r_max * (1 - 1e-6):
            raise GlasspotError(
                f"the box of {path} is {smallest:.1f} A wide; g(r) to {r_max:g} A needs {2 * r_max:g} A. Simulate more "
                "atoms."
            )
        found = pair_distribution(frames, r_max, width)
        if counts and dict(found.counts) != counts:
            raise GlasspotError(f"{path} holds other atoms than {paths[0]}; the runs of one glass hold the same.")
        counts = dict(found.counts)
        names = [pair_name(*label.split("-")) for label in found.labels]
        runs.append({pair: endless(pair, g, counts) for pair, g in zip(names, found.g, strict=True)})
        densities.append(found.number_density)
    made = composition_of(counts, str(paths[0]), composition)
    return GlassCurves(
        name=name or str(made),
        composition=made,
        counts=counts,
        number_density=np.array(densities),
        curves={pair: np.array([run[pair] for run in runs]) for pair in pairs_of(counts)},
        source=f"trajectories {', '.join(Path(path).name for path in paths)}",
    )


def counts_of(composition: Composition, n_atoms: int) -> dict[str, int]:
    """Return the atoms of each element, as ``pairs.in_order`` has them, in about ``n_atoms`` of a composition.

    GlasspotError where so few atoms hold none of one element.
    """
    fractions = atom_fractions(composition)
    counts = {element: round(n_atoms * share) for element, share in fractions.items()}
    if rare := next((element for element, number in counts.items() if number < 1), None):
        raise GlasspotError(f"{n_atoms} atoms of {composition} hold no {rare}; say how many atoms there were.")
    return counts


def composition_of(counts: Mapping[str, int], where: str, given: Composition | None = None) -> Composition:
    """Return the composition of ``counts``: as given, where the atoms agree, or of the usual oxide of each element.

    GlasspotError where the atoms do not agree, or leave more than one composition.
    """
    if given is not None:
        total = sum(counts.values())
        expected = counts_of(given, max(total, 10_000))
        wanted = {element: number / sum(expected.values()) for element, number in expected.items()}
        off = max(abs(wanted.get(e, 0.0) - counts.get(e, 0) / total) for e in {*wanted, *counts})
        if off > COUNTS_TOLERANCE:
            listed = ", ".join(f"{number} {element}" for element, number in counts.items())
            raise GlasspotError(f"{where} holds {listed}, which is not {given}; correct the composition.")
        return replace(given, note="")
    moles: dict[str, float] = {}
    oxygens = 0.0
    for element, number in counts.items():
        if element == "O":
            continue
        usual = [name for name in COMMON_OXIDES if parse_oxide(name).element == element]
        if len(usual) != 1:
            which = f"may be {' or '.join(usual)}" if usual else "has no usual oxide"
            raise GlasspotError(f"{where} holds {element}, which {which}; give the composition.")
        oxide = parse_oxide(usual[0])
        moles[usual[0]] = number / oxide.cations
        oxygens += moles[usual[0]] * oxide.oxygens
    if not moles or abs(oxygens - counts.get("O", 0)) > 0.5:
        raise GlasspotError(
            f"{where} holds {counts.get('O', 0)} O, but the usual oxides of its other atoms hold {oxygens:g}; give the "
            "composition."
        )
    return Composition(tuple((name, number / sum(moles.values())) for name, number in moles.items()))


def rebinned(r: FloatArray, g: FloatArray, grid: FloatArray, where: str) -> FloatArray:
    """Return g(r) (n,) at ``r`` (n,) brought to the bins with the centres ``grid`` (n_r,), which begin at 0.

    The counts int g r^2 dr are kept (see the module). GlasspotError where ``r`` ends before the grid does, or begins
    where g is not yet zero.
    """
    from scipy.interpolate import PchipInterpolator

    edges = np.arange(len(grid) + 1) * float(grid[1] - grid[0])
    middle = 0.5 * (r[1:] + r[:-1])
    own = np.concatenate([[max(0.0, 2 * r[0] - middle[0])], middle, [2 * r[-1] - middle[-1]]])
    if own[-1] < edges[-1] * (1 - 1e-6):
        raise GlasspotError(f"{where} ends at {r[-1]:g} A, but the set reaches {edges[-1]:g} A; give a longer g(r).")
    if own[0] > 0:
        if g[0] > CORE:
            raise GlasspotError(f"{where} begins at {r[0]:g} A with g = {g[0]:g}; give g(r) from where it is zero.")
        own, g = np.concatenate([[0.0], own]), np.concatenate([[0.0], g])
    counts = np.concatenate([[0.0], np.cumsum(g * np.diff(own**3))])
    at_edges = PchipInterpolator(own**3, counts)(np.minimum(edges, own[-1]) ** 3)
    return np.asarray(np.maximum(np.diff(at_edges) / np.diff(edges**3), 0.0))


def _file(path: Path, fractions: Mapping[str, float], grid: FloatArray) -> dict[str, FloatArray]:
    """Return pair -> g_ab(r) on the grid of one file, all pairs of the glass."""
    columns = read_csv_columns(path)
    names = list(columns)
    r = columns[names[0]]
    if r[0] < 0 or (np.diff(r) <= 0).any():
        raise GlasspotError(f"{path}: the first column must be r in A, from 0 or above and rising.")
    found: dict[str, FloatArray] = {}
    for name in names[1:]:
        if name.startswith(PASSED_OVER) or name in ("g_total", "total"):
            continue
        pair = _pair(name, path)
        if pair in found:
            raise GlasspotError(f"{path} has two columns of {pair}; keep one.")
        if not set(ends_of(pair)) <= set(fractions):
            raise GlasspotError(f"{path} has g(r) of {pair}, but the glass is made of {', '.join(fractions)}.")
        if columns[name].min() < LOWEST:
            raise GlasspotError(f"{path}: g(r) of {pair} falls to {columns[name].min():.3g}; g(r) is never below 0.")
        found[pair] = rebinned(r, np.maximum(columns[name], 0.0), grid, f"{path}: {pair}")
    if missing := [pair for pair in pairs_of(fractions) if pair not in found]:
        raise GlasspotError(f"{path} has no column of {', '.join(missing)}; a glass needs all pairs of its elements.")
    _check_tail(found, fractions, grid, path)
    return {pair: found[pair] for pair in pairs_of(fractions)}


def _pair(name: str, path: Path) -> str:
    try:
        return pair_name(*ends_of(name.removeprefix("g_").strip()))
    except GlasspotError:
        raise GlasspotError(f'{path}: the column "{name}" names no pair of elements; expected such as Si-O.') from None


def _check_tail(found: Mapping[str, FloatArray], fractions: Mapping[str, float], grid: FloatArray, path: Path) -> None:
    """Raise GlasspotError where the total does not end near 1: another function than g(r), or another unit of r."""
    total = np.zeros_like(grid)
    for pair, g in found.items():
        a, b = ends_of(pair)
        total += fractions[a] * fractions[b] * (1.0 if a == b else 2.0) * g
    tail = float(total[grid > grid[-1] - TAIL].mean())
    if not TAIL_LIMITS[0] < tail < TAIL_LIMITS[1]:
        raise GlasspotError(
            f"{path}: the curves end at {tail:.3g} on average, where g(r) is near 1; is it another function, such as "
            "4 pi r^2 rho g(r), or is r not in A?"
        )
