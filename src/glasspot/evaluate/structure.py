"""The structure of a run's frames as numbers and curves: coordination, angles, Qn, rings, S(Q), density.

Names: :mod:`glasspot.structure.quantities`. Bonds end at the first minimum of g(r), as ``glasspot analyse`` finds it;
only the fractions of boron by its number of oxygens have a fixed cut-off, 1.8 A, that of the experiments' comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from glasspot.evaluate.job import Observe
from glasspot.structure.analysis import Analysis, Options, analyse
from glasspot.structure.frames import Frame
from glasspot.structure.quantities import (
    FIXED_CUTOFFS,
    MOST_BRIDGES,
    MOST_OXYGENS,
    formers_of,
    fraction_name,
    oxygen_name,
    qn_name,
)
from glasspot.structure.topology import coordination, find_bonds

ANGLE_BIN = 2.0  # degrees: the frames are few
MOST_NEIGHBOURS = 12


def structure_arrays(frames: Sequence[Frame], observe: Observe) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return numbers ("density", "coordination Si-O", "fraction_B4", "Q4 Si" ...) and curves ("... |x", "... |y").

    "density error" is a standard error from blocks of the frames; it and "density" are in g/cm3. "cut-off Si-O" (A)
    tells where a bond ends. Curves: "coordination Si-O" and "angle O-Si-O" distributions, "S(Q) xray" and
    "S(Q) neutron" (1/A) where all elements are tabulated, "rings" per former by their number of formers.
    """
    found = analyse(frames, Options(r_max=observe.r_max, angle_bin=ANGLE_BIN))
    numbers = {"density": found.density}
    if found.density_error is not None:
        numbers["density error"] = found.density_error
    numbers |= {f"cut-off {pair}": cutoff.value for pair, cutoff in found.cutoffs.items()}
    arrays: dict[str, np.ndarray] = {}
    neighbours = np.arange(MOST_NEIGHBOURS + 1)
    for c in found.coordination:
        name = f"coordination {c.centre}-{c.neighbour}"
        numbers[name] = c.mean
        arrays[f"{name}|x"] = neighbours.astype(float)
        arrays[f"{name}|y"] = np.array([c.distribution.get(int(n), 0.0) for n in neighbours])
    for a in found.angles:
        name = f"angle {a.name}"
        numbers[name] = a.mean
        arrays[f"{name}|x"], arrays[f"{name}|y"] = a.angle, a.density
    for name, probe in (("S(Q) xray", found.xray), ("S(Q) neutron", found.neutron)):
        if probe is not None:
            arrays[f"{name}|x"], arrays[f"{name}|y"] = probe.q, probe.s
    if found.rings is not None:
        arrays["rings|x"], arrays["rings|y"] = found.rings.size.astype(float), found.rings.per_former
    return numbers | _coordination_fractions(frames, found) | _network_numbers(found), arrays


def _coordination_fractions(frames: Sequence[Frame], found: Analysis) -> dict[str, float]:
    """Return the fractions of each former by its number of oxygens, those of boron with its fixed cut-off."""
    known = {c.centre: c.distribution for c in found.coordination if c.neighbour == "O"}
    numbers: dict[str, float] = {}
    for former in formers_of(frames[0].species):
        distribution: Mapping[int, float] | None = known.get(former)
        if former in FIXED_CUTOFFS:
            bonds = find_bonds(frames, {f"{former}-O": FIXED_CUTOFFS[former]})
            distribution = coordination(bonds, former, "O").distribution
        if distribution is not None:
            numbers |= {fraction_name(former, n): distribution.get(n, 0.0) for n in range(MOST_OXYGENS + 1)}
    return numbers


def _network_numbers(found: Analysis) -> dict[str, float]:
    """Return the Qn of each former and the fractions of the oxygens."""
    if found.network is None:
        return {}
    numbers = {oxygen_name(kind): share for kind, share in found.network.oxygen.items()}
    for former, shares in found.network.qn.items():
        numbers |= {qn_name(former, n): shares.get(n, 0.0) for n in range(MOST_BRIDGES + 1)}
    return numbers
