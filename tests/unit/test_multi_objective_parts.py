"""The parts of a multi-objective search: the choice of a batch, of repeats and promotions, candidates, windows."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.search.again import best_probabilities, doubt, due, worth_promoting, worth_repeating
from glasspot.search.aims import Aims
from glasspot.search.candidates import clouds, screened, spread
from glasspot.search.evaluated import Evaluated, Novelty, least_cost
from glasspot.search.glass_model import GlassModel, enough
from glasspot.search.greedy import EVERY, LOWER, PUSH, Sampled, chosen
from glasspot.search.proposer import Evaluation, no_margin
from glasspot.search.prospect import REACH, Ground, Prospect
from glasspot.search.window_moves import BLOCK, Moves

N = 3
CUBE = np.tile([0.0, 1.0], (N, 1))
ANSWER = np.array([0.55, 0.45, 0.6])
TARGET = np.array([[2.5, 0.6], [2.4, 0.4]])
AIMS = Aims(
    ("A", "B"), np.array([[0.3], [0.7]]), ("density", "fraction_B4"), (False, False), np.arange(4).reshape(2, 2),
    np.ones((2, 2), int), TARGET, np.ones((2, 2)), TARGET.ravel(),
)  # fmt: skip


def values(point: np.ndarray) -> np.ndarray:
    """Return density and fraction of two glasses, (2, 2)."""
    away = point - ANSWER
    density = TARGET[:, 0] + 0.2 * away[0] + np.array([-0.15, 0.1]) * away[1] + 0.1 * away @ away
    fraction = TARGET[:, 1] + np.array([-0.3, -0.1]) * away[1] + 0.4 * away[2]
    return np.stack([density, fraction], axis=1)


def test_the_expected_loss_counts_what_the_model_does_not_know() -> None:
    rng = np.random.default_rng(1)
    points = rng.random((12, N))
    runs = [values(point) + 0.02 * rng.standard_normal((2, 2)) for point in points]
    told = [Evaluation(point, 0.1, curves=run.ravel()) for point, run in zip(points, runs, strict=True)]
    model = GlassModel(told, AIMS, "quadratic", 0)
    points = np.random.default_rng(2).random((30, N))
    losses = AIMS.losses(model.sampled(points, 4000, np.random.default_rng(3)))
    error = losses.std(0) / np.sqrt(4000)
    expected = model.expected(points)
    assert np.all(np.abs(losses.mean(0) - expected) < 4.5 * error)  # 60 numbers, Gaussian
    assert np.all(model.hopeful(points) < expected.sum(1))
    assert not enough(told[:1], AIMS)  # two rows of each quantity
    assert enough(told[:2], AIMS)


class Known:
    """Stands in for a model: losses that are known, of three sets and whatever else is asked."""

    rows = 100

    def expected(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(AIMS.losses(values(points[0]))[None])

    def hopeful(self, points: np.ndarray) -> np.ndarray:
        return np.array([AIMS.loss(values(point)) for point in points])

    def sampled(self, points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        return np.tile([values(point) for point in points], (count, 1, 1, 1))


@pytest.mark.parametrize("push", [False, True])
def test_the_front_is_pushed_where_compromises_are_of_use(push: bool) -> None:
    """Perfect in one quantity at the cost of the other is on the front, but not asked for."""
    ground = Ground(CUBE, no_margin, np.zeros((0, N)), None)
    standing = ANSWER[None] + 0.1
    prospect = Prospect(Known(), AIMS, None, ground, standing, np.random.default_rng(0))  # type: ignore[arg-type]
    worst = REACH * AIMS.loss(values(standing[0]))
    picked = prospect.choose(EVERY - 1 if push else 0, 1)
    for point, what in picked:
        assert what == (PUSH if push else LOWER)
        assert AIMS.losses(values(point)).max() < worst
        assert AIMS.loss(values(point)) < worst
    assert prospect.gain > 0.5 * AIMS.loss(values(standing[0]))
    assert prospect.choose(0, 0) == []
    closed = Ground(CUBE, lambda point: -1.0, np.zeros((0, N)), None)
    none = Prospect(Known(), AIMS, None, closed, standing, np.random.default_rng(0))  # type: ignore[arg-type]
    assert none.choose(0, 3) == []
    assert none.gain == 0.0


def moves_of(best: np.ndarray, rest: np.ndarray) -> Moves:
    """Return what becomes of windows amid the cube, when the points ``best`` were good and later ones were not."""
    moves = Moves(np.tile([0.25, 0.75], (N, 1)), no_margin, 1)
    told = [Evaluation(p, 0.1) for p in best] + [Evaluation(p, 0.5) for p in rest]
    moves.follow(told, 0)
    return moves


def test_windows_follow_the_best_and_not_the_last() -> None:
    rng = np.random.default_rng(0)
    inside = 0.3 + 0.4 * rng.random((BLOCK, N))
    corner = np.tile(0.75, (BLOCK, N)) - 0.02 * rng.random((BLOCK, N))
    assert moves_of(inside, corner).decisions == []
    moved = moves_of(corner, inside)
    assert {(d["axis"], d["side"], d["moved"]) for d in moved.decisions} == {(i, "high", True) for i in range(N)}
    assert np.allclose(moved.windows, np.tile([0.25, 0.875], (N, 1)))


def test_a_bound_that_cannot_move_is_said_once() -> None:
    rng = np.random.default_rng(0)
    moves = Moves(CUBE, no_margin, 1)
    told = [Evaluation(p, 0.1) for p in 1.0 - 0.05 * rng.random((6 * BLOCK, N))]
    for known in range(5, len(told) + 1, 5):
        moves.follow(told[:known], 0)
    assert [(d["axis"], d["moved"]) for d in moves.decisions] == [(i, False) for i in range(N)]
    whole = Moves(CUBE, no_margin, 1)
    whole.follow(told, 0)
    assert [d["axis"] for d in whole.decisions] == list(range(N))
    assert np.array_equal(moves.windows, CUBE)


def test_three_objectives_are_pushed_as_well() -> None:
    rng = np.random.default_rng(1)
    parts = 0.5 + 0.1 * rng.random((30, 6, 3))
    parts[:, 4] = [0.1, 0.9, 0.1]  # the least sum is elsewhere
    parts[:, 5] = [0.3, 0.3, 0.3]
    standing = Sampled(np.full((30, 2), 1.2), np.full((30, 2, 3), 0.4))
    new = Sampled(parts.sum(-1), parts)
    assert chosen(standing, new, np.ones(3), np.ones(6), 0, 1) == [(5, LOWER)]
    assert chosen(standing, new, np.ones(3), np.ones(6), 2, 1) == [(5, PUSH)]
    assert chosen(standing, new, np.ones(3), np.array([1, 1, 1, 1, 1, 0.01]), 2, 1)[0][0] == 4


def test_a_batch_is_chosen_one_after_another() -> None:
    total = np.array([[0.5, 0.51, 0.9], [0.9, 0.91, 0.62]])  # the second is the twin of the first
    new = Sampled(total, total[..., None])
    standing = Sampled(np.ones((2, 1)), np.ones((2, 1, 1)))
    picked = chosen(standing, new, np.ones(1), np.ones(3), 0, 2)
    assert [i for i, _ in picked] == [0, 2]
    assert {what for _, what in picked} == {LOWER}  # one loss has no front
    assert len(chosen(standing, new, np.ones(1), np.ones(3), 0, 9)) == 3


def test_where_no_sample_improves_the_most_hopeful_is_taken() -> None:
    rng = np.random.default_rng(0)
    total = np.array([2.0, 1.5, 1.6]) + np.array([0.0, 0.0, 0.2]) * rng.uniform(-1, 1, (50, 3))
    picked = chosen(
        Sampled(np.ones((50, 1)), np.ones((50, 1, 1))), Sampled(total, total[..., None]), np.ones(1), np.ones(3), 0, 2
    )
    assert [i for i, _ in picked] == [2, 1]


def test_probability_of_being_best_and_doubt() -> None:
    losses = np.array([[1.0, 2.0, 3.0], [1.0, 0.5, 3.0], [1.0, 2.0, 3.0], [1.0, 1.5, 3.0]])
    assert best_probabilities(losses).tolist() == [0.75, 0.25, 0.0]
    assert doubt(losses) == pytest.approx(1.0 - 3.5 / 4)
    assert doubt(losses[:, :1]) == 0.0


def test_repeats_are_for_doubt_that_exceeds_the_gain_of_a_new_point() -> None:
    losses = np.array([[1.0, 2.0, 3.0], [1.0, 0.5, 3.0], [1.0, 2.0, 3.0], [1.0, 1.5, 3.0]])
    assert worth_repeating(losses, 0.1, 2) == [0, 1]
    assert worth_repeating(losses, 0.1, 1) == [0]
    assert worth_repeating(losses, 0.2, 2) == []
    assert worth_repeating(losses, 0.0, 0) == []
    assert worth_repeating(losses, 0.1, 3) == [0, 1]  # the third is never best
    sure = np.tile([1.0, 2.0], (5, 1))
    assert worth_repeating(sure, 0.0, 2) == []


def test_promotion_weighs_the_chance_against_the_cost() -> None:
    losses = np.array([[1.0, 2.0, 9.0, 8.0], [1.0, 0.5, 9.0, 8.0], [1.0, 0.6, 9.0, 8.0], [1.0, 2.0, 9.0, 8.0]])
    assert worth_promoting(losses, [1, 1, 1, 1], (1, 5, 50), 9) == [(0, 1), (1, 1), (3, 1), (2, 1)]
    assert worth_promoting(losses, [2, 1, 1, 1], (1, 5, 50), 1) == [(1, 1)]
    assert worth_promoting(losses, [None, None, 1, None], (1, 5), 2) == [(2, 1)]
    assert worth_promoting(losses, [None] * 4, (1, 5), 2) == []


def test_shares_are_kept_over_small_batches() -> None:
    done = []
    for batch in range(8):
        done.append(due(sum(done), 2 * (batch + 1), 0.25))
    assert done == [0, 1, 0, 1, 0, 1, 0, 1]
    assert due(5, 4, 0.25) == 0


def test_repeats_and_levels_of_a_point_belong_together() -> None:
    a, b, c = np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.array([0.5, 0.6])
    y = np.zeros(1)
    told = [
        Evaluation(a, 0.5, curves=y), Evaluation(b, None), Evaluation(a + 1e-9, 0.1, curves=y),
        Evaluation(c, 0.2, curves=y), Evaluation(a, 0.4, curves=y, level=1), Evaluation(c, None, level=1),
        Evaluation(b, 0.9, curves=y),
    ]  # fmt: skip
    known = Evaluated.of(told)
    assert known.points.tolist() == [a.tolist(), c.tolist(), b.tolist()]
    assert known.first.tolist() == [0, 3, 6]
    assert [known.level(i) for i in range(3)] == [1, 0, 0]
    assert [known.next_level(i, 3) for i in range(3)] == [2, None, 1]  # what failed a level is not sent there again
    assert known.next_level(0, 2) is None
    assert Novelty.of(told, 0) == Novelty(new=3, other_level=2, repeats=2)
    assert Novelty.of(told, 3) == Novelty(new=1, other_level=2, repeats=1)
    assert np.array_equal(np.asarray(least_cost(told[:4])), c)  # a costs 0.3 on average
    assert np.array_equal(np.asarray(least_cost(told)), a)  # only a reached the next level
    assert least_cost(told[1:2]) is None


def test_candidates_stay_in_the_windows_and_are_new() -> None:
    rng = np.random.default_rng(0)
    windows = np.array([[0.2, 0.4], [0.0, 1.0]])
    even = spread(windows, 50, rng)
    near = clouds(np.array([[0.4, 1.0], [0.3, 0.5]]), windows, 60, rng, (0.3, 0.1, 0.03))
    assert even.shape == (50, 2)
    assert near.shape == (60, 2)
    both = np.vstack([even, near])
    assert np.all((both >= windows[:, 0]) & (both <= windows[:, 1]))
    assert np.linalg.norm(near[::2] - [0.4, 1.0], axis=1).min() < 0.02
    kept = screened(np.vstack([both, both]), even[:10], lambda u: 0.9 - u[1], 1000)
    assert len(np.unique(np.round(kept, 6), axis=0)) == len(kept)
    assert kept[:, 1].max() <= 0.9
    assert not any(np.allclose(point, other) for point in even[:10] for other in kept)
    assert np.array_equal(screened(both, even[:10], lambda u: 0.9 - u[1], 7), kept[:7])
    assert screened(both[:0], both, no_margin, 9).shape == (0, 2)
