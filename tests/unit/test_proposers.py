"""What every search method must do, whatever it is: one suite for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from glasspot.search.aims import Aims
from glasspot.search.cma_es import CmaEs
from glasspot.search.conjugate_gradient import ConjugateGradient
from glasspot.search.gauss_newton import GaussNewton
from glasspot.search.learning import ActiveLearning
from glasspot.search.linear_model import LinearModel
from glasspot.search.proposer import Evaluation, Margin, Proposer, no_margin
from glasspot.search.sobol import Sobol

GRID = np.linspace(0.0, 7.0, 140)
CUMULATIVE = np.tril(np.ones((140, 140))) * 0.05
ANSWER = np.array([0.62, 0.38, 0.55])
START = np.array([0.3, 0.6, 0.35])
NOISE = 0.01
SLOW = ("bayes", "multi-objective")  # each of its proposals fits a model: it gets fewer runs, and needs fewer
# Those that another seed sends to other points.
RANDOM = ("sobol", "bayes", "cma-es", "active-learning", "multi-objective")
ALL = ("sobol", "bayes", "cma-es", "conjugate-gradient", "gauss-newton", "active-learning", "multi-objective")


def make(
    name: str, n: int = 2, *, seed: int = 1, margin: Margin = no_margin, patience: int = 20, points: int = 8
) -> Proposer:
    """Return a method at its start in ``n`` dimensions; what they call patience differs, and so does what it counts."""
    start = START[:n]
    if name == "sobol":
        return Sobol(start=start, seed=seed, margin=margin, points=points)
    if name == "bayes":
        pytest.importorskip("botorch", reason="botorch is not installed")
        from glasspot.search.bayes import Bayes

        return Bayes(start=start, seed=seed, margin=margin, start_points=6, patience=patience)
    if name == "cma-es":
        return CmaEs(start=start, seed=seed, margin=margin, patience=patience)
    if name == "conjugate-gradient":
        return ConjugateGradient(start=start, margin=margin, patience=patience)
    if name == "active-learning":
        return ActiveLearning(
            start=start, seed=seed, margin=margin, aims=aims(n), surrogate="quadratic", start_points=8,
            optimisers=("cma-es",), iterations=(patience,), runs=3, top=3, pick=4,
        )  # fmt: skip
    if name == "multi-objective":
        pytest.importorskip("botorch", reason="botorch is not installed")
        from glasspot.search.multi_objective import MultiObjective

        return MultiObjective(
            start=start, seed=seed, margin=margin, aims=aims(n), windows=np.tile([0.0, 1.0], (n, 1)),
            surrogate="quadratic", start_points=6, patience=patience,
        )  # fmt: skip
    return GaussNewton(start, curves(ANSWER[:n]), CUMULATIVE, margin, patience)


def curves(point: np.ndarray) -> np.ndarray:
    """A peak for each axis, which moves along r as the point does."""
    y = sum(np.exp(-(((GRID - 1.5 - 2.0 * k - 1.5 * (u - 0.5)) / 0.5) ** 2)) for k, u in enumerate(point))
    return np.asarray(y) / (4.19 * np.sqrt(len(point)))  # a norm of about 1


def aims(n: int) -> Aims:
    """Return one glass whose curve is seen at a few places: as many quantities, of which a model is made."""
    places = np.arange(0, 140, 7)[None]
    reference = curves(ANSWER[:n])
    one = np.ones(places.shape)
    quantities = tuple(f"y({r:.2f})" for r in GRID[places[0]])
    return Aims(
        ("glass",), np.zeros((1, 0)), quantities, (False,) * len(quantities), places, one.astype(int),
        reference[places], one, reference,
    )  # fmt: skip


def true_cost(point: np.ndarray) -> float:
    return float(np.linalg.norm(curves(point) - curves(ANSWER[: len(point)])))


Fails = Callable[[np.ndarray, int], bool]


class World:
    """Runs points, one after another: the noise of a run is that of its number. ``fails`` sees point and number."""

    def __init__(self, response: bool, fails: Fails = lambda point, number: False) -> None:
        self.response = response
        self.fails = fails
        self.runs = 0

    def evaluate(self, point: np.ndarray) -> Evaluation:
        number, self.runs = self.runs, self.runs + 1
        if self.fails(point, number):
            return Evaluation(point, None)
        rng = np.random.default_rng([7, number])
        y = curves(point) + NOISE / np.sqrt(len(GRID)) * rng.standard_normal(len(GRID))
        cost = float(np.linalg.norm(curves(ANSWER[: len(point)]) - y))
        return Evaluation(point, cost, 0.5 * NOISE, self._model(point, y, cost) if self.response else None, curves=y)

    def _model(self, point: np.ndarray, y: np.ndarray, cost: float) -> LinearModel:
        h, n = 1e-5, len(point)
        jacobian = np.array([(curves(point + h * e) - curves(point - h * e)) / (2 * h) for e in np.eye(n)]).T
        scatter = np.full((1, len(y)), NOISE / np.sqrt(len(y)))
        return LinearModel(point, y, jacobian, 1e-4 * np.eye(n), cost, NOISE, scatter)


def run(proposer: Proposer, world: World, runs: int, batch: int = 4) -> list[list[Evaluation]]:
    """Return the rounds of at least ``runs`` evaluations, or up to the end of the method."""
    runs = min(runs, 18) if proposer.name in SLOW else runs
    rounds: list[list[Evaluation]] = []
    first = world.runs
    while world.runs - first < runs and not proposer.finished:
        proposals = proposer.ask(batch)
        assert proposals
        rounds.append([world.evaluate(p.point) for p in proposals])
        proposer.tell(rounds[-1])
    return rounds


def flat(rounds: Sequence[Sequence[Evaluation]]) -> list[Evaluation]:
    return [e for told in rounds for e in told]


def asked(proposer: Proposer, batch: int = 4) -> list[Any]:
    return [(p.point.tolist(), p.note, np.nan_to_num(p.predicted)) for p in proposer.ask(batch)]


def world_of(proposer: Proposer, fails: Fails = lambda point, number: False) -> World:
    return World(proposer.needs_response, fails)


@pytest.fixture(params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_name_is_the_one_of_the_settings(name: str) -> None:
    assert make(name).name == name


@pytest.mark.parametrize("kind", ["smooth", "cliff"])
def test_points_stay_in_the_cube_and_above_the_margin(name: str, kind: str) -> None:
    def margin(point: np.ndarray) -> float:
        height = 0.3 - float(np.linalg.norm(point - START[:2]))  # the answer lies outside
        if kind == "smooth":
            return height
        return np.inf if height > 0 else -0.8  # no barrier where like charges only repel

    proposer = make(name, margin=margin)
    points = np.array([e.point for e in flat(run(proposer, world_of(proposer), 30))])
    assert points.min() >= 0
    assert points.max() <= 1
    assert min(margin(p) for p in points) >= 0


def test_the_start_is_among_the_first_points(name: str) -> None:
    proposer = make(name)
    assert np.array_equal(proposer.ask(1)[0].point, START[:2])
    assert proposer.place is None
    assert not proposer.finished


def test_asking_changes_nothing(name: str) -> None:
    proposer, other = make(name), make(name)
    world, twin = world_of(proposer), world_of(other)
    for _ in range(3 if name in SLOW else 5):
        before = asked(proposer)
        proposer.ask(1)[0].point[:] = 0.0  # what a caller does to its copy is its own affair
        proposer.ask(2)
        assert asked(proposer) == before
        proposer.tell([world.evaluate(np.array(point)) for point, _, _ in before])
        other.tell([twin.evaluate(p.point) for p in other.ask(4)])
    assert asked(proposer) == asked(other)


def test_told_without_asking_it_goes_on_as_it_would_have(name: str) -> None:
    proposer = make(name)
    rounds = run(proposer, world_of(proposer), 22)
    for known in range(len(rounds) + 1):
        if name in SLOW and known < len(rounds) - 1:
            continue
        resumed = make(name)
        for told in rounds[:known]:
            resumed.tell(told)
        if known < len(rounds):
            assert [p.point.tolist() for p in resumed.ask(4)] == [e.point.tolist() for e in rounds[known]]
        else:
            assert asked(resumed) == asked(proposer)
            assert (resumed.finished, resumed.refining) == (proposer.finished, proposer.refining)
            assert np.array_equal(resumed.place, proposer.place)  # type: ignore[arg-type]


def test_points_follow_from_the_seed(name: str) -> None:
    def points(seed: int) -> list[list[float]]:
        proposer = make(name, seed=seed)
        return [e.point.tolist() for e in flat(run(proposer, world_of(proposer), 12))]

    assert points(1) == points(1)
    assert (points(1) != points(2)) == (name in RANDOM)


def test_when_all_runs_fail_it_still_proposes(name: str) -> None:
    proposer = make(name)
    rounds = run(proposer, world_of(proposer, lambda point, number: True), 40)
    assert proposer.place is None
    points = np.array([e.point for e in flat(rounds)] + [p.point for p in proposer.ask(4)])
    assert points.min() >= 0
    assert points.max() <= 1


def test_when_all_runs_fail_but_the_first_it_still_proposes(name: str) -> None:
    proposer = make(name)
    rounds = run(proposer, world_of(proposer, lambda point, number: number > 0), 40)
    assert np.array_equal(proposer.place, START[:2])  # type: ignore[arg-type]
    points = np.array([e.point for e in flat(rounds)] + [p.point for p in proposer.ask(4)])
    assert points.min() >= 0
    assert points.max() <= 1


def test_failed_runs_do_not_stop_it(name: str) -> None:
    proposer = make(name, points=40)
    run(proposer, world_of(proposer, lambda point, number: number % 3 == 1), 40)
    place = proposer.place
    assert place is not None
    assert true_cost(place) < 0.6 * true_cost(START[:2])


def test_a_first_part_of_a_round_may_be_told(name: str) -> None:
    """The budget ended within a round, and the fit is resumed with more."""
    proposer, other = make(name), make(name)
    world = world_of(proposer)
    for _ in range(4):
        proposals = proposer.ask(4)
        part = [world.evaluate(p.point) for p in proposals[: max(1, len(proposals) - 1)]]
        proposer.tell(part)
        other.tell(part)
        assert asked(proposer) == asked(other)
    run(proposer, world, 20)
    assert proposer.place is not None


def test_the_place_is_an_evaluated_point_that_stands_out(name: str) -> None:
    proposer = make(name, 3, points=40)
    world = world_of(proposer)
    tried = []
    while world.runs < (12 if name in SLOW else 24):
        proposals = proposer.ask(4)
        told = [world.evaluate(p.point) for p in proposals]
        proposer.tell(told)
        # The points of a gradient are looked at, not gone to.
        tried += [e for p, e in zip(proposals, told, strict=True) if p.note != "gradient"]
    place = proposer.place
    assert place is not None
    (here,) = {e.cost for e in tried if np.array_equal(e.point, place)}
    assert here is not None
    # Gauss-Newton accepts a cost a little above the least, within noise.
    assert here <= 1.05 * min(e.cost for e in tried if e.cost is not None) + 0.004


def test_it_improves_a_noisy_bowl(name: str) -> None:
    proposer = make(name, points=50)
    run(proposer, world_of(proposer), 50)
    place = proposer.place
    assert place is not None
    start = true_cost(START[:2])
    assert start > 0.4
    assert true_cost(place) < (0.4 if name == "sobol" else 0.2) * start


def test_it_ends(name: str) -> None:
    proposer = make(name, patience=3)
    world = world_of(proposer)
    while not proposer.finished and world.runs < 300:
        run(proposer, world, 1)
    assert world.runs < 300


def test_what_others_found_before_does_no_harm(name: str) -> None:
    rng = np.random.default_rng(3)
    proposer = make(name, points=50)
    world = world_of(proposer)
    strangers = World(response=False, fails=lambda point, number: number % 4 == 0)
    proposer.tell([strangers.evaluate(point) for point in rng.uniform(0.1, 0.5, (12, 2))])
    assert not proposer.finished
    assert not proposer.refining
    if name not in ("sobol", "bayes", "active-learning", "multi-objective"):  # those learn from any point
        assert asked(proposer) == asked(make(name))
    run(proposer, world, 50)
    place = proposer.place
    assert place is not None
    assert true_cost(place) < (0.6 if name == "sobol" else 0.2) * true_cost(START[:2])


def test_one_dimension_is_enough(name: str) -> None:
    proposer = make(name, 1, points=16)
    rounds = run(proposer, world_of(proposer), 16)
    assert {len(e.point) for e in flat(rounds)} == {1}
    place = proposer.place
    assert place is not None
    assert true_cost(place) < 0.3 * true_cost(START[:1])


def test_it_leaves_the_global_random_state_alone(name: str) -> None:
    def states() -> list[Any]:
        kind, keys, *rest = np.random.get_state()
        found: list[Any] = [kind, keys.tolist(), rest]  # type: ignore[union-attr]
        if name in ("bayes", "multi-objective"):
            torch = pytest.importorskip("torch", reason="torch is not installed")
            found.append(torch.get_rng_state().tolist())
        return found

    before = states()
    proposer = make(name)
    run(proposer, world_of(proposer), 14)
    assert states() == before
