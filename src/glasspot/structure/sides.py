"""What a set of frames shows, as lines, peaks and bonds that can be set beside those of another set.

The total X-ray pair distribution function is

    G(r) = sum_ab w_ab g_ab(r),   w_ab = c_a c_b (2 - delta_ab) Z_a Z_b / (sum_a c_a Z_a)^2,

with the number of electrons Z for the form factors, so that no Fourier transform comes in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of
from glasspot.structure import scattering
from glasspot.structure.analysis import BOND_FRAMES, NEAREST, Analysis, OnStep, Options, analyse
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import PairDistribution, block_error, pair_distribution, standard_error, total_weights
from glasspot.structure.peaks import first_peak
from glasspot.structure.topology import find_bonds

PEAK_BIN = 0.02  # A: narrow peaks, as of B-O at 300 K, need finer bins than a whole g(r)
PEAK_END = 1.15  # times the place of a peak, behind which it is not looked for in a block of frames
PEAK_SMOOTHING = 0.04  # A: of the curve that tells where such a peak ends; the fit is to the bare bins


@dataclass(frozen=True)
class Peak:
    """Place (A, or 1/A) and height of a peak, with standard errors from blocks of frames, None for few frames."""

    place: float
    height: float
    place_error: float | None = None
    height_error: float | None = None


@dataclass(frozen=True)
class Folds:
    """How many bonds an atom of an element has, to all others: mean, its standard error, and l -> fraction l-fold."""

    mean: float
    error: float | None
    distribution: Mapping[int, float]


@dataclass(frozen=True)
class Line:
    """One curve of a side: ``y`` (n,) at ``x`` (n,), and the means of blocks of frames (n_blocks, n), or None."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    blocks: NDArray[np.float64] | None

    @property
    def error(self) -> NDArray[np.float64] | None:
        """Standard error of ``y``, (n,), or None."""
        return standard_error(self.blocks)


@dataclass(frozen=True)
class Side:
    """What one set of frames shows. ``lines``: "X-ray g(r)", "X-ray S(Q)", "neutron S(Q)", "g(r) As-Te", "S(Q) As-Te";
    ``peaks``: "g(r) As-Te" the first peak of a pair, "X-ray S(Q)" the first that stands out; ``folds``: by element.
    """

    name: str
    n_atoms: int
    n_frames: int
    analysis: Analysis
    lines: Mapping[str, Line]
    peaks: Mapping[str, Peak]
    folds: Mapping[str, Folds]


def side_of(name: str, frames: Sequence[Frame], options: Options, on_step: OnStep | None = None) -> Side:
    """Return what frames of the same atoms show; errors as :func:`glasspot.structure.analysis.analyse`."""

    def tell(stage: str, done: int, in_all: int) -> None:
        if on_step is not None:
            on_step(f"{name}: {stage}", done, in_all)

    found = analyse(frames, options, tell)
    fine = pair_distribution(frames, min(NEAREST, float(found.pdf.edges[-1])), PEAK_BIN)
    lines = _lines(found)
    peaks = {f"g(r) {pair}": peak for pair in fine.labels if (peak := _pair_peak(fine, pair)) is not None}
    for kind in ("X-ray S(Q)", "neutron S(Q)"):
        if kind in lines and (peak := _first_diffraction_peak(lines[kind])) is not None:
            peaks[kind] = peak
    return Side(
        name=name,
        n_atoms=sum(found.pdf.counts.values()),
        n_frames=len(frames),
        analysis=found,
        lines=lines,
        peaks=peaks,
        folds=_folds(frames, {pair: cutoff.value for pair, cutoff in found.cutoffs.items()}),
    )


def xray_weights(pdf: PairDistribution) -> NDArray[np.float64]:
    """Return w_ab = c_a c_b (2 - delta_ab) Z_a Z_b / (sum c Z)^2, (n_pairs,), which sum to 1."""
    from ase.data import atomic_numbers

    electrons = {element: atomic_numbers[element_of(element)] for element in pdf.fractions}
    mean = sum(share * electrons[element] for element, share in pdf.fractions.items())
    pairs = [label.split("-") for label in pdf.labels]
    products = np.array([electrons[a] * electrons[b] for a, b in pairs], dtype=np.float64)
    return np.asarray(total_weights(pdf) * products / mean**2)


def _lines(found: Analysis) -> dict[str, Line]:
    pdf, partials = found.pdf, found.partials
    weights = xray_weights(pdf)
    lines = {"X-ray g(r)": Line(pdf.r, weights @ pdf.g, _along(pdf.blocks, lambda block: weights @ block))}
    probes: tuple[tuple[str, Any, Any], ...] = (
        ("X-ray S(Q)", found.xray, scattering.xray),
        ("neutron S(Q)", found.neutron, scattering.neutron),
    )
    for name, total, probe in probes:
        if total is not None:
            blocks = _along(partials.blocks, lambda s, probe=probe: probe(replace(partials, s=s, blocks=None)).s)
            lines[name] = Line(partials.q, total.s, blocks)
    for n, label in enumerate(pdf.labels):
        lines[f"g(r) {label}"] = Line(pdf.r, pdf.g[n], None if pdf.blocks is None else pdf.blocks[:, n])
        lines[f"S(Q) {label}"] = Line(
            partials.q, partials.s[n], None if partials.blocks is None else partials.blocks[:, n]
        )
    return lines


def _along(blocks: NDArray[np.float64] | None, function: Any) -> NDArray[np.float64] | None:
    return None if blocks is None else np.array([function(block) for block in blocks])


def _pair_peak(pdf: PairDistribution, pair: str) -> Peak | None:
    """Return the first peak of a partial g(r), None where there is none."""
    row = pdf.index(pair)
    blocks = pdf.blocks[:, row] if pdf.blocks is not None else ()
    try:
        place, height = first_peak(pdf.r, pdf.g[row], _smooth(pdf.g[row]))
        # A block has noise enough to lose the minimum, and its peak would run into the next one.
        near = pdf.r < PEAK_END * place
        each = np.array([first_peak(pdf.r[near], block[near], _smooth(block)[near]) for block in blocks])
    except GlasspotError:
        return None
    errors = each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) else (None, None)
    return Peak(place, height, *(None if error is None else float(error) for error in errors))


def _smooth(g: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(g, PEAK_SMOOTHING / PEAK_BIN, mode="nearest"))


def _first_diffraction_peak(line: Line) -> Peak | None:
    """Return the first maximum of S(Q) that stands out by a tenth of the curve's range, its top a parabola's."""
    top = _top(line.x, line.y)
    if top is None:
        return None
    each = [_top(line.x, block, near=top[0]) for block in (line.blocks if line.blocks is not None else ())]
    if not each or any(one is None for one in each):
        return Peak(*top)
    errors = np.array(each).std(axis=0, ddof=1) / np.sqrt(len(each))
    return Peak(*top, float(errors[0]), float(errors[1]))


def _top(x: NDArray[np.float64], y: NDArray[np.float64], near: float | None = None) -> tuple[float, float] | None:
    from scipy.signal import find_peaks

    tops, _ = find_peaks(y, prominence=0.1 * float(np.ptp(y)))
    if not len(tops):
        return None
    top = int(tops[0] if near is None else tops[np.argmin(np.abs(x[tops] - near))])
    low, level, high = y[top - 1 : top + 2]
    shift = 0.5 * (low - high) / (low - 2 * level + high)
    return float(x[top] + shift * (x[1] - x[0])), float(level - 0.25 * (low - high) * shift)


def _folds(frames: Sequence[Frame], cutoffs: Mapping[str, float]) -> dict[str, Folds]:
    """Return the number of bonds of the atoms of each element to all their neighbours."""
    if not cutoffs:
        return {}
    chosen = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, BOND_FRAMES).astype(int))]
    numbers: dict[str, list[NDArray[np.int64]]] = {}
    for frame in chosen:
        (bonds,) = find_bonds(frame, cutoffs)
        each = np.bincount(bonds.first, minlength=frame.n_atoms)
        for element in frame.species:
            numbers.setdefault(element, []).append(each[bonds.are(element)])
    found = {}
    for element, mine in numbers.items():
        means = np.array([number.mean() for number in mine])
        values, counts = np.unique(np.concatenate(mine), return_counts=True)
        shares = {int(value): float(count / counts.sum()) for value, count in zip(values, counts, strict=True)}
        found[element] = Folds(float(means.mean()), block_error(means), shares)
    return found
