"""A made-up world of glasses whose pair curves are known functions of the composition: fast data for tests."""

from __future__ import annotations

import numpy as np

from glasspot.composition import Composition
from glasspot.oxides import parse_oxide
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.pairs import ends_of, pairs_of

RADIUS = {"O": 1.35, "Si": 0.26, "B": 0.11, "Na": 1.02, "Ba": 1.42, "Zn": 0.60, "Ti": 0.42}
FORMERS = ("Si", "B")
GRID = (np.arange(200) + 0.5) * 0.05


def compositions(n: int, seed: int = 0) -> list[Composition]:
    """Return ``n`` glasses: silica, silica with a dopant, sodium borosilicates without and with one."""
    rng = np.random.default_rng(seed)
    found = [Composition((("SiO2", 1.0),))]
    dopants = ("BaO", "ZnO", "TiO2")
    while len(found) < n:
        k = len(found)
        if k % 4 == 1:
            base = {"SiO2": 1.0}
        else:
            soda, boron = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.3)
            base = {"SiO2": 1 - soda - boron, "B2O3": boron, "Na2O": soda}
        dose = 0.0 if k % 4 == 2 else float(rng.uniform(0.02, 0.2))
        parts = {name: share * (1 - dose) for name, share in base.items()}
        if dose:
            parts[dopants[(k // 4) % 3]] = dose
        found.append(Composition(tuple(parts.items())))
    return found


def true_curve(composition: Composition, pair: str, r: np.ndarray = GRID) -> np.ndarray:
    """Return g_ab(r) of this world, (n_r,): a first peak that moves and widens with the composition, then ripples."""
    a, b = ends_of(pair)
    soda = composition.fractions.get("Na2O", 0.0) + 0.7 * composition.fractions.get("BaO", 0.0)
    boron = composition.fractions.get("B2O3", 0.0)
    bonded = (b == "O") != (a == "O")
    place = RADIUS[a] + RADIUS[b] + (0.0 if bonded else 1.2) + 0.10 * soda - 0.05 * boron
    width = (0.06 if bonded else 0.22) * (1 + boron)
    height = (9.0 if bonded else 2.0) * (1 - 0.8 * soda + 0.4 * boron * soda)
    peak = height * np.exp(-0.5 * ((r - place) / width) ** 2)
    rise = 1.0 / (1.0 + np.exp(-(r - place - 0.9) / 0.12))
    ripple = 1.0 + (0.5 - soda) * np.cos(2 * np.pi * (r - place) / 2.4) * np.exp(-(r - place) / 2.5)
    return np.where(r > place - 5 * width, peak, 0.0) + rise * np.maximum(ripple, 0.0)


def sample_set(n_glasses: int = 40, seed: int = 0, n_runs: int = 3, noise: float = 0.03) -> CurveSet:
    """Return glasses of about 1000 atoms with ``n_runs`` runs each; ``noise``: of a bin with g = 1 at 5 A."""
    rng = np.random.default_rng(seed + 1)
    glasses = []
    for number, composition in enumerate(compositions(n_glasses, seed)):
        counts: dict[str, int] = {}
        for formula, share in composition.oxides:
            oxide = parse_oxide(formula)
            counts[oxide.element] = round(400 * share) * oxide.cations
            counts["O"] = counts.get("O", 0) + round(400 * share) * oxide.oxygens
        density = 0.066 + 0.02 * composition.fractions.get("Na2O", 0.0) + 0.03 * composition.fractions.get("B2O3", 0.0)
        curves = {}
        for pair in pairs_of(counts):
            clean = true_curve(composition, pair)
            scale = noise * np.sqrt(clean) * np.minimum(5.0 / GRID, 20.0)
            runs = clean + scale * rng.standard_normal((n_runs, len(GRID)))
            curves[pair] = np.maximum(runs, 0.0)
        runs_density = density * (1 + 0.003 * rng.standard_normal(n_runs))
        glasses.append(GlassCurves(f"glass-{number}", composition, counts, runs_density, curves, "made up"))
    return CurveSet(GRID, tuple(glasses), {"world": "made up"})
