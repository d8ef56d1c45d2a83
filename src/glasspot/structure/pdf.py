"""Pair distribution functions g_ab(r), their errors, the total, and running coordination numbers.

    g_ab(r) = V n_ab(r) / (N_a N_b v(r)),   a = b: V n_aa(r) / (N_a^2 / 2 v(r))

with n_ab the mean number of unordered pairs in a bin and v its shell volume. N_a^2, not N_a (N_a - 1): a periodic
system is infinite, so g does not depend on how many copies of the cell are taken, and the coordination number is
exactly 4 pi rho_b int g_ab r^2 dr. (LAMMPS and VMD take N_a (N_a - 1): their g_aa is N_a / (N_a - 1) times
this one.) Errors come from blocks of consecutive frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import histogram, pair_labels, pair_row

# Blocks for errors: enough for an error of the error of about a quarter, few enough to outlast correlations.
BLOCKS = 8


@dataclass(frozen=True)
class PairDistribution:
    """Partial g_ab(r). ``r`` (n,) centres of the bins in A; ``g`` (n_pairs, n); ``labels`` as ``pair_labels``;
    ``counts`` atoms of each element; ``volume`` the mean in A^3; ``blocks`` (n_blocks, n_pairs, n) means of consecutive
    blocks of frames, or None for fewer than four frames.
    """

    r: NDArray[np.float64]
    g: NDArray[np.float64]
    labels: tuple[str, ...]
    counts: Mapping[str, int]
    volume: float
    n_frames: int = 1
    blocks: NDArray[np.float64] | None = None

    @property
    def error(self) -> NDArray[np.float64] | None:
        """Standard error of ``g`` from the blocks, (n_pairs, n), or None."""
        return standard_error(self.blocks)

    @property
    def bin_width(self) -> float:
        return float(self.r[1] - self.r[0])

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins (n + 1,) in A, from 0."""
        return np.asarray(np.arange(len(self.r) + 1) * self.bin_width)

    @property
    def shells(self) -> NDArray[np.float64]:
        """Volume of each spherical shell (n,) in A^3."""
        return 4.0 / 3.0 * np.pi * np.diff(self.edges**3)

    @property
    def number_density(self) -> float:
        """Atoms per A^3."""
        return sum(self.counts.values()) / self.volume

    @property
    def fractions(self) -> dict[str, float]:
        """Atomic fraction of each element."""
        total = sum(self.counts.values())
        return {element: number / total for element, number in self.counts.items()}

    def index(self, pair: str) -> int:
        """Return the row of a pair, "Si-O" or "O-Si"; GlasspotError when there is none."""
        return pair_row(self.labels, pair)

    def partial(self, pair: str) -> NDArray[np.float64]:
        """Return g_ab(r) of one pair, (n,)."""
        return np.asarray(self.g[self.index(pair)])


def standard_error(blocks: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the standard error of the mean over the first axis, or None without blocks."""
    if blocks is None:
        return None
    return np.asarray(blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks)))


def block_error(values: NDArray[np.float64]) -> float | None:
    """Return the standard error of the mean of one number a frame (n,), from blocks; None below four frames."""
    if len(values) < 4:
        return None
    means = [float(piece.mean()) for piece in np.array_split(values, min(BLOCKS, len(values) // 2))]
    return float(np.std(means, ddof=1) / np.sqrt(len(means)))


def pair_distribution(
    frames: Frame | Sequence[Frame],
    r_max: float,
    bin_width: float = 0.05,
    on_frame: Callable[[], None] | None = None,
) -> PairDistribution:
    """Return the partial g(r) averaged over frames, from 0 to ``r_max`` (A); ``on_frame`` is called after each frame.

    The width is made to fit r_max a whole number of times. r_max may exceed half the box: periodic images are counted,
    though peaks beyond it repeat the box. GlasspotError when frames differ in their atoms.
    """
    frames = as_frames(frames)
    n_blocks = min(BLOCKS, len(frames) // 2) if len(frames) >= 4 else 1
    means = []
    for piece in np.array_split(np.arange(len(frames)), n_blocks):
        curves = distributions_of_frames([frames[k] for k in piece], r_max, bin_width, on_frame)
        means.append(sum(curves) / len(piece))
    return _distribution(frames, r_max, np.array(means))


def distributions_of_frames(
    frames: Sequence[Frame], r_max: float, bin_width: float, on_frame: Callable[[], None] | None = None
) -> Iterator[NDArray[np.float64]]:
    """Yield g_ab(r) of each frame alone, (n_pairs, n_bins), divided by the density that this frame has."""
    if not 0 < bin_width < r_max:
        raise GlasspotError(f"the bin width must lie between 0 and r_max; given {bin_width} A and {r_max} A.")
    n_bins = max(2, round(r_max / bin_width))
    edges = np.linspace(0.0, r_max, n_bins + 1)
    ideal = ideal_pairs(frames[0].counts)[:, None] * (4.0 / 3.0 * np.pi * np.diff(edges**3))
    for frame in frames:
        yield histogram(frame, r_max, n_bins) * frame.volume / ideal
        if on_frame is not None:
            on_frame()


def averaged(frames: Sequence[Frame], curves: NDArray[np.float64], r_max: float, n_blocks: int) -> PairDistribution:
    """Return the average of ``curves`` (n_frames, n_pairs, n_bins) of frames, with errors from ``n_blocks`` blocks."""
    pieces = np.array_split(np.arange(len(frames)), n_blocks)
    return _distribution(frames, r_max, np.array([curves[piece].mean(axis=0, dtype=np.float64) for piece in pieces]))


def _distribution(frames: Sequence[Frame], r_max: float, blocks: NDArray[np.float64]) -> PairDistribution:
    """Return the distribution of means of consecutive blocks, as even as ``np.array_split`` makes them."""
    edges = np.linspace(0.0, r_max, blocks.shape[-1] + 1)
    weights = [len(piece) for piece in np.array_split(np.arange(len(frames)), len(blocks))]
    return PairDistribution(
        r=0.5 * (edges[1:] + edges[:-1]),
        g=np.average(blocks, axis=0, weights=weights),
        labels=pair_labels(frames[0].species),
        counts=frames[0].counts,
        volume=float(np.mean([frame.volume for frame in frames])),
        n_frames=len(frames),
        blocks=blocks if len(blocks) > 1 else None,
    )


def as_frames(frames: Frame | Sequence[Frame]) -> list[Frame]:
    """Return a list of at least one frame, all of the same atoms; GlasspotError otherwise."""
    listed = [frames] if isinstance(frames, Frame) else list(frames)
    if not listed:
        raise GlasspotError("no frame is given; at least one is needed.")
    first = listed[0]
    for number, frame in enumerate(listed):
        if frame.species != first.species or frame.counts != first.counts:
            raise GlasspotError(
                f"frames to be averaged must hold the same atoms, but frame 0 holds {formula(first.counts)} and "
                f"frame {number} {formula(frame.counts)}; analyse them apart."
            )
    return listed


def formula(counts: Mapping[str, int]) -> str:
    """Return counts as text, such as ``Si108 O216``."""
    return " ".join(f"{element}{number}" for element, number in counts.items())


def ideal_pairs(counts: Mapping[str, int]) -> NDArray[np.float64]:
    """Return N_a N_b, or N_a^2 / 2 for a = b, in the order of ``pair_labels``; 1 where an element has no atoms."""
    numbers = enumerate(counts.values())
    pairs = [a * b * (0.5 if i == j else 1.0) for (i, a), (j, b) in combinations_with_replacement(numbers, 2)]
    return np.maximum(np.array(pairs, dtype=np.float64), 0.5)


def total_weights(pdf: PairDistribution) -> NDArray[np.float64]:
    """Return w_ab = c_a c_b (2 - delta_ab), (n_pairs,), which sum to 1."""
    c = pdf.fractions
    pairs = [label.split("-") for label in pdf.labels]
    return np.array([c[a] * c[b] * (1.0 if a == b else 2.0) for a, b in pairs])


def total(pdf: PairDistribution) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the total (number-number) g(r) = sum_ab c_a c_b g_ab over ordered pairs, and its error; (n,) each."""
    weights = total_weights(pdf)
    error = None if pdf.blocks is None else standard_error(np.einsum("p,bpn->bn", weights, pdf.blocks))
    return weights @ pdf.g, error


def total_correlation(r: NDArray[np.float64], g: NDArray[np.float64], number_density: float) -> NDArray[np.float64]:
    """Return T(r) = 4 pi rho r g(r) in 1/A^2, with rho in atoms/A^3: the curve that Wright's R_X compares."""
    return 4.0 * np.pi * number_density * r * g


def running_coordination(
    pdf: PairDistribution, centre: str, neighbour: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (r, n): the mean number n of ``neighbour`` atoms within r (A, upper edges of the bins) of a ``centre``.

    n_ab(r) = 4 pi rho_b int_0^r g_ab r'^2 dr', which here is a plain count of pairs.
    """
    for element in (centre, neighbour):
        if element not in pdf.counts:
            raise GlasspotError(f'there is no element "{element}" here; there are {", ".join(pdf.counts)}.')
    density = pdf.counts[neighbour] / pdf.volume
    return pdf.edges[1:], np.cumsum(density * pdf.partial(f"{centre}-{neighbour}") * pdf.shells)


def coordination_within(pdf: PairDistribution, centre: str, neighbour: str, cutoff: float) -> float:
    """Return the mean number of ``neighbour`` atoms within ``cutoff`` (A) of a ``centre``.

    The bin that the cut-off lies in counts by the part of its width that is inside.
    """
    r, running = running_coordination(pdf, centre, neighbour)
    return float(np.interp(cutoff, r, running))


def volumes_within(r: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Return the volume of each shell in A^3, (n,), as far as :func:`coordination_within` counts it.

    ``r`` (n,): centres of equal bins from 0, in A. The sum of these times g(r) and a number density is the number of
    neighbours.
    """
    width = float(r[1] - r[0])
    edges = np.arange(len(r) + 1) * width
    inside = np.clip((cutoff - edges[:-1]) / width, 0.0, 1.0)
    return np.asarray(4.0 / 3.0 * np.pi * np.diff(edges**3) * inside)
