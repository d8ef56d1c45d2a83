"""Bayesian optimisation, on analytic noisy costs with a region where runs fail."""

from collections.abc import Callable

import numpy as np
import pytest

from glasspot.search.proposer import Evaluation, no_margin
from glasspot.search.sobol import Sobol

pytest.importorskip("botorch", reason="botorch is not installed")
torch = pytest.importorskip("torch")

from glasspot.search.bayes import MOST_SIDE, Bayes  # noqa: E402
from glasspot.search.cost_model import MOST_POINTS, Feasibility, Surrogate, nearest  # noqa: E402

N = 5
START = np.full(N, 0.5)
ANSWER = np.array([0.3, 0.65, 0.45, 0.7, 0.35])
NOISE = 0.05  # of the cost


def bowl(point: np.ndarray) -> float:
    """A long valley: far stiffer along the diagonal than across it."""
    away = point - ANSWER[: len(point)]
    return float(np.sqrt(0.02**2 + 0.2 * away @ away + 2.0 * away.sum() ** 2 / len(point)))


def told(point: np.ndarray, cost: Callable = bowl, fails: Callable = lambda u: False, error=NOISE) -> Evaluation:
    if fails(point):
        return Evaluation(point, None)
    rng = np.random.default_rng(np.asarray(point).view(np.uint64))
    value = cost(point) * (1 + (error or 0.0) * rng.standard_normal())
    return Evaluation(point, value, None if error is None else error * value)


def run(bayes: Bayes, runs: int, batch: int = 1, **world) -> list[Evaluation]:
    history: list[Evaluation] = []
    while len(history) < runs:
        history += (new := [told(p.point, **world) for p in bayes.ask(batch)])
        bayes.tell(new)
    return history


def spread(count: int, n: int = N, seed: int = 0, **world) -> list[Evaluation]:
    return [told(u, **world) for u in np.random.default_rng(seed).random((count, n))]


def make(n: int = N, **changes) -> Bayes:
    return Bayes(**({"start": START[:n], "seed": 1, "start_points": 6} | changes))


def points_of(evaluations) -> np.ndarray:
    return np.array([e.point for e in evaluations])


def test_it_begins_with_the_start_set_of_sobol():
    sobol = Sobol(start=START, seed=4, margin=no_margin, points=6)
    bayes = make(seed=4)
    assert np.array_equal(points_of(bayes.ask(9)), points_of(sobol.ask(9)))
    bayes.tell(spread(4))
    assert np.array_equal(points_of(bayes.ask(2)), points_of(sobol.ask(6))[4:])


def test_what_others_told_stands_for_the_start_set():
    bayes = make()
    bayes.tell(spread(8))
    (proposal,) = bayes.ask(1)
    assert proposal.note == "expected improvement"
    assert proposal.predicted > 0


def test_proposals_stay_in_the_cube_and_above_the_margin():
    def margin(u):
        return 0.45 - u[1] + 0.2 * u[0]

    bayes = make(margin=margin, start=np.full(N, 0.4))
    # The cost falls straight towards the screen, and beyond it.
    points = points_of(run(bayes, 12, batch=3, cost=lambda u: 1.0 - 0.8 * u[1], fails=lambda u: u[2] > 0.8))
    assert points.min() >= 0
    assert points.max() <= 1
    assert min(margin(u) for u in points) >= 0


def test_asking_changes_nothing_and_telling_alone_resumes():
    asked, resumed = make(), make()
    for _ in range(5):
        first = asked.ask(2)
        again = asked.ask(2)
        assert [p.predicted for p in first] == pytest.approx([p.predicted for p in again], nan_ok=True, rel=0)
        assert np.array_equal(points_of(first), points_of(again))
        new = [told(p.point) for p in first]
        asked.tell(new)
        resumed.tell(new)
    assert np.array_equal(points_of(asked.ask(2)), points_of(resumed.ask(2)))


def test_it_leaves_torch_as_it_was():
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        bayes = make()
        bayes.tell(spread(8))
        one = bayes.ask(2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)  # whatever others draw, the proposals are the same
    assert np.array_equal(points_of(one), points_of(bayes.ask(2)))


def test_the_points_of_a_batch_differ():
    bayes = make()
    bayes.tell(spread(12))
    batch = points_of(bayes.ask(6))
    apart = np.linalg.norm(batch[:, None] - batch[None], axis=-1) + np.eye(6)
    assert apart.min() > 0.01
    assert np.array_equal(batch[0], bayes.ask(1)[0].point)


def test_failures_teach_where_not_to_go():
    """The cost falls towards a half-space in which every run fails."""

    def cost(u):
        return 1.0 - 0.8 * u[0]

    def share(fails):
        bayes = make(seed=3)
        bayes.tell(spread(25, seed=7, cost=cost, fails=fails))
        return np.mean(points_of(bayes.ask(5))[:, 0] > 0.6)

    assert share(lambda u: False) == 1.0
    assert share(lambda u: u[0] > 0.6) <= 0.5


def test_probability_of_success():
    points = np.random.default_rng(1).random((60, 3))
    feasibility = Feasibility(points, (points[:, 0] < 0.5).astype(float))
    good, bad = np.tile(0.5, (9, 3)), np.tile(0.5, (9, 3))
    good[:, 0], bad[:, 0] = 0.2, 0.8
    with torch.no_grad():
        p = np.exp(feasibility.log_probability(torch.as_tensor(np.vstack([good, bad]))).numpy())
    assert p[:9].min() > 0.8
    assert p[9:].max() < 0.2


def test_it_ends_when_patience_is_spent():
    bayes = make(patience=5)
    run(bayes, 10, cost=lambda u: 0.4, error=0.0)
    assert not bayes.finished
    run(bayes, 1, cost=lambda u: 0.4, error=0.0)
    assert bayes.finished


def test_the_patience_of_others_is_not_its_own():
    bayes = make(patience=5)
    bayes.tell(spread(30, cost=lambda u: 0.4, error=0.0))
    assert not bayes.finished
    run(bayes, 5, cost=lambda u: 0.4, error=0.0)
    assert bayes.finished


@pytest.mark.parametrize("error", [None, 0.0, 2.0])
def test_errors_that_say_nothing_or_too_much_do_no_harm(error):
    bayes = make()
    bayes.tell([Evaluation(e.point, e.cost, error) for e in spread(9)])
    assert np.isfinite(bayes.ask(1)[0].predicted)


@pytest.mark.parametrize("kept", [0, 1])
def test_nearly_nothing_to_learn_from(kept):
    bayes = make()
    known = spread(9)
    bayes.tell([e if k < kept else Evaluation(e.point, None) for k, e in enumerate(known)])
    batch = points_of(bayes.ask(3))
    assert len(np.unique(batch, axis=0)) == 3
    assert not np.isclose(batch[:, None], points_of(known)[None]).all(-1).any()
    if kept:
        assert bayes.place == pytest.approx(known[0].point)
    else:
        assert bayes.place is None


def test_identical_costs_and_identical_points():
    bayes = make()
    bayes.tell([Evaluation(e.point, 0.3, 0.0) for e in spread(5)] + [Evaluation(START, 0.3, 0.0)] * 4)
    assert bayes.ask(1)[0].predicted == pytest.approx(0.3, rel=0.05)


def test_one_dimension():
    bayes = make(1, start=np.array([0.9]), start_points=3)
    run(bayes, 12)
    assert abs(bayes.place[0] - ANSWER[0]) < 0.05


def test_it_beats_an_even_search_by_far():
    sobol = Sobol(start=START, seed=2, margin=no_margin, points=44)
    even = min(bowl(p.point) for p in sobol.ask(44))
    bayes = make(seed=2, start_points=8)
    run(bayes, 44, batch=2)
    assert bowl(bayes.place) < 0.5 * even


GRID = np.linspace(0.0, 1.0, 60)


def curves_at(point: np.ndarray) -> np.ndarray:
    """Two peaks whose place and height follow the point."""
    first = (0.6 + point[0]) * np.exp(-(((GRID - 0.2 - 0.2 * point[1]) / 0.08) ** 2))
    return first + (0.6 + point[2]) * np.exp(-(((GRID - 0.6 - 0.2 * point[3] + 0.1 * point[4]) / 0.08) ** 2))


def with_curves(point: np.ndarray) -> Evaluation:
    y = curves_at(point)
    cost = float(np.linalg.norm(curves_at(ANSWER) - y))
    return Evaluation(point, cost, 0.01, curves=y)


def test_curves_teach_more_than_costs():
    known = [with_curves(u) for u in np.random.default_rng(2).random((25, N))]
    new = np.random.default_rng(3).random((200, N))
    truth = np.log([with_curves(u).cost for u in new])

    def miss(reference):
        return np.sqrt(np.mean((np.log(Surrogate(known, reference).expected(new)) - truth) ** 2))

    assert miss(curves_at(ANSWER)) < 0.8 * miss(None)


def test_a_search_with_curves_finds_the_answer_and_one_without_them_still_runs():
    bayes = make(reference=curves_at(ANSWER))
    for _ in range(7):
        bayes.tell([with_curves(p.point) for p in bayes.ask(2)])
    assert with_curves(bayes.place).cost < 0.2 * with_curves(START).cost
    bayes.tell(spread(1))  # another method told no curves
    assert np.isfinite(bayes.ask(1)[0].predicted)


def test_the_median_is_that_of_what_was_told():
    known = spread(40, error=0.0)
    surrogate = Surrogate(known, None)
    assert surrogate.expected(surrogate.points) == pytest.approx([e.cost for e in known], rel=0.1)


def test_the_box_grows_with_gains_and_shrinks_without():
    bayes = make(start_points=1)
    first = bayes.side()
    bayes.tell([Evaluation(START, cost) for cost in (1.0, 0.8, 0.6, 0.4)])
    assert bayes.side() == min(2 * first, MOST_SIDE)
    grown = bayes.side()
    bayes.tell([Evaluation(START, None)] * 5 + [Evaluation(START, 0.395)] * 5)  # failures, and a gain below 3 %
    assert bayes.side() == grown / 2


def test_a_model_takes_the_points_nearest_to_the_best():
    points = np.random.default_rng(0).random((2 * MOST_POINTS, 2))
    chosen = nearest(points, np.zeros(2))
    left = np.setdiff1d(np.arange(len(points)), chosen)
    assert len(chosen) == MOST_POINTS
    assert np.linalg.norm(points[chosen], axis=1).max() < np.linalg.norm(points[left], axis=1).min()
    assert np.all(np.diff(chosen) > 0)


def test_what_lies_beyond_the_modelled_directions_stays_in_the_cost():
    """Noise in 400 bins is no misfit that a better point would remove: the model must expect it again."""
    rng = np.random.default_rng(5)
    points = rng.random((30, 2))
    known = []
    for point in points:
        y = np.concatenate([0.1 * point, np.zeros(398)]) + 0.005 * rng.standard_normal(400)  # 10 % of noise alone
        known.append(Evaluation(point, float(np.linalg.norm(y)), 0.005, curves=y))
    expected = Surrogate(known, np.zeros(400)).expected(points)
    assert expected.min() > 0.08
    assert np.mean(expected / [e.cost for e in known]) == pytest.approx(1.0, abs=0.1)
