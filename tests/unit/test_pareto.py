"""Pareto front and hypervolume: exact small cases, and BoTorch's own implementations."""

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.search.hypervolume import Volumes
from glasspot.search.pareto import front, hypervolume


def dominates(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.all(one <= other) and np.any(one < other))


def slow_front(losses: np.ndarray) -> list[int]:
    return [i for i, a in enumerate(losses) if not any(dominates(b, a) for b in losses)]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_front_is_what_no_row_dominates(k):
    rng = np.random.default_rng(k)
    for _ in range(20):
        losses = rng.integers(0, 5, (25, k)) * 0.1  # with many ties
        assert front(losses).tolist() == slow_front(losses)


def test_equal_rows_are_all_on_the_front_and_what_failed_is_not():
    losses = np.array([[1.0, 2.0], [np.nan, 0.0], [1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [0.0, np.inf]])
    assert front(losses).tolist() == [0, 2, 3]


def test_no_rows_have_no_front_and_no_volume():
    assert front(np.zeros((0, 2))).tolist() == []
    assert hypervolume(np.zeros((0, 2)), np.ones(2)) == 0.0


def test_hypervolume_by_hand():
    losses = np.array([[1.0, 3.0], [2.0, 1.0], [2.5, 2.5], [5.0, 0.0], [0.0, 4.0]])  # the last two reach the reference
    assert hypervolume(losses, np.array([4.0, 4.0])) == pytest.approx(3.0 * 1.0 + 2.0 * 2.0, rel=1e-12)
    assert hypervolume(losses[:, :1], np.array([4.0])) == pytest.approx(4.0)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_hypervolume_is_that_of_botorch(k):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    module = pytest.importorskip("botorch.utils.multi_objective.hypervolume", reason="botorch is not installed")
    rng = np.random.default_rng(k)
    for _ in range(10):
        losses, reference = rng.random((30, k)), 0.5 + 0.5 * rng.random(k)
        inside = losses[np.all(losses < reference, axis=1)]
        inside = inside[slow_front(inside)]
        expected = module.Hypervolume(torch.as_tensor(-reference)).compute(torch.as_tensor(-inside))
        assert hypervolume(losses, reference) == pytest.approx(expected, rel=1e-10)


def test_shapes_that_do_not_agree_are_refused():
    with pytest.raises(GlasspotError, match=r"expected \(n, k\), \(k,\)"):
        hypervolume(np.ones((3, 2)), np.ones(3))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_gain_is_the_difference_of_two_hypervolumes(k):
    if k > 2:
        pytest.importorskip("botorch", reason="botorch is not installed")
    rng = np.random.default_rng(k)
    standing, new, reference = rng.random((4, 9, k)), 1.2 * rng.random((4, 12, k)), np.full(k, 0.9)
    gains = Volumes(standing, reference).gains(new)
    assert gains.max() > 0
    for s in range(4):
        before = hypervolume(standing[s], reference)
        after = [hypervolume(np.vstack([standing[s], point]), reference) for point in new[s]]
        assert gains[s] == pytest.approx(np.array(after) - before, abs=1e-10)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_what_was_chosen_is_gained_once(k):
    if k > 2:
        pytest.importorskip("botorch", reason="botorch is not installed")
    rng = np.random.default_rng(k)
    standing, new = rng.random((3, 6, k)), 0.5 * rng.random((3, 4, k))
    volumes = Volumes(standing, np.ones(k))
    first = volumes.gains(new)
    volumes.add(new[:, 2])
    after = volumes.gains(new)
    assert after[:, 2] == pytest.approx(np.zeros(3), abs=1e-12)
    assert np.all(after <= first + 1e-12)
