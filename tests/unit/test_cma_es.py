"""CMA-ES on functions whose least point is known, and where runs fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from glasspot.search.cma_es import CmaEs
from glasspot.search.proposer import Evaluation

ANSWER = np.array([0.62, 0.35, 0.55, 0.4])
START = np.full(4, 0.5)


def bowl(point: np.ndarray) -> float | None:
    """A valley that no axis follows, 20 times as steep across as along."""
    d = point - ANSWER[: len(point)]
    return float(np.sqrt(d @ d + 20.0 * d.sum() ** 2))


def run(proposer: CmaEs, cost: Callable[[np.ndarray], float | None], generations: int) -> list[list[Evaluation]]:
    rounds = []
    for _ in range(generations):
        rounds.append([Evaluation(p.point, cost(p.point), 0.01) for p in proposer.ask(2)])
        proposer.tell(rounds[-1])
    return rounds


def spread(evaluations: list[Evaluation]) -> float:
    return float(np.std([e.point for e in evaluations], axis=0).mean())


def test_it_finds_the_answer() -> None:
    proposer = CmaEs(start=START, seed=1)
    run(proposer, bowl, 60)
    place = proposer.place
    assert place is not None
    assert np.allclose(place, ANSWER, atol=1e-3)


def test_the_population_is_that_of_the_package_and_holds_the_start() -> None:
    for n, size in ((1, 4), (4, 8), (10, 10)):
        points = [p.point for p in CmaEs(start=np.full(n, 0.3), seed=1).ask(1)]
        assert len(points) == size
        assert np.array_equal(points[0], np.full(n, 0.3))


def test_a_start_on_the_face_of_the_cube_may_be_out_by_rounding() -> None:
    proposer = CmaEs(start=np.array([-1e-12, 0.5, 1.0 + 1e-12, 0.5]), seed=1)
    points = np.array([e.point for r in run(proposer, bowl, 3) for e in r])
    assert points.min() >= -1e-9
    assert points.max() <= 1 + 1e-9


def test_failed_points_teach_where_not_to_go() -> None:
    """The answer lies beyond a wall of failures: the cloud goes up to the wall and stays before it."""

    def wall(point: np.ndarray) -> float | None:
        return None if point[0] > 0.55 else bowl(point)

    proposer = CmaEs(start=np.array([0.3, 0.5, 0.5, 0.5]), seed=1)
    rounds = run(proposer, wall, 40)
    assert sum(e.cost is None for r in rounds for e in r) > 10
    place = proposer.place
    assert place is not None
    free = np.array([0.55, *(ANSWER[1:] + 0.07 / 3 * 0.98)])  # the least point of the face, to first order
    assert bowl(place) < 1.1 * bowl(free)  # type: ignore[operator]


def test_generations_that_fail_as_a_whole_shrink_the_cloud_about_what_is_known() -> None:
    proposer = CmaEs(start=START, seed=1)
    first = run(proposer, bowl, 1)
    place = proposer.place
    assert place is not None
    failed = run(proposer, lambda point: None, 12)
    assert spread(failed[-1]) < 0.3 * spread(first[0])
    assert np.linalg.norm(np.mean([e.point for e in failed[-1]], axis=0) - place) < 0.1


def test_the_screen_is_kept_where_nearly_nothing_passes() -> None:
    def slab(point: np.ndarray) -> float:
        return 0.01 - abs(float(point[0]) - 0.5)  # 4 % of the first cloud passes, and less in the corner

    def corner(point: np.ndarray) -> float:
        return min(slab(point), 0.003 - abs(float(point[1]) - 0.5))

    for margin in (slab, corner):
        proposer = CmaEs(start=START, seed=1, margin=margin)
        points = [e.point for r in run(proposer, bowl, 10) for e in r]
        assert min(margin(p) for p in points) >= 0
        # Where the centre itself lies on the edge, a point may be pulled back all the way to it.
        assert len(np.unique(np.round(points, 9), axis=0)) > 0.9 * len(points)


def test_a_part_of_a_generation_waits_for_the_rest() -> None:
    whole, parts = CmaEs(start=START, seed=1), CmaEs(start=START, seed=1)
    told = run(whole, bowl, 1)[0]
    parts.tell(told[:3])
    assert [p.point.tolist() for p in parts.ask(1)] == [e.point.tolist() for e in told[3:]]
    parts.tell(told[3:])
    assert [p.point.tolist() for p in parts.ask(1)] == [p.point.tolist() for p in whole.ask(1)]


def test_only_ranks_matter() -> None:
    one, two = CmaEs(start=START, seed=1), CmaEs(start=START, seed=1)
    run(one, bowl, 5)
    run(two, lambda p: float(np.exp(10 * bowl(p))) + 1e6, 5)  # type: ignore[operator]
    assert [p.point.tolist() for p in one.ask(1)] == [p.point.tolist() for p in two.ask(1)]


def test_it_ends_after_generations_without_gain() -> None:
    proposer = CmaEs(start=START, seed=1, patience=3)
    size = len(proposer.ask(1))
    costs = iter([1.0] + [0.5] * size * 10)
    ended = 0
    while not proposer.finished:
        run(proposer, lambda point: next(costs), 1)
        ended += 1
    assert ended == 4  # the best cost was found in the first
