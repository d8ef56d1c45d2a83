"""The rule by which a search has stopped gaining."""

import numpy as np
import pytest

from glasspot.search.gain import least_gain, stalled
from glasspot.search.proposer import Evaluation


def _history(*costs, error=None):
    return [Evaluation(np.zeros(2), cost, None if cost is None else error) for cost in costs]


def test_a_gain_counts_above_three_percent_and_above_a_share_of_its_error():
    assert least_gain(0.2, None) == pytest.approx(0.006)
    assert least_gain(0.2, 0.0) == pytest.approx(0.006)
    assert least_gain(0.2, 0.05) == pytest.approx(0.015)


@pytest.mark.parametrize(
    ("costs", "error", "expected"),
    [
        ((0.5, 0.5, 0.5), None, False),  # too few to tell
        ((0.5, 0.5, 0.5, 0.5), None, True),
        ((0.5, 0.49, 0.49, 0.49), None, True),  # a gain of 2 %
        ((0.5, 0.48, 0.49, 0.49), None, False),  # of 4 %
        ((0.5, 0.48, 0.49, 0.49), 0.1, True),  # 4 %, but in the noise
        ((0.5, 0.492, 0.487, 0.48), None, False),  # small ones add up
        ((0.5, 0.4, 0.42, 0.41, 0.41), None, True),  # the gain was earlier
        ((0.5, None, None, None), None, True),  # failures gain nothing
        ((None, None, None, None), None, True),
        ((None, None, None, 0.9), None, False),  # the first success is a gain
        ((None, 0.5, None, 0.5, 0.3), None, False),
    ],
)
def test_stalled_after_three_without_gain(costs, error, expected):
    assert stalled(_history(*costs, error=error), 3) is expected
