"""One job of a glass, as a fit at constant pressure asks for it: real MD of few atoms."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.evaluate.job import EngineChoice, Job, Observe, Outcome, Packing
from glasspot.evaluate.run import final_frame, run_job
from glasspot.potential.io import load_potential
from glasspot.presets import preset
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System

COUNTS, LENGTH = {"Si": 25, "O": 50}, 10.4


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Silica glass of 75 atoms, quenched much too fast, at 0 GPa."""
    protocol = preset(
        "melt-quench", melt_temperature=4000.0, compress_ps=1.0, melt_ps=0.5, rate=2000.0, relax_ps=0.5, sample_ps=1.0,
        every_ps=0.02, sample="npt",
    )  # fmt: skip
    observe = Observe(8.0, 640, structure=True, elastic=True)
    job = Job(load_potential("BKS"), Packing(COUNTS, LENGTH, 3), protocol, 5, EngineChoice("native"), observe)
    folder = tmp_path_factory.mktemp("glass") / "job"
    run_job(job, None, folder)
    found = Outcome.from_bytes((folder / "outcome.npz").read_bytes())
    assert found.ok, found.message
    return found


def test_the_density_is_that_of_all_frames(outcome: Outcome) -> None:
    """Mass over mean volume, but for the curvature of 1/V: volumes scatter by 1 to 2 %, so within 0.1 %."""
    mass = 25 * 28.0855 + 50 * 15.999  # g/mol
    assert outcome.numbers["density"] == pytest.approx(mass / 0.602214 / outcome.numbers["volume"], rel=1e-3)
    assert outcome.numbers["volume"] != pytest.approx(LENGTH**3, rel=1e-3)
    assert outcome.numbers["density"] != pytest.approx(final_frame(outcome).density, rel=1e-6)


def test_curves_are_those_of_the_volume_that_the_glass_has(outcome: Outcome) -> None:
    """g(r) of one histogram is proportional to the volume; only with the glass's own does it go to 1."""
    edges = np.arange(0.0, 8.01, 0.05)
    target = CurveTarget("g(r) total", None, edges, np.ones(len(edges) - 1))
    system = System(tuple(outcome.texts["labels"]), COUNTS, LENGTH**3)
    objective = Objective((StateTargets("", (target,), system, 8.0, 640),))
    volume = outcome.numbers["volume"]
    curves = []
    for given in (None, volume):
        mapping, offset = objective.state_map(0, given)
        curves.append(mapping @ outcome.mean_histogram() + offset)
    np.testing.assert_allclose(curves[1], curves[0] * volume / LENGTH**3, rtol=1e-9)


def test_a_run_that_is_asked_for_elastic_moduli_has_them(outcome: Outcome) -> None:
    """Tens of GPa. Their exactness is tested with the moduli themselves."""
    assert 5 < outcome.numbers["bulk_modulus"] < 150
    assert {"shear_modulus", "youngs_modulus", "poisson_ratio"} <= set(outcome.numbers)
