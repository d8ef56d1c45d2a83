"""Checks of units and signs: labels against each other, since each alone may be anything.

Three laws connect them. Along a trajectory the energy changes by minus the work of the forces. The stress follows from
the forces as far as these are forces of pairs. And the mean square force is k T times the Laplacian of the energy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from glasspot.dataset.check_labels import displacement
from glasspot.dataset.doubts import Doubt, by_type, doubt, grouped, named_factor, typical
from glasspot.dataset.labelled import LabelledFrame
from glasspot.dataset.pair_fit import PairFit, fit_pairs
from glasspot.units import BOHR, ENERGY_UNITS, GPA_PER_EV_A3

HARTREE = ENERGY_UNITS["Hartree"]
KJ, KCAL = 1 / ENERGY_UNITS["kJ/mol"], 1 / ENERGY_UNITS["kcal/mol"]
ENERGIES = {"Hartree": HARTREE, "Rydberg": HARTREE / 2, "kJ/mol": KJ, "kcal/mol": KCAL}  # a factor of eV, up or down
ATOMIC = {"Hartree/Bohr": HARTREE / BOHR, "Rydberg/Bohr": HARTREE / BOHR / 2}  # eV/A in one: numbers too small
MOLAR = {"kJ/mol/A": KJ, "kcal/mol/A": KCAL}  # in one eV/A: numbers too large
# (change of energy) / (work), if only this is not in eV and A
WORK = {
    "the energies are in Hartree": 1 / HARTREE,
    "the energies are in Rydberg": 2 / HARTREE,
    "the energies are in kJ/mol": KJ,
    "the energies are in kcal/mol": KCAL,
    "the forces are in Hartree/Bohr": HARTREE / BOHR,
    "the forces are in Rydberg/Bohr": HARTREE / BOHR / 2,
    "the forces are in eV/Bohr, or energies and forces are in atomic units and positions in A": 1 / BOHR,
    "the positions are in Bohr": BOHR,
}
STRESSES = {"GPa": GPA_PER_EV_A3, "kbar": 10 * GPA_PER_EV_A3, "bar": 1e4 * GPA_PER_EV_A3}
NEAR = 0.5  # A, rms: the mean of two forces times the step is the work, well enough to tell units
MOST_PAIRS = 200  # of consecutive frames, the nearest ones
EXPLAINED = 0.25  # of the square forces, by pairs: below, their fit says nothing
SIGMA = 4.0  # standard errors: a correlation that chance does not give
UNIT_STEP = 2.5  # a factor between 1/2.5 and 2.5 is no change of unit in a rough comparison
MIXED = 12.0  # times more or less than others of the same kind: another unit, as no temperature explains
COLD, HOT = 40.0, 30_000.0  # K: no liquid has forces like these
THERMAL = (0.1, 60.0)  # of sqrt(3 N / 2) k T, the spread of the energy of N oscillators


@dataclass(frozen=True)
class UnitReport:
    """doubts, and facts: sentences about what agrees."""

    doubts: tuple[Doubt, ...]
    facts: tuple[str, ...]


def check_units(frames: Sequence[LabelledFrame], kelvins: Mapping[str, float | None]) -> UnitReport:
    """Return what the laws between labels say of units and signs.

    ``kelvins``: :func:`temperature_from_forces` of each config_type.
    """
    doubts = [*_mixed_energies(frames), *_mixed_sizes(frames)]
    facts: list[str] = []
    fit = fit_pairs(frames)
    worked = _work(frames, doubts, facts)
    if fit is not None:
        _gradients(fit, doubts)
        _stress(fit, doubts, facts)
    for name, group in by_type(frames).items():
        _temperature(group, kelvins[name], doubts, worked)
    return UnitReport(tuple(doubts), tuple(facts))


def _mixed_energies(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    """Find energies that are another multiple of those of the same composition: two units, or two zeros of energy."""
    found: dict[str, list[LabelledFrame]] = {}
    compositions: dict[tuple[tuple[str, int], ...], list[LabelledFrame]] = {}
    for (_, composition), group in grouped([f for f in frames if f.energy]).items():
        compositions.setdefault(composition, []).extend(group)
    for group in compositions.values():
        energies = np.array([f.energy for f in group], dtype=np.float64) / [f.n_atoms for f in group]
        usual = typical(list(energies))
        ratios = energies / usual
        near = ratios[(ratios > 1 / 1.3) & (ratios < 1.3)]
        # Energies around zero (differences from atoms, shifted ones) have no ratio that means anything.
        if len(group) < 3 or near.std() > 0.05:
            continue
        for frame, ratio in zip(group, ratios, strict=True):
            if not 1 / 1.5 < ratio < 1.5:
                name = named_factor(max(ratio, 1 / ratio), ENERGIES, 0.08) if ratio > 0 else ""
                found.setdefault(name or "another zero of energy, or another method", []).append(frame)
    doubts = []
    for name, strange in found.items():
        about = f"eV and {name}" if name in ENERGIES else name
        what = f"energies of the same composition differ by large factors: {about}"
        doubts += doubt("mixed-units", what, strange, "Bring all frames to eV, and to one method.")
    return doubts


def _mixed_sizes(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    """Find frames whose forces or stresses are of another size than others of the same kind."""
    doubts = []
    sizes: dict[str, tuple[dict[str, float], Callable[[LabelledFrame], np.ndarray | None]]] = {
        "forces": (MOLAR, lambda frame: frame.forces),
        "stress": (STRESSES, lambda frame: frame.stress),
    }
    for label, (large, values) in sizes.items():
        strange: dict[str, list[LabelledFrame]] = {}
        for group in by_type(frames).values():
            size = {id(f): float(np.sqrt((v**2).mean())) for f in group if (v := values(f)) is not None and v.any()}
            if len(size) < 5:
                continue
            usual = typical(list(size.values()))
            for frame in group:
                ratio = size.get(id(frame), usual) / usual
                # A stress passes through zero, so only a large one is strange.
                if ratio > MIXED or (label == "forces" and ratio < 1 / MIXED):
                    name = named_factor(ratio, large, 0.6) or named_factor(1 / ratio, ATOMIC, 0.6)
                    strange.setdefault(name, []).append(frame)
        for name, found in strange.items():
            what = f"{label} are more than {MIXED:.0f} times larger or smaller than others of the same kind"
            advice = f"Two units may be mixed; these look like {name}." if name else "Look whether they converged."
            doubts += doubt("mixed-units", what, found, advice)
    return doubts


def _work(frames: Sequence[LabelledFrame], doubts: list[Doubt], facts: list[str]) -> bool:
    """Compare changes of the energy with the work of the forces between near frames; say whether that was possible."""
    pairs = []
    for one, two in pairwise(frames):
        if one.energy is None or two.energy is None or one.forces is None or two.forces is None:
            continue
        moved = displacement(one, two)
        if moved is None:
            continue
        # A drift of all atoms does no work: the net force is zero.
        distance = float(np.sqrt(((moved - moved.mean(axis=0)) ** 2).sum() / len(moved)))
        if 0 < distance < NEAR:
            pairs.append((distance, -0.5 * float(((one.forces + two.forces) * moved).sum()), two.energy - one.energy))
    if len(pairs) < 5:
        return False
    work, change = np.array(sorted(pairs)[:MOST_PAIRS])[:, 1:].T
    correlation = float(work @ change / max(np.sqrt((work @ work) * (change @ change)), 1e-300))
    factor = float(change @ work / max(work @ work, 1e-300))
    if abs(correlation) * np.sqrt(len(work)) < SIGMA:
        return False
    told = f"between {len(work)} pairs of near frames the energy changes by {factor:.3g} times the work of the forces"
    exact = abs(correlation) > 0.99
    if (0.87 < factor < 1.15) if exact else (1 / UNIT_STEP < factor < UNIT_STEP):
        facts.append(f"{told} (correlation {correlation:.2f}): energies and forces agree")
        return True
    rough = not exact and 1 / UNIT_STEP < abs(factor) < UNIT_STEP
    reason = "" if rough else named_factor(abs(factor), WORK, 0.15 if exact else 0.6)
    if factor < 0:
        reason = " and ".join(["the forces have the wrong sign (they are gradients)", *([reason] if reason else [])])
    doubts.append(
        Doubt("units", f"{told}, where 1 is expected", (), f"Perhaps {reason or 'they are of different methods'}.")
    )
    return True


def _gradients(fit: PairFit, doubts: list[Doubt]) -> None:
    """Find forces that point uphill: the potential that gives them then has a negative curvature, in no equilibrium."""
    if fit.explained >= EXPLAINED and fit.laplacian < 0:
        what = "the forces point away from where the atoms rest: a potential fitted to them has a negative curvature"
        doubts.append(Doubt("units", what, (), "Perhaps they are gradients, dE/dx: turn their sign."))


def _stress(fit: PairFit, doubts: list[Doubt], facts: list[str]) -> None:
    """Compare the shear of the stress with that of a pair potential fitted to the forces."""
    n = len(fit.frames)
    if n < 4 or fit.explained < EXPLAINED or abs(fit.correlation) * math.sqrt(5 * n) < SIGMA:
        return
    if fit.laplacian < 0:
        return  # The forces have the wrong sign: they judge nothing else.
    told = f"the shear of the stress is {fit.factor:.3g} times that of a pair potential fitted to the forces"
    if 1 / UNIT_STEP < fit.factor < UNIT_STEP:
        facts.append(f"{told} (correlation {fit.correlation:.2f}): sign and unit of the stress agree with the forces")
        return
    volume = float(np.median([frame.volume for frame in fit.frames]))
    names = {f"it is in {unit}": value for unit, value in STRESSES.items()}
    names |= {"it is a virial (eV), not a stress": volume, "the forces are in Hartree/Bohr": HARTREE / BOHR, "": 1.0}
    reason = [name] if (name := named_factor(abs(fit.factor), names, 0.6)) else []
    if fit.factor < 0:
        reason.insert(0, "its sign is that of a pressure, where a compressed cell must have a negative stress")
    advice = f"Perhaps {' and '.join(reason)}." if reason else "Forces and stress are not in eV/A and eV/A^3."
    doubts.append(Doubt("stress", f"{told}, where 1 is expected", (), advice))


def _temperature(group: Sequence[LabelledFrame], kelvin: float | None, doubts: list[Doubt], worked: bool) -> None:
    """Compare the temperature that the forces tell with the thermostat's, and the spread of the energies with it."""
    if kelvin is None:
        return
    known = [frame.temperature for frame in group if frame.temperature]
    name = f'"{group[0].config_type}"' if group[0].config_type else "the frames"
    told = f"the forces of {name} are those of {kelvin:.3g} K"
    if known and len(known) == len(group) and min(known) == max(known) >= 50:
        if not 1 / 4 < kelvin / known[0] < 4:
            unit = named_factor(known[0] / kelvin, ATOMIC, 0.6) or named_factor(kelvin / known[0], MOLAR, 0.6)
            advice = f"They may be in {unit}" if unit else "They may be in another unit than eV/A"
            what = f"{told}, where {known[0]:g} K is given"
            doubts += doubt("units", what, group, f"{advice}, or the frames are relaxed.")
            return
    elif not COLD < kelvin < HOT and _wanders(group):
        what = f"{told}, while the atoms move far from frame to frame"
        doubts += doubt("units", what, group, "They may be in another unit than eV/A: Hartree/Bohr are 51 times fewer.")
        return
    energies = [frame.energy / frame.n_atoms for frame in group if frame.energy is not None]
    if worked or len(energies) < 10 or len(grouped(group)) > 1:
        return
    thermal = math.sqrt(1.5 / group[0].n_atoms) * kelvin * ENERGY_UNITS["K"]
    ratio = float(np.std(energies)) / thermal
    if not THERMAL[0] < ratio < THERMAL[1]:
        spread = f"{1000 * np.std(energies):.2g} meV/atom; {1000 * thermal:.2g} is thermal"
        what = f"the energies of {name} spread over {spread}"
        doubts += doubt("units", what, group, "Are they in eV, and the forces in eV/A?")


def temperature_from_forces(group: Sequence[LabelledFrame]) -> float | None:
    """Return the temperature in K that forces and their pair fit tell, good to about a fifth; None where none is told.

    In the classical canonical ensemble <F^2> = k T <Laplacian of U>; relaxed frames have none.
    """
    fit = fit_pairs(group, most=10)
    if fit is None or fit.explained < EXPLAINED or not fit.configurational_temperature > 0:
        return None
    return fit.configurational_temperature / ENERGY_UNITS["K"]


def _wanders(group: Sequence[LabelledFrame]) -> bool:
    moved = [displacement(one, two) for one, two in pairwise(group)]
    sizes = [float(np.sqrt((d**2).sum() / len(d))) for d in moved if d is not None]
    return bool(sizes) and float(np.median(sizes)) > NEAR
