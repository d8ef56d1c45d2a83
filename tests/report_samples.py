"""Reports of fits with the numbers silica gives, for the tests of the report. Nothing here is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from glasspot.potential.io import load_potential
from glasspot.report.data import (
    CurvePanel,
    Direction,
    Ensemble,
    FitReport,
    FittedNumber,
    Member,
    Parameter,
    Prediction,
    Score,
    Series,
    Step,
)

# r0 (A), width (A), neighbours of the first peaks of liquid silica, and the density of the second species (1/A^3).
PEAKS = {
    "Si-O": (((1.62, 0.085, 4.0), (4.1, 0.42, 14.0)), 0.0441),
    "O-O": (((2.64, 0.20, 6.3), (4.9, 0.55, 22.0)), 0.0441),
    "Si-Si": (((3.12, 0.19, 4.1), (5.1, 0.55, 12.0)), 0.0221),
}
SHIFTS = {
    "target": (0.0, 1.0),
    "start": (-0.018, 0.78),
    "fitted": (0.002, 1.02),
    "CHIK": (0.012, 0.93),
    "ML": (0.008, 1.12),
}
ROLES = {"target": "target", "start": "start", "fitted": "fitted"}
NAMES = {"target": "AIMD 3600 K", "start": "BKS", "fitted": "fitted"}


def pair_curve(label: str, shift: float, broadening: float, r: np.ndarray) -> np.ndarray:
    """Return a g(r) made of Gaussian shells over a smooth background."""
    peaks, density = PEAKS[label]
    g = 1 / (1 + np.exp(-(r - peaks[-1][0] - 0.7) / 0.25))
    for centre, width, neighbours in peaks:
        s = width * broadening
        shell = neighbours / (np.sqrt(2 * np.pi) * s) * np.exp(-((r - centre - shift) ** 2) / (2 * s * s))
        g = g + shell / (4 * np.pi * density * r**2)
    return g


def curve_panel(label: str, who: tuple[str, ...], title: str = "") -> CurvePanel:
    """Return the g(r) of a pair for the target and some potentials."""
    r = np.arange(0.925, 8.0, 0.05)
    rng = np.random.default_rng(5)
    series = []
    for name in who:
        g = pair_curve(label, *SHIFTS[name], r)
        error = 0.01 + 0.02 * g if name == "target" else None
        g = g + rng.normal(0, 0.006, len(r))
        series.append(Series(NAMES.get(name, name), r, g, error, ROLES.get(name, "published")))
    return CurvePanel(title or f"g(r) {label}", "r (A)", "g(r)", tuple(series))


def total_panel(who: tuple[str, ...]) -> CurvePanel:
    """Return the total g(r): the partials weighted by their numbers of pairs."""
    parts = [curve_panel(label, who) for label in PEAKS]
    weights = (4 / 9, 4 / 9, 1 / 9)
    series = tuple(
        replace(curves[0], y=sum(w * c.y for w, c in zip(weights, curves, strict=True)))
        for curves in zip(*(panel.series for panel in parts), strict=True)
    )
    return CurvePanel("total g(r)", "r (A)", "g(r)", series)


def structure_panels(who: tuple[str, ...]) -> tuple[CurvePanel, ...]:
    """Return angle and coordination distributions."""
    angle = np.arange(60.5, 180, 1.0)
    panels = []
    for title, centre, width in (("angle O-Si-O", 108.5, 11.0), ("angle Si-O-Si", 143.0, 15.0)):
        series = []
        for name in who:
            shift, broadening = SHIFTS[name]
            p = np.exp(-((angle - centre - 60 * shift) ** 2) / (2 * (width * broadening) ** 2))
            series.append(Series(NAMES.get(name, name), angle, p / p.sum(), None, ROLES.get(name, "published")))
        panels.append(CurvePanel(title, "angle (degrees)", "density (1/degree)", tuple(series)))
    n = np.arange(0, 9, dtype=float)
    shares = {
        "start": (0.01, 0.94, 0.05),
        "fitted": (0.03, 0.90, 0.07),
        "CHIK": (0.03, 0.92, 0.05),
        "ML": (0.04, 0.87, 0.09),
    }
    series = []
    for name in who:
        if name in shares:
            y = np.zeros(9)
            y[3:6] = shares[name]
            series.append(Series(NAMES.get(name, name), n, y, None, ROLES.get(name, "published")))
    panels.append(CurvePanel("coordination Si-O", "O around Si", "fraction of Si", tuple(series)))
    return tuple(panels)


PARAMETERS = (
    ("charge.Si", "e", 2.4, 1.9137, 0.0214, (1.4, 2.8)),
    ("Si-O.A", "eV", 18003.7572, 24831.4, 2214.0, (6001.25, 54011.3)),
    ("Si-O.rho", "A", 0.205205, 0.19144, 0.0021, (0.15, 0.27)),
    ("Si-O.C", "eV A^6", 133.5381, 121.7, np.inf, (0.0, 300.0)),
    ("O-O.A", "eV", 1388.773, 842.2, 95.0, (460.0, 4160.0)),
    ("O-O.rho", "A", 0.362319, 0.36811, 0.0049, (0.26, 0.47)),
    ("O-O.C", "eV A^6", 175.0, 299.1, 71.0, (0.0, 300.0)),
)
COSTS = (0.1512, 0.0934, np.nan, 0.0812, 0.0655, 0.0702, 0.0521, 0.0468, np.nan, 0.0431, 0.0438, 0.0417)


def steps(count: int = 12) -> tuple[Step, ...]:
    """Return the course of a fit with two failed runs and some rejected steps."""
    made = []
    best = np.inf
    for n, cost in enumerate(COSTS[:count], 1):
        accepted = bool(cost < best)
        best = min(best, cost) if np.isfinite(cost) else best
        t = 1 - np.exp(-n / 4)
        values = {name: start + (end - start) * t for name, _, start, end, _, _ in PARAMETERS}
        note = "" if np.isfinite(cost) else "lost-atoms: the potential let O-O collapse"
        made.append(Step(n, cost, 0.003 if n < 8 else 0.0015, cost * 0.93, accepted, 18.4 * n, values, note))
    return tuple(made)


def silica_report(total: bool = False) -> FitReport:
    """Return the report of a finished fit: three partial curves, or one total g(r)."""
    who = ("target", "start", "CHIK", "ML", "fitted")
    panels = (total_panel(who),) if total else tuple(curve_panel(label, who) for label in PEAKS)
    titles = [panel.title for panel in panels]
    costs = {"BKS": 0.1512, "CHIK": 0.0941, "ML": 0.0489, "fitted": 0.0412}
    errors = {"BKS": 0.0031, "CHIK": 0.0024, "ML": 0.0022, "fitted": 0.0019}
    roles = {"BKS": "start", "fitted": "fitted"}
    scores = tuple(
        Score(
            name,
            roles.get(name, "published"),
            cost,
            errors[name],
            3,
            {title: cost * factor for title, factor in zip(titles, (1.2, 0.7, 1.1), strict=False)},
            {"coordination Si-O": 4.0 + cost / 3, "angle Si-O-Si": 143 + 20 * cost},
            "not checked by simulation" if name == "ML" else "",
        )
        for name, cost in costs.items()
    )
    potentials = {name: load_potential(name) for name in ("BKS", "CHIK", "ML")}
    fitted = replace(load_potential("CHIK"), name="silica-fitted", title="Fit of the tests", cautions=())
    return FitReport(
        title="Silica liquid, AIMD 3600 K",
        description="Buckingham potential for SiO2 fitted to the g(r) of an ab initio liquid, from BKS.",
        state="finished",
        steps=steps(),
        parameters=tuple(Parameter(*row) for row in PARAMETERS),
        directions=(
            Direction(0.21, True, {"charge.Si": 0.81, "Si-O.A": 0.42, "Si-O.rho": 0.38}, "charge with Si-O repulsion"),
            Direction(0.043, True, {"O-O.A": 0.9, "O-O.rho": 0.4}, "O-O repulsion"),
            Direction(0.004, False, {"Si-O.C": 0.97, "O-O.C": -0.22}, "Si-O dispersion against O-O dispersion"),
        ),
        scores=scores,
        noise_floor=0.0135,
        panels=panels,
        structure_panels=structure_panels(who),
        potentials={**potentials, "fitted": fitted},
        fitted=fitted,
        timings={"wall": 221.0, "MD": 203.0, "histograms": 9.1, "proposals": 3.4, "store": 0.6},
        provenance={
            "glasspot": "0.1.0",
            "LAMMPS": "22 Jul 2025",
            "seed": "1",
            "date": "2026-11-20 11:02 UTC",
            "processor": "2 cores, x86_64",
            "input": "fit.toml, SHA-256 4f1c9a0be1df7f1e3ab0d0c28bd2a5bfa2f3e1d90c6f4f4f1b8d3a4b9de7c021",
        },
        elements=("Si", "O"),
        cautions=("The target is the total g(r) of a 450-atom run cooled fast: partial curves are not fitted.",)
        if total
        else (),
    )


def long_steps(count: int = 240) -> tuple[Step, ...]:
    """Return the course of two chained methods over many evaluations, some of which failed."""
    rng = np.random.default_rng(7)
    names = [name for name, *_ in PARAMETERS]
    made, best = [], np.inf
    for n in range(1, count + 1):
        method = "bayes" if n <= 0.7 * count else "conjugate-gradient"
        spread = 1.5 if method == "bayes" else 0.1
        cost = np.nan if n % 37 == 0 else 0.05 + 0.1 * np.exp(-n / 40) + 0.05 * spread * rng.exponential()
        accepted = bool(cost < best)
        best = min(best, cost) if np.isfinite(cost) else best
        places = dict(zip(names, rng.uniform(0.3, 0.7, len(names)), strict=True))
        values = {name: start for name, _, start, *_ in PARAMETERS}
        note = "" if np.isfinite(cost) else "boiled: the liquid has boiled"
        made.append(Step(n, cost, 0.003, cost, accepted, 18.4 * n, values, note, places, method))
    return tuple(made)


def ensemble() -> Ensemble:
    """Return an ensemble of six, of which four fit as well; the second weakest parameter is open."""
    rng = np.random.default_rng(3)
    base = load_potential("CHIK")
    members = []
    for n in range(1, 7):
        fits = n not in (2, 5)
        places = {
            name: float(np.clip(0.5 + (0.25 if name == "O-O.C" else 0.02) * rng.standard_normal(), 0, 1))
            for name, *_ in PARAMETERS
        }
        cost = np.nan if n == 5 else 0.041 + 0.002 * rng.standard_normal() + 0.02 * (not fits)
        note = "boiled" if n == 5 else ""
        name = f"silica-fitted-member-{n:02d}"
        members.append(
            Member(f"member {n}", fits, cost, 0.002, 0.042, places, replace(base, name=name, cautions=()), note)
        )
    predictions = (
        Prediction("R_chi (%)", 4.12, 0.19, 4.21, 0.4, 0.38, 0.0),
        Prediction("R_chi of what was held out (%)", 6.3, 0.4, 6.9, 1.4, 0.5, 1.31),
        Prediction("pressure (GPa)", -0.84, 0.12, -0.15, 1.1, 0.24, 1.07),
        Prediction("coordination Si-O", 4.02, 0.002, 4.021, 0.004, 0.003, 0.0),
    )
    return Ensemble(tuple(members), 0.0455, predictions)


def full_report() -> FitReport:
    """Return the report of a long fit of two systems by two methods, with a third held out, and an ensemble."""
    report = silica_report()
    who = ("target", "start", "CHIK", "ML", "fitted")
    hot = tuple(replace(panel, title=f"{panel.title}, 3600 K") for panel in report.panels)
    cold = tuple(replace(panel, title=f"{panel.title}, 3000 K", held_out=True) for panel in report.panels)
    q = np.arange(0.8, 16, 0.05)
    s_of_q = tuple(
        Series(
            NAMES.get(name, name), q, 1 + np.sin(2 * q + 9 * SHIFTS[name][0]) / q, None, ROLES.get(name, "published")
        )
        for name in who
    )
    scattering = CurvePanel("S(Q) X-ray, glass", "Q (1/A)", "S(Q)", s_of_q)
    scores = tuple(
        replace(
            score,
            per_curve={p.title: score.cost for p in (*hot, *cold, scattering)},
            per_state={"3600 K": score.cost * 0.9, "glass": score.cost * 1.1},
            held_out=score.cost * 1.3,
            held_out_error=score.error * 1.5,
        )
        for score in report.scores
    )
    pressure = {score.name: (2.0 + 10 * score.cost, 0.11) for score in scores}
    directions = tuple(
        replace(
            direction,
            components={name: direction.components.get(name, 0.02) for name, *_ in PARAMETERS},
            information=value,
            error=min(0.289, 0.3 / value**0.5),
        )
        for direction, value in zip(report.directions, (310.0, 41.0, 0.04), strict=True)
    )
    return replace(
        report,
        steps=long_steps(),
        panels=(*hot, scattering, *cold),
        scores=scores,
        directions=directions,
        numbers=(FittedNumber("pressure, 3600 K", "GPa", 2.0, np.nan, pressure),),
        ensemble=ensemble(),
        parameters=tuple(replace(p, place=0.5) for p in report.parameters),
    )


def running_report() -> FitReport:
    """Return the report of a fit after three steps: nothing fitted, nothing validated, no published set."""
    who = ("target", "start")
    return replace(
        silica_report(),
        state="running",
        steps=steps(3),
        scores=(),
        noise_floor=np.nan,
        directions=(),
        panels=tuple(curve_panel(label, who) for label in PEAKS),
        structure_panels=(),
        parameters=tuple(Parameter(n, u, start, np.nan, np.inf, w) for n, u, start, _, _, w in PARAMETERS),
        potentials={"BKS": load_potential("BKS")},
        fitted=None,
    )


def empty_report() -> FitReport:
    """Return the report of a fit that has only begun."""
    return FitReport("Nothing yet", "", "running", (), (), (), (), np.nan, (), (), {}, None, {}, {})
