"""Do the quench rate and the size explain the difference to the authors' slow, large glasses?

Glasses 12B and 50B of three published sets (Wang-2018, BayOpt-2025, CMA-ES-2025) are quenched at 100, 30 and 10 K/ps
with 250 and 500 atoms; the surrogate "gaussian-process" is taught these runs and asked for 1 K/ps and 3000 atoms; the
answer for Wang-2018 is compared with the authors' own MD at those settings.

    python benchmarks/cooling_rates.py run [--part 0 --of 2]     quench; adds to cooling_rates.json, skips what is there
    python benchmarks/cooling_rates.py show                      the table and cooling_rates.png, without MD
"""

from __future__ import annotations

import argparse
import fcntl
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROWS = HERE / "cooling_rates.json"
GLASSES = {"12B": "10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO", "50B": "49.3 B2O3 24.9 SiO2 15.0 Na2O 10.8 CaO"}
START_DENSITY = {"12B": 2.45, "50B": 2.40}
SETS = ("Wang-2018", "BayOpt-2025", "CMA-ES-2025")
FREE = ["B-O.A", "B-O.rho", "B-O.C", "B-B.A", "B-B.rho"]
AIM_RATE, AIM_ATOMS = 1.0, 3000
# Density (g/cm3) and fraction_B4 at 1 K/ps, 3000 atoms: row "Original" (Wang 2018) of the authors' table of trials.
AUTHORS = {"12B": (2.5726, 0.8175), "50B": (2.5308, 0.4366)}
CUTOFF = {"B-O": 1.8}


def asked() -> list[dict[str, Any]]:
    """Return the quenches, the cheap ones first."""
    cases = [(rate, n, SETS, (1, 2, 3, 4)) for rate in (100, 30) for n in (250, 500)]
    cases += [(10, 500, ("Wang-2018",), (1, 2)), (10, 250, ("Wang-2018",), (1,))]
    return [
        {"set": name, "glass": glass, "asked": n, "rate": rate, "seed": seed}
        for rate, n, sets, seeds in cases
        for name in sets
        for seed in seeds
        for glass in GLASSES
    ]


def quench(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case with its density, mean over the relaxation at 0 GPa but its first quarter, and fraction_B4."""
    from glasspot.composition import Composition, start_box
    from glasspot.engine.base import Simulation
    from glasspot.evaluate.engines import make_engine
    from glasspot.evaluate.job import EngineChoice
    from glasspot.potential.io import load_potential
    from glasspot.presets import preset
    from glasspot.structure.packing import random_packing
    from glasspot.structure.topology import find_bonds

    potential = load_potential(case["set"])
    atoms = Composition.parse(GLASSES[case["glass"]]).atom_counts(case["asked"], potential.counting_charges)
    length, _ = start_box(atoms, START_DENSITY[case["glass"]])
    potential = potential.for_composition(atoms.composition, dict(atoms.counts))
    protocol = preset(
        "melt-quench",
        rate=float(case["rate"]),
        compress_ps=5.0,
        melt_ps=10.0,
        relax_ps=20.0,
        sample_ps=5.0,
        every_ps=0.1,
    )
    start = random_packing(dict(atoms.counts), length, 1000 + case["seed"])
    engine, began, fractions = make_engine(EngineChoice("native")), time.time(), []
    with tempfile.TemporaryDirectory() as folder:
        for sample in engine.run(Simulation(potential, start, protocol, case["seed"]), Path(folder)):
            if not sample.final:
                bonds = find_bonds(sample.frame, CUTOFF)[0]
                fractions.append(float(np.mean(bonds.number("B", "O")[bonds.are("B")] == 4)))
        rows = [row.density for row in engine.thermo(Path(folder)) if protocol.stages[row.stage].name == "relax"]
    return {
        **case,
        "atoms": atoms.n_atoms,
        "density": float(np.mean(rows[len(rows) // 4 :])),
        "B4": float(np.mean(fractions)),
        "seconds": time.time() - began,
    }


def run(part: int, of: int) -> None:
    """Quench every ``of``-th case that is not there yet."""
    for case in asked()[part::of]:
        if not any(case.items() <= row.items() for row in rows()):
            found = quench(case)
            with ROWS.open("a+") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                handle.seek(0)
                kept = json.loads(handle.read() or "[]")
                handle.truncate(0)
                handle.write("[\n" + ",\n".join(json.dumps(row) for row in [*kept, found]) + "\n]\n")
            print(found, flush=True)


def rows() -> list[dict[str, Any]]:
    """Return the quenches done so far."""
    return json.loads(ROWS.read_text()) if ROWS.exists() else []


def inputs(name: str, glass: str, rate: float, atoms: float) -> list[float]:
    """Return a row of x: parameters in windows of 15 % about Wang, share of B2O3, decades of the rate, 1000/N."""
    from glasspot.composition import Composition
    from glasspot.potential.io import load_potential
    from glasspot.potential.parameters import ParameterSpace

    base = load_potential("Wang-2018")
    start = ParameterSpace.build(base, FREE).values(base)
    space = ParameterSpace.build(base, FREE, {key: (0.85 * value, 1.15 * value) for key, value in start.items()})
    share = dict(Composition.parse(GLASSES[glass]).oxides)["B2O3"]
    condition = [np.log10(rate / AIM_RATE), 1000 / atoms - 1000 / AIM_ATOMS]
    return [*space.to_cube(load_potential(name)), share, *condition]


def model() -> Any:
    """Return the surrogate, taught all quenches."""
    from glasspot.surrogate.data import Layout, Rows
    from glasspot.surrogate.models import make_surrogate

    found = rows()
    x = np.array([inputs(r["set"], r["glass"], r["rate"], r["atoms"]) for r in found])
    y = np.array([[r["density"], r["B4"]] for r in found])
    group = np.array([SETS.index(r["set"]) for r in found])
    surrogate = make_surrogate("gaussian-process", 1)
    surrogate.fit(Rows(x, y, group, Layout(5, 1, 2), (False, True)))
    return surrogate


def lines(name: str, glass: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the values at the aim and their errors: least squares of a line in log10(rate) and 1/N, for one glass."""
    found = [r for r in rows() if r["set"] == name and r["glass"] == glass]
    table = np.array([[1.0, np.log10(r["rate"] / AIM_RATE), 1000 / r["atoms"] - 1000 / AIM_ATOMS] for r in found])
    y = np.array([[r["density"], r["B4"]] for r in found])
    best, squares, _, _ = np.linalg.lstsq(table, y, rcond=None)
    variance = squares / (len(found) - 3)
    return best[0], np.sqrt(np.linalg.inv(table.T @ table)[0, 0] * variance)


def show() -> None:
    """Print the table of means and of the extrapolation, and draw it."""
    print("| set | glass | atoms | K/ps | runs | density g/cm3 | fraction_B4 |\n|---|---|---|---|---|---|---|")
    cases = {(r["set"], r["glass"], r["asked"], r["rate"]) for r in rows()}
    for name, glass, atoms, rate in sorted(cases, key=lambda c: (SETS.index(c[0]), c[1], c[2], -c[3])):
        found = [r for r in rows() if (r["set"], r["glass"], r["asked"], r["rate"]) == (name, glass, atoms, rate)]
        y = np.array([[r["density"], r["B4"]] for r in found])
        error = [f" ± {e:.3f}" for e in y.std(0, ddof=1) / np.sqrt(len(y))] if len(y) > 1 else ["", ""]
        told = [f"{mean:.3f}{e}" for mean, e in zip(y.mean(0), error, strict=True)]
        print(f"| {name} | {glass} | {atoms} | {rate} | {len(y)} | {told[0]} | {told[1]} |")
    print("\n| set | glass | at 1 K/ps, 3000 atoms: model | line for this glass | authors |\n|---|---|---|---|---|")
    surrogate = model()
    for name in SETS:
        for glass in GLASSES:
            at = surrogate.predict(np.array([inputs(name, glass, AIM_RATE, AIM_ATOMS)]))
            line, error = lines(name, glass)
            own = "{:.3f}, {:.3f}".format(*AUTHORS[glass]) if name == "Wang-2018" else ""
            told = [f"{at.mean[0, k]:.3f} ± {at.sd[0, k]:.3f}" for k in (0, 1)]
            straight = [f"{line[k]:.3f} ± {error[k]:.3f}" for k in (0, 1)]
            print(f"| {name} | {glass} | {', '.join(told)} | {', '.join(straight)} | {own} |")
    draw(surrogate)


def draw(surrogate: Any) -> None:
    """Draw density and fraction_B4 of Wang-2018 against the rate, with the model's line and the authors' values."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    rates = np.logspace(0, 2.1, 40)
    for colour, glass in zip(("#0072b2", "#d55e00"), GLASSES, strict=True):
        at = surrogate.predict(np.array([inputs("Wang-2018", glass, rate, 500) for rate in rates]))
        found = [r for r in rows() if r["set"] == "Wang-2018" and r["glass"] == glass]
        for k, (axis, key, label) in enumerate(
            zip(axes, ("density", "B4"), ("density, g/cm$^3$", "fraction of four-fold boron"), strict=True)
        ):
            axis.plot(rates, at.mean[:, k], color=colour, label=f"{glass}, model, 500 atoms")
            axis.fill_between(
                rates, at.mean[:, k] - at.sd[:, k], at.mean[:, k] + at.sd[:, k], color=colour, alpha=0.2, lw=0
            )
            axis.scatter([r["rate"] for r in found], [r[key] for r in found], s=12, color=colour, alpha=0.6)
            axis.plot(1.0, AUTHORS[glass][k], "*", ms=13, color=colour, mec="k", label=f"{glass}, authors, 3000 atoms")
            axis.set(xscale="log", xlabel="quench rate, K/ps", ylabel=label)
    axes[0].legend(fontsize=8, frameon=False)
    figure.savefig(HERE / "cooling_rates.png", dpi=110)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "show"])
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    args = parser.parse_args()
    if args.what == "run":
        run(args.part, args.of)
    else:
        show()


if __name__ == "__main__":
    main()
