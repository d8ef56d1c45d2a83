"""Everything that is asked of a glass's structure, from frames to one frozen answer: what ``analyse`` computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.oxides import element_of
from glasspot.structure import scattering, topology
from glasspot.structure.frames import Frame, cell_heights
from glasspot.structure.pdf import PairDistribution, as_frames, block_error, pair_distribution, total
from glasspot.structure.peaks import first_minimum, first_peak
from glasspot.structure.rings import Rings, shortest_path_rings

# Without a range given, g(r) goes to half the box, but not beyond this (A): S(Q) gains little, large boxes cost much.
FARTHEST = 20.0
# Nor does it end before this (A), so that the first shell is seen in a small cell too.
NEAREST = 6.0
# Atoms in 1 A^3; more than any matter has, and then everything is bonded to everything, in rings without number.
DENSEST = 2.0
# Bonds are found in at most this many frames, evenly spaced: more changes no distribution and fills the memory.
BOND_FRAMES = 200
# Beside these bonds of like atoms are no part of the network; S, Se and Te do bond to themselves.
ANIONS = ("O", "F", "N", "Cl", "Br", "I")

OnStep = Callable[[str, int, int], None]  # stage, frames done, frames in all


@dataclass(frozen=True)
class Options:
    """What is asked. ``cutoffs`` {"Si-O": 2.2} in A; ``r_max`` None: half the box; ``q_range`` in 1/A."""

    cutoffs: Mapping[str, float] = field(default_factory=dict)
    r_max: float | None = None
    bin_width: float = 0.05
    q_range: tuple[float, float] = (0.5, 20.0)
    q_step: float = 0.05
    lorch: bool = False
    angle_bin: float = 1.0

    def __post_init__(self) -> None:
        if self.r_max is not None and not 0.5 <= self.r_max <= 100.0:
            raise GlasspotError(f"r_max must lie between 0.5 and 100 A; given {self.r_max:g}.")
        if not 0.001 <= self.bin_width <= 0.5:
            raise GlasspotError(f"the bin width of g(r) must lie between 0.001 and 0.5 A; given {self.bin_width:g}.")
        if not self.q_range[1] <= 100.0:
            raise GlasspotError(f"Q must end at 100 1/A or before; given {self.q_range[1]:g}.")


@dataclass(frozen=True)
class Cutoff:
    """The length (A) that ends a bond, and where it came from: "given" or "first minimum"."""

    value: float
    source: str


@dataclass(frozen=True)
class Angle:
    """Distribution of the angle a-b-c (b in the middle): ``angle`` (n,) degrees, ``density`` (n,) per degree."""

    name: str
    angle: NDArray[np.float64]
    density: NDArray[np.float64]
    mean: float
    std: float
    peak: float


@dataclass(frozen=True)
class Analysis:
    """The structure of one set of frames. Errors are standard errors from blocks of frames, None for few frames."""

    n_frames: int
    density: float  # g/cm3
    density_error: float | None
    pdf: PairDistribution
    total_g: NDArray[np.float64]
    total_g_error: NDArray[np.float64] | None
    peaks: Mapping[str, tuple[float, float]]  # pair -> distance (A) and height of the first peak of g(r)
    cutoffs: Mapping[str, Cutoff]
    coordination: tuple[topology.Coordination, ...]
    angles: tuple[Angle, ...]
    network: topology.Network | None
    rings: Rings | None
    fraction_b4: float | None
    partials: scattering.FaberZiman
    neutron: scattering.TotalScattering | None
    xray: scattering.TotalScattering | None
    lorch: bool
    notes: tuple[str, ...]


def analyse(frames: Frame | Sequence[Frame], options: Options | None = None, on_step: OnStep | None = None) -> Analysis:
    """Return the structure averaged over frames of the same atoms; GlasspotError for options that make no sense."""
    options = options or Options()
    frames = as_frames(frames)
    thick = next((frame for frame in frames if frame.n_atoms > DENSEST * frame.volume), None)
    if thick is not None:
        raise GlasspotError(
            f"a frame holds {thick.n_atoms / thick.volume:.3g} atoms/A^3, more than any matter; is its cell in A?"
        )
    notes: list[str] = []
    q = scattering.q_grid(*options.q_range, options.q_step)
    topology.cutoff_matrix(frames[0], options.cutoffs)
    r_max = _range(frames, options, notes)
    step = on_step or _silent
    done = iter(range(1, len(frames) + 1))
    pdf = pair_distribution(frames, r_max, options.bin_width, lambda: step("g(r)", next(done), len(frames)))
    peaks, cutoffs = _shells(pdf, options.cutoffs, notes)
    chosen = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, BOND_FRAMES).astype(int))]
    if len(chosen) < len(frames):
        notes.append(f"Coordination, angles and Qn come from {len(chosen)} of the {len(frames)} frames, evenly spaced.")
    bonds = _bonds(chosen, cutoffs, step)
    partials = scattering.faber_ziman(pdf, q, options.lorch)
    densities = np.array([frame.density for frame in frames])
    coordination = _coordination(bonds, cutoffs)
    network = _network(bonds, cutoffs, notes)
    total_g, total_error = total(pdf)
    return Analysis(
        n_frames=len(frames),
        density=float(densities.mean()),
        density_error=block_error(densities),
        pdf=pdf,
        total_g=total_g,
        total_g_error=total_error,
        peaks=peaks,
        cutoffs=cutoffs,
        coordination=coordination,
        angles=_angles(bonds, cutoffs, options.angle_bin),
        network=network,
        rings=_rings(bonds, network, notes, step),
        fraction_b4=next(
            (c.distribution.get(4, 0.0) for c in coordination if (c.centre, c.neighbour) == ("B", "O")), None
        ),
        partials=partials,
        neutron=_scattered(scattering.neutron, partials, notes),
        xray=_scattered(scattering.xray, partials, notes),
        lorch=options.lorch,
        notes=tuple(notes),
    )


def _silent(stage: str, done: int, in_all: int) -> None:
    """Report no progress."""


def half_width(frames: Sequence[Frame]) -> float:
    """Return half the smallest distance between opposite faces of the cells, in A."""
    return 0.5 * min(float(cell_heights(frame.cell).min()) for frame in frames)


def _range(frames: Sequence[Frame], options: Options, notes: list[str]) -> float:
    half = half_width(frames)
    # A whole number of bins that stays within half the box.
    r_max = options.r_max or float(np.floor(min(half, FARTHEST) / options.bin_width) * options.bin_width)
    if options.r_max is None:
        r_max = max(r_max, NEAREST)
    if r_max > half + 1e-9:
        notes.append(f"g(r) to {r_max:g} A goes beyond half the box ({half:.2f} A), where it repeats the box.")
    return r_max


def bonded_pairs(species: Sequence[str]) -> list[tuple[str, str]]:
    """Return (cation, anion) pairs beside O, N or a halogen; else all pairs, as in a metal or a chalcogenide."""
    anions = [e for e in species if element_of(e) in ANIONS]
    cations = [e for e in species if e not in anions]
    if not anions or not cations:
        return list(combinations_with_replacement(species, 2))
    return [(a, b) for a in cations for b in anions]


def _shells(
    pdf: PairDistribution, given: Mapping[str, float], notes: list[str]
) -> tuple[dict[str, tuple[float, float]], dict[str, Cutoff]]:
    """Return the first peak of each pair, and the cut-off of each bonded pair, given or found."""
    peaks: dict[str, tuple[float, float]] = {}
    cutoffs = {pdf.labels[pdf.index(pair)]: Cutoff(value, "given") for pair, value in given.items()}
    bonded = {pdf.labels[pdf.index(f"{a}-{b}")] for a, b in bonded_pairs(tuple(pdf.counts))}
    for label in pdf.labels:
        g = pdf.partial(label)
        try:
            peaks[label] = first_peak(pdf.r, g)
            if label in bonded and label not in cutoffs:
                cutoffs[label] = Cutoff(first_minimum(pdf.r, g), "first minimum")
        except GlasspotError as error:
            if label in bonded and label not in cutoffs:
                notes.append(f"{label}: no cut-off was found, so its bonds are left out. {error}")
    return peaks, {label: cutoffs[label] for label in pdf.labels if label in cutoffs}


def _bonds(frames: Sequence[Frame], cutoffs: Mapping[str, Cutoff], step: OnStep) -> list[topology.Bonds]:
    if not cutoffs:
        return []
    lengths = {pair: cutoff.value for pair, cutoff in cutoffs.items()}
    found = []
    for number, frame in enumerate(frames, start=1):
        found += topology.find_bonds(frame, lengths)
        step("bonds", number, len(frames))
    return found


def _coordination(bonds: Sequence[topology.Bonds], cutoffs: Mapping[str, Cutoff]) -> tuple[topology.Coordination, ...]:
    result = []
    for pair in cutoffs:
        a, b = pair.split("-")
        result.append(topology.coordination(bonds, a, b))
        if a != b:
            result.append(topology.coordination(bonds, b, a))
    return tuple(result)


def angle_triples(species: Sequence[str], pairs: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the angles worth a look: anions about each cation, and network formers about each anion.

    Where no network former is bonded, or there is one kind of element only, all angles of the bonded pairs.
    """
    both = [tuple(pair.split("-")) for pair in pairs]
    bonded = {(a, b) for a, b in both} | {(b, a) for a, b in both}
    anions = {b for a, b in bonded_pairs(species) if a != b} - {a for a, b in bonded_pairs(species)}
    triples = []
    for middle in species:
        ends = [e for e in species if (middle, e) in bonded]
        if middle in anions:
            formers = [e for e in ends if e in topology.NETWORK_FORMERS]
            ends = formers or ends
        triples += [(a, middle, c) for a, c in combinations_with_replacement(ends, 2)]
    return triples


def _angles(bonds: Sequence[topology.Bonds], cutoffs: Mapping[str, Cutoff], width: float) -> tuple[Angle, ...]:
    if not bonds:
        return ()
    result = []
    for a, b, c in angle_triples(bonds[0].frame.species, list(cutoffs)):
        angle, density = topology.bond_angles(bonds, a, b, c, width)
        if density.any():
            mean, std = topology.angle_moments(angle, density)
            result.append(Angle(f"{a}-{b}-{c}", angle, density, mean, std, float(angle[np.argmax(density)])))
    return tuple(result)


def _network(
    bonds: Sequence[topology.Bonds], cutoffs: Mapping[str, Cutoff], notes: list[str]
) -> topology.Network | None:
    if not bonds or "O" not in bonds[0].frame.species:
        return None
    present = [e for e in bonds[0].frame.species if e in topology.NETWORK_FORMERS]
    formers = [e for e in present if f"{e}-O" in cutoffs or f"O-{e}" in cutoffs]
    if formers != present:
        left_out = ", ".join(e for e in present if e not in formers)
        notes.append(f"Bridging oxygens and Qn leave out {left_out}, which has no cut-off with O.")
    return topology.network(bonds, formers) if formers else None


def _rings(
    bonds: Sequence[topology.Bonds], network: topology.Network | None, notes: list[str], step: OnStep
) -> Rings | None:
    if network is None:
        return None
    step("rings", 0, 0)
    try:
        rings = shortest_path_rings(bonds, network.formers)
    except GlasspotError as error:
        notes.append(f"Rings are left out: {error}")
        return None
    if rings.n_frames < len(bonds):
        notes.append(f"Rings come from {rings.n_frames} of {len(bonds)} frames, evenly spaced.")
    return rings


def _scattered(
    probe: Callable[[scattering.FaberZiman], scattering.TotalScattering],
    partials: scattering.FaberZiman,
    notes: list[str],
) -> scattering.TotalScattering | None:
    try:
        return probe(partials)
    except GlasspotError as error:
        notes.append(f"The total {probe.__name__} S(Q) is left out: {error}")
        return None
