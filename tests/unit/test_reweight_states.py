"""Reweighting of several states at once, on made-up frames."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.campaign.reweight import Anchor, Frames, estimate
from made_up_runs import objective


def frames(rng: np.random.Generator, spread: float) -> Frames:
    """200 frames of one number, whose weights differ the more the larger its spread."""
    histograms = np.full((200, 1), 10.0) + spread * rng.standard_normal((200, 1))
    return Frames(histograms, rng.standard_normal((200, 26)), np.repeat(np.arange(10), 20), np.zeros(200), 1.0)


def test_an_anchor_is_as_good_as_its_worst_state() -> None:
    rng = np.random.default_rng(1)
    lopsided = Anchor(0, [np.zeros(1), np.zeros(1)], [frames(rng, 0.01), frames(rng, 4.0)])
    even = Anchor(1, [np.zeros(1), np.zeros(1)], [frames(rng, 0.7), frames(rng, 0.7)])
    found = estimate([lopsided, even], [np.ones(1), np.ones(1)], objective(2))
    assert found.anchor == 1
    # Weights that are log-normal with a spread of 0.7 leave exp(-0.49) of the frames.
    assert found.n_eff == pytest.approx(200 * np.exp(-0.49), rel=0.25)
