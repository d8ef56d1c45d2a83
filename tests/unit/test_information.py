"""The information criterion: against regressions that were repeated, and noise whose covariance is known."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.campaign import information
from glasspot.campaign.information import aicc, independent_values
from glasspot.campaign.response import Blocks
from glasspot.evaluate.job import Outcome


@pytest.mark.parametrize(("values", "parameters"), [(20, 4), (20, 7), (40, 10)])
def test_aicc_is_the_likelihood_of_new_data(values: int, parameters: int) -> None:
    """AICc estimates without bias -2 ln likelihood of new data at the fit, but for a term common to all."""
    rng = np.random.default_rng(1)
    design = rng.standard_normal((values, parameters))
    hat = design @ np.linalg.pinv(design)
    fitted, new = rng.standard_normal((2, 8000, values))
    model = fitted @ hat.T
    variance = ((fitted - model) ** 2).mean(1)
    wanted = values * np.log(variance) + ((new - model) ** 2).sum(1) / variance - values
    found = np.mean([aicc(float(np.sqrt(v)), values, parameters) for v in variance])
    assert found == pytest.approx(wanted.mean(), abs=0.7)


def test_too_few_values_for_so_many_parameters() -> None:
    assert aicc(0.05, 9.0, 7) == np.inf  # seven parameters and the variance leave nothing
    assert np.isfinite(aicc(0.05, 9.1, 7))
    assert aicc(0.0, 30.0, 4) == np.inf


@pytest.mark.parametrize("states", [1, 2])
def test_values_that_move_together_count_as_few(states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four runs of ten blocks, far fewer than the values: nu of a known covariance, without bias."""
    places = np.arange(120)
    shape = np.exp(-np.abs(places[:, None] - places) / 3.0) * np.outer(*[1 + np.sin(places / 9.0) ** 2] * 2)
    root = np.linalg.cholesky(shape)
    rng = np.random.default_rng(2)

    def noisy(outcomes: list[Outcome], objective: object, state: int) -> Blocks:
        # Runs differ by more than their blocks: that is another noise, and must not count.
        curves = rng.standard_normal((10, 120)) @ root.T + 5.0 * rng.standard_normal(120)
        return Blocks(np.full(10, 5.0), curves, np.zeros(10))

    monkeypatch.setattr(information, "gather", noisy)
    runs = [[Outcome("k", True)] * 4] * states
    found = [independent_values(runs, None) for _ in range(60)]  # type: ignore[arg-type]
    truth = states * np.trace(shape) ** 2 / np.trace(shape @ shape)
    assert np.mean(found) == pytest.approx(truth, rel=0.05)


def test_values_that_no_block_tells_have_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Blocks(np.full(10, 5.0), np.full((10, 1), 4.2), np.zeros(10))
    monkeypatch.setattr(information, "gather", lambda *_: blocks)
    assert np.isnan(independent_values([[Outcome("k", True)] * 2], None))  # type: ignore[arg-type]
