"""The ways in which a glass goes wrong, each with its limit: atoms in each other, holes, segregation, evaporation.

The limits let pass all 97 frames of AsTe3 and all 765 of B2O3 (liquids to 3000 K, glasses, a crystal) of the reference
data, each judged by itself, without reference and against the other half of them: tests/physics/test_soundness.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.structure.look import FAR, Look, Reference
from glasspot.structure.mixing import chance_of_largest, chance_of_sum, contrast

WARNING, FAILURE = "warning", "failure"

# Distances over the sum of the covalent radii. Bonds of hot liquids come down to 0.73 (B-O at 3000 K); the farthest
# nearest neighbour of any atom was at 1.17 (AsTe3).
FUSED = 0.6
LONE = 1.6
# Against the smallest distance of a pair in the reference.
CLOSER, FUSED_REFERENCE = 0.9, 0.8
EVAPORATED = 0.01  # of the atoms without a neighbour, from which on it is a failure

# The largest hole of independent frames scatters by 2 to 8 %; it grows with the logarithm of the size (extreme values).
SCATTER = 0.05
ALLOWED = 5.0  # times the scatter above the largest of the reference
# Without reference: over the 95th percentile of the frame's own holes (real frames of 240 to 480 atoms: at most 1.39),
# and over the mean spacing (B2O3: at most 1.88).
STANDS_OUT, WIDE, SIZE = 1.6, 2.4, 250.0
BURST = 1.3  # times the limit, from which on a hole is a failure

CHANCE = 1e-4  # of a false alarm of segregation in one frame
LEAST_MEAN = 0.1  # of S in the reference: what is mixed better than this may come up to it
TWICE = 2.0  # a mean S that is raised by less than this is no segregation, however sure it is
SPLIT = 0.4  # of the fraction of an element, by which rich and poor half differ, from which on it is a failure

DRIFT, BURST_DENSITY = 0.15, 0.4  # of the density: further off is a warning, a failure


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. ``kind``: "too close", "void", "segregation", "isolated atoms", "density", ...;
    ``severity`` "warning" or "failure"; ``message``: what was seen, against what, and what to do.
    """

    kind: str
    severity: str
    message: str


def too_close(looks: Sequence[Look], reference: Reference | None, numbers: dict[str, float]) -> list[Finding]:
    """Return a finding for each pair whose atoms are in each other. All here note in ``numbers`` what they saw."""
    findings = []
    known = {} if reference is None else reference.closest
    for pair in dict.fromkeys(pair for look in looks for pair in look.closest):
        seen = [look.closest.get(pair, (np.inf, np.inf)) for look in looks]
        least, ratio = min(seen)
        numbers[f"closest_{pair}_A"] = least
        bonded = least / ratio
        limit = max(FUSED * bonded, CLOSER * known.get(pair, 0.0))
        if least >= limit:
            continue
        fused = ratio < FUSED or least < FUSED_REFERENCE * known.get(pair, 0.0)
        against = f"the reference never has them below {known[pair]:.2f} A" if pair in known else ""
        against = against or f"the sum of their covalent radii is {bonded:.2f} A"
        often = _often([distance < limit for distance, _ in seen])
        findings.append(
            Finding(
                "too close",
                FAILURE if fused else WARNING,
                f"{pair} come as near as {least:.2f} A {often}; {against}. The potential does not hold them apart: "
                "train it on frames with short distances, or lower the temperature or the time step.",
            )
        )
    return findings


def isolated(looks: Sequence[Look], reference: Reference | None, numbers: dict[str, float]) -> list[Finding]:
    """Return a finding where atoms have no neighbour."""
    limit = max(LONE, 1.1 * reference.lone if reference is not None else 0.0)
    alone = [look.nearest >= min(limit, FAR) for look in looks]
    worst = int(np.argmax([mask.mean() for mask in alone]))
    number, share = int(alone[worst].sum()), float(alone[worst].mean())
    numbers["isolated_atoms"] = float(number)
    if not number:
        return []
    frame = looks[worst].frame
    counts = np.bincount(frame.types[alone[worst]], minlength=len(frame.species))
    who = ", ".join(f"{n} {name}" for n, name in zip(counts, frame.species, strict=True) if n)
    return [
        Finding(
            "isolated atoms",
            FAILURE if share > EVAPORATED else WARNING,
            f"{who} of {frame.n_atoms} atoms have no neighbour within {min(limit, FAR):.1f} times the sum of covalent "
            f"radii {_often([bool(mask.any()) for mask in alone])}: they have left the glass. The melt was too hot or "
            "the box too large for this potential: lower the melt's temperature, or raise the density.",
        )
    ]


def holes(looks: Sequence[Look], reference: Reference | None, numbers: dict[str, float]) -> list[Finding]:
    """Return a finding where the largest empty sphere is larger than chance makes it."""
    found = [(look.voids.largest / _widest(look, reference), look) for look in looks]
    over, look = max(found, key=lambda item: item[0])
    radius, limit = look.voids.largest, _widest(look, reference)
    numbers["largest_void_A"] = radius
    numbers["void_limit_A"] = limit
    if over <= 1.0:
        return []
    what = f"up to {limit:.1f} A would be usual for {look.frame.n_atoms} atoms"
    if reference is not None:
        what = f"the largest of the reference is {reference.void:.1f} A, and {what}"
    return [
        Finding(
            "void",
            FAILURE if over > BURST else WARNING,
            f"there is a sphere of radius {radius:.1f} A without any atom {_often([x > 1.0 for x, _ in found])}; "
            f"{what}. The glass has torn or boiled: raise the density or the pressure, or train the potential on melts "
            "of lower density.",
        )
    ]


def _widest(look: Look, reference: Reference | None) -> float:
    """Return the radius in A up to which the largest hole of a frame is nothing unusual."""
    frame = look.frame
    if reference is not None:
        growth = max(0.0, float(np.log(frame.n_atoms / reference.n_atoms)))
        return reference.void + SCATTER * reference.mean_void * (ALLOWED + growth)
    growth = 1.0 + SCATTER * max(0.0, float(np.log(frame.n_atoms / SIZE)))
    spacing = float((frame.volume / frame.n_atoms) ** (1 / 3))
    return growth * min(STANDS_OUT * float(np.quantile(look.voids.radii, 0.95)), WIDE * spacing)


def segregation(looks: Sequence[Look], reference: Reference | None, numbers: dict[str, float]) -> list[Finding]:
    """Return a finding where an element has gathered in a part of the box."""
    suspects = []
    for element in dict.fromkeys(element for look in looks for element in look.waves.power):
        usual = 1.0
        if reference is not None and element in reference.segregation:
            usual = max(reference.segregation[element], LEAST_MEAN)
        powers = [look.waves.power[element] for look in looks]
        chances = [_chance(power, usual) for power in powers]
        worst = int(np.argmin(chances))
        numbers[f"segregation_{element}"] = float(max(power.mean() for power in powers))
        if chances[worst] < CHANCE:
            suspects.append((float(powers[worst].max()), element, looks[worst], chances, usual))
    if not suspects:
        return []
    # With two elements both tell the same; the one of which the contrast is largest says it best.
    _, element, look, chances, usual = max(suspects, key=lambda item: _split(item[2], item[1]))
    power = look.waves.power[element]
    low, high = contrast(look.frame, element, look.waves.q[int(np.argmax(power))])
    length = float(look.waves.lengths[int(np.argmax(power))])
    against = "random mixing gives 1 on average" if reference is None else f"the reference has {usual:.2f} or less"
    return [
        Finding(
            "segregation",
            FAILURE if _split(look, element) > SPLIT else WARNING,
            f"{element} is {100 * low:.0f} % of the atoms in one half of the box and {100 * high:.0f} % in the other "
            f"(cut along a wave of {length:.0f} A) {_often([chance < CHANCE for chance in chances])}; its waves of "
            f"concentration have up to {power.max():.1f} times the power of random mixing, where {against}. The "
            "elements come apart: train the potential on more frames of the melt and on larger cells, or mix the melt "
            "better. (Copies of one small cell look like this too: melt them longer.)",
        )
    ]


def _chance(power: NDArray[np.float64], usual: float) -> float:
    """Return the chance that these waves are so strong where S is ``usual`` on average."""
    if not len(power):
        return 1.0
    together = chance_of_sum(power, usual) if power.mean() > TWICE * usual else 1.0
    return min(chance_of_largest(power, usual), together)


def _split(look: Look, element: str) -> float:
    """Return by how much the halves along the strongest wave differ, over the fraction of the rarer kind."""
    low, high = contrast(look.frame, element, look.waves.q[int(np.argmax(look.waves.power[element]))])
    fraction = look.frame.counts[element] / look.frame.n_atoms
    return float((high - low) / min(fraction, 1.0 - fraction))


def density_drift(
    looks: Sequence[Look], reference: Reference | None, expected: float | None, numbers: dict[str, float]
) -> list[Finding]:
    """Return a finding where the density is not the expected one, or none that the reference has."""
    density = float(np.mean([look.frame.density for look in looks]))
    numbers["density_g_cm3"] = density
    low, high = (expected, expected) if expected is not None else (density, density)
    against = "expected"
    if expected is None and reference is not None:
        (low, high), against = reference.density, "in the reference"
    off = max(1.0 - density / low, density / high - 1.0)
    if off <= DRIFT:
        return []
    span = f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}"
    return [
        Finding(
            "density",
            FAILURE if off > BURST_DENSITY else WARNING,
            f"the density is {density:.2f} g/cm3, {against} {span}: {100 * off:.0f} % off. The box has "
            f"{'swollen' if density < low else 'shrunk'}: check the pressure of the run, or keep the volume (NVT), and "
            "train the potential on stresses of cells of several densities.",
        )
    ]


def _often(hits: Sequence[bool]) -> str:
    """Return "in 3 of the 10 frames looked at", or nothing for a single frame."""
    return f"in {sum(hits)} of the {len(hits)} frames looked at" if len(hits) > 1 else "in the frame"
