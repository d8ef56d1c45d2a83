"""U(r) of every pair, one figure a pair: the energies that the potentials of a report give two atoms alone.

Potentials treat the Coulomb part in different ways (Ewald, damped, Wolf), so what stands in an engine's table does not
compare. Drawn is the short range with its cut-off and wall, plus the plain Coulomb energy k q q'/r for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import combinations_with_replacement

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.potential.model import Potential
from glasspot.report.data import FitReport
from glasspot.report.figure import Axis, Figure, Pane, Style, Trace
from glasspot.units import COULOMB_CONSTANT

R_SHOWN = (0.8, 6.0)  # A: from inside every wall to the third neighbours
BOND_RANGE = (1.0, 3.6)  # A: a minimum of U here is that of a bond
BOND_DEPTH = 0.5  # eV: a shallower dip is no bond
SEEN = 2e-3  # of the energy, and eV: what differs by less is one line in a figure
CLOSE, NEAR = 2.0, 2.8  # A: near approach of atoms that repel, and their usual distance in an oxide


def energy_figures(report: FitReport, styles: Mapping[str, Style]) -> list[Figure]:
    """Return U(r) of every pair of elements of the glass (``report.elements``, else those that all potentials know)."""
    if not report.potentials:
        return []
    elements = report.elements or _shared_elements(list(report.potentials.values()))
    pairs: Iterable[tuple[str, str]] = combinations_with_replacement(elements, 2)
    if report.learned is not None:  # of glasses of many elements, and one or two free pairs
        pairs = ((a, b) for a, b in pairs if _is_free(a, b, report) or _differs(a, b, report.potentials.values()))
    drawn = [_energy_figure(a, b, report.potentials, styles) for a, b in pairs]
    return [figure for figure in drawn if figure.panes[0].traces]


def _is_free(a: str, b: str, report: FitReport) -> bool:
    """Whether a free parameter is of this pair, or is a charge, which all pairs have."""
    of = {parameter.name.partition(".")[0] for parameter in report.parameters}
    return bool(of & {"charge", f"{a}-{b}", f"{b}-{a}"})


def _differs(a: str, b: str, potentials: Iterable[Potential]) -> bool:
    """Whether a pair is not the same in all potentials."""
    r = np.linspace(*R_SHOWN, 9)
    curves = []
    for potential in potentials:
        with suppress(GlasspotError):
            curves.append(plain_energy(potential, a, b, r))
    return any(not np.allclose(curve, curves[0], rtol=SEEN, atol=SEEN) for curve in curves)


def _shared_elements(potentials: Sequence[Potential]) -> tuple[str, ...]:
    """Return the elements that every potential knows, cations first: the pair of silicon and oxygen is called Si-O."""
    first = potentials[0]
    shared = [e for e in first.elements if all(e in other.elements for other in potentials)]
    return tuple(sorted(shared, key=lambda e: first.charges.get(e, -1.0) < 0))


def plain_energy(potential: Potential, a: str, b: str, r: np.ndarray) -> np.ndarray:
    """Return short range + wall + k q_a q_b / r in eV at distances ``r`` (A); GlasspotError for an unknown charge."""
    qq = potential.charge(a) * potential.charge(b)
    table = potential.pair_energy(a, b, r) - potential.coulomb.energy(qq, r)
    return np.asarray(table + COULOMB_CONSTANT * qq / r)


def _energy_figure(a: str, b: str, potentials: Mapping[str, Potential], styles: Mapping[str, Style]) -> Figure:
    """Return U(r) of one pair, with axes that show the bond (or the near approach) and not the wall's height."""
    r = np.linspace(*R_SHOWN, 521)
    curves: dict[str, np.ndarray] = {}
    missing = []
    for name, potential in sorted(potentials.items(), key=lambda item: list(styles).index(item[0])):
        try:
            curves[name] = plain_energy(potential, a, b, r)
        except GlasspotError:  # the potential does not know this element, or its charge needs a composition
            missing.append(name)
    limits = [_limits(r, u) for u in curves.values()]
    low, high = min((lo for lo, _ in limits), default=0.0), max((hi for _, hi in limits), default=1.0)
    left = min((float(r[np.argmax(u <= high)]) for u in curves.values() if (u <= high).any()), default=R_SHOWN[0])
    beyond = 2 * (high - low)  # so far past the frame nothing is kept: the wall's height would only fill the file
    traces = tuple(
        Trace(name, r, np.where((u < high + beyond) & (u > low - beyond), u, math.nan), styles[name])
        for name, u in curves.items()
    )
    x = Axis("r (A)", limits=(max(R_SHOWN[0], left - 0.15), R_SHOWN[1]))
    caption = " ".join(filter(None, (_walls(a, b, potentials), _left_out(missing))))
    pane = Pane(Axis("U (eV)", limits=(low, high)), traces)
    return Figure(f"u-{a}-{b}", "potential", f"U(r) {a}-{b}", caption, x, (pane,), compare=True)


def _limits(r: np.ndarray, u: np.ndarray) -> tuple[float, float]:
    """Return the range of U (eV) worth showing: round a bond, or up to the near approach of two that repel."""
    bond = (r > BOND_RANGE[0]) & (r < BOND_RANGE[1])
    at = int(np.argmin(np.where(bond, u, math.inf)))
    end = float(u[-1])
    depth = end - float(u[at])
    if depth > BOND_DEPTH and bond[at - 1] and bond[at + 1]:
        return float(u[at]) - 0.1 * depth, end + 0.4 * depth
    close, near = (float(np.interp(distance, r, u)) for distance in (CLOSE, NEAR))
    high = min(close, 2.5 * near) if near > 0 else close
    low = min(0.0, float(u[r > CLOSE].min()))
    return low - 0.03 * (high - low), max(high, low + 0.1)


def _walls(a: str, b: str, potentials: Mapping[str, Potential]) -> str:
    """Say where the automatic walls of this pair begin."""
    found = []
    for name, potential in potentials.items():
        if a not in potential.charges or b not in potential.charges:
            continue
        wall = potential.pair_wall(a, b)
        if wall is not None:
            found.append(f"{name} {wall.r_wall:.2f} Å")
    return f"A wall begins inside: {', '.join(found)}." if found else ""


def _left_out(missing: Sequence[str]) -> str:
    """Say which potentials have no such pair."""
    return f"Not drawn, as they have no charge for this pair: {', '.join(missing)}." if missing else ""
