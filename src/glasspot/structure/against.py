"""A glass against reference frames: the same curves and numbers of both, on the same grids and with the same cut-offs.

    R_X = sqrt( sum_i (G_ref(r_i) - G(r_i))^2 / sum_i G_ref(r_i)^2 )

is Wright's parameter as F. Shuaib et al. (2024, hal-04778920) use it, their eq. 15, on the total X-ray g(r) of
:mod:`~glasspot.structure.sides`. Two sets of frames of one glass still have the R_X of their noise,
sqrt(sum (e^2 + e_ref^2) / sum G_ref^2), which is given beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glasspot.curves import Curve, wright_r_x
from glasspot.errors import GlasspotError
from glasspot.structure.analysis import FARTHEST, NEAREST, OnStep, Options, half_width
from glasspot.structure.frames import Frame, species_order
from glasspot.structure.pdf import formula
from glasspot.structure.sides import Line, Side, side_of
from glasspot.structure.soundness import Soundness, judge, reference_of

R_FROM = 1.0  # A: where R_X of a g(r) begins, as Wright has it
SAME = 0.01  # of an atomic fraction: compositions that differ by more are not the same glass
SAME_DENSITY = 0.02


@dataclass(frozen=True)
class Misfit:
    """R_X of one line of a glass against the reference, from ``low`` to ``high`` (A or 1/A); fractions.

    ``error``: standard error from blocks of both (jackknife); ``noise``: what R_X would be without any difference.
    """

    value: float
    error: float | None
    noise: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """A glass against the reference: ``misfits`` by the name of the line, and whether it is sound at all."""

    side: Side
    misfits: Mapping[str, Misfit]
    soundness: Soundness


@dataclass(frozen=True)
class Evidence:
    """All glasses against the reference. ``cutoffs`` and ``r_max`` (A) are the same for all."""

    reference: Side
    glasses: tuple[Compared, ...]
    cutoffs: Mapping[str, float]
    r_max: float
    cautions: tuple[str, ...]


def compare(
    reference: tuple[str, Sequence[Frame]],
    glasses: Sequence[tuple[str, Sequence[Frame]]],
    options: Options | None = None,
    on_step: OnStep | None = None,
) -> Evidence:
    """Return glasses, each (name, frames), against reference frames (name, frames).

    Isolated atoms among the reference frames are left out; of frames with different numbers of atoms the largest group
    is averaged, and a caution says so. g(r) of all ends where that of the smallest box does, or at ``options.r_max``.
    Cut-offs that ``options`` does not give are the first minima of the reference. GlasspotError where the elements of
    a glass are not those of the reference.
    """
    options = options or Options()
    name, frames = reference
    whole = [frame for frame in frames if frame.n_atoms > 1]
    if not whole:
        raise GlasspotError(f"{name} holds no frame of more than one atom, so there is nothing to compare with.")
    chosen, cautions = _largest_group(name, whole)
    elements = set(chosen[0].species)
    for glass, own in glasses:
        if set(own[0].species) != elements:
            raise GlasspotError(
                f"{glass} is made of {', '.join(own[0].species)}, but the reference {name} of "
                f"{', '.join(chosen[0].species)}; give reference frames of the same elements."
            )
    half = min(half_width(chosen), *(half_width(own) for _, own in glasses))
    width = options.bin_width
    r_max = options.r_max or max(NEAREST, float(np.floor(min(half, FARTHEST) / width) * width))
    options = replace(options, r_max=r_max)
    left = side_of(name, chosen, options, on_step)
    cutoffs = {pair: cutoff.value for pair, cutoff in left.analysis.cutoffs.items()}
    options = replace(options, cutoffs=cutoffs)
    good = reference_of(whole)
    made = []
    for glass, own in glasses:
        right = side_of(glass, own, options, on_step)
        cautions += _doubts(left, right)
        made.append(Compared(right, _misfits(left, right, options), judge(own, good)))
    return Evidence(left, tuple(made), cutoffs, r_max, tuple(dict.fromkeys(cautions)))


def _largest_group(name: str, frames: Sequence[Frame]) -> tuple[list[Frame], list[str]]:
    """Return the frames of the composition and size that most have, in one order of species, and what was left out."""
    groups: dict[tuple[tuple[str, int], ...], list[Frame]] = {}
    for frame in frames:
        counts = {element: number for element, number in frame.counts.items() if number}
        groups.setdefault(tuple(sorted(counts.items())), []).append(frame)
    largest = max(groups.values(), key=len)
    species = species_order(element for element, number in largest[0].counts.items() if number)
    chosen = [Frame.from_symbols(frame.symbols, frame.positions, frame.cell, species) for frame in largest]
    if len(groups) == 1:
        return chosen, []
    others = ", ".join(f"{len(group)} of {formula(dict(key))}" for key, group in groups.items() if group is not largest)
    return chosen, [
        f"{name} holds frames of different atoms; the {len(largest)} of {formula(largest[0].counts)} are the "
        f"reference, {others} are left out."
    ]


def _doubts(left: Side, right: Side) -> list[str]:
    """Return what a reader must know before comparing the two."""
    ours, theirs = right.analysis.pdf.fractions, left.analysis.pdf.fractions
    cautions = []
    off = [element for element in theirs if abs(ours[element] - theirs[element]) > SAME]
    if off:
        parts = ", ".join(f"{100 * ours[e]:.1f} % {e} ({100 * theirs[e]:.1f} %)" for e in off)
        cautions.append(f"{right.name} has another composition than the reference: {parts}.")
    ratio = right.analysis.density / left.analysis.density - 1.0
    if abs(ratio) > SAME_DENSITY:
        cautions.append(
            f"{right.name} has a density of {right.analysis.density:.3f} g/cm3, the reference "
            f"{left.analysis.density:.3f} ({100 * ratio:+.1f} %): part of every difference comes from that."
        )
    return cautions


def _misfits(left: Side, right: Side, options: Options) -> dict[str, Misfit]:
    """Return R_X of every line that both sides have, over the range in which the boxes resolve it."""
    r_max = float(left.analysis.pdf.edges[-1])
    found = {}
    for name, line in left.lines.items():
        if name not in right.lines:
            continue
        in_r = "g(r)" in name
        low = R_FROM if in_r else max(options.q_range[0], 2.0 * np.pi / r_max)
        high = r_max if in_r else float(line.x[-1])
        found[name] = r_x(line, right.lines[name], low, high)
    return found


def r_x(reference: Line, model: Line, low: float, high: float) -> Misfit:
    """Return Wright's R_X of two lines on one grid between ``low`` and ``high``, its error and that of the noise."""
    span = (low, high)

    def value(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        return wright_r_x(Curve(reference.x, first), Curve(model.x, second), span)

    errors = [
        _jackknife(model.blocks, lambda mean: value(reference.y, mean)),
        _jackknife(reference.blocks, lambda mean: value(mean, model.y)),
    ]
    known = [error for error in errors if error is not None]
    inside = (reference.x >= low) & (reference.x <= high)
    noises = [error[inside] ** 2 for error in (reference.error, model.error) if error is not None]
    noise = float(np.sqrt(np.sum(noises) / np.sum(reference.y[inside] ** 2))) if noises else None
    return Misfit(value(reference.y, model.y), float(np.hypot.reduce(known)) if known else None, noise, low, high)


def _jackknife(blocks: NDArray[np.float64] | None, function: Callable[[NDArray[np.float64]], float]) -> float | None:
    """Return the standard error of a function of the mean over blocks, each left out in turn."""
    if blocks is None:
        return None
    n = len(blocks)
    values = np.array([function((blocks.sum(axis=0) - block) / (n - 1)) for block in blocks])
    return float(np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2)))
