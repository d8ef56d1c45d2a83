"""What a search method cannot do is refused before anything is run, and the message says which method can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from glasspot.campaign.methods import check_methods, make_proposer, margin_of
from glasspot.campaign.plan import FitPlan
from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.potential.schema import with_terms
from glasspot.potential.wall import barrier
from glasspot.search.proposer import Evaluation, Proposer
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective
from linear_world import SPACE, plan

ALL = ("gauss-newton", "cma-es", "conjugate-gradient", "sobol")


def with_state(of: FitPlan, **changes: Any) -> FitPlan:
    return replace(of, states=(replace(of.states[0], **changes),))


def number(quantity: str) -> NumberTarget:
    return NumberTarget(quantity, quantity, np.array([4.0]), 0.1)


def test_a_sound_plan_passes_with_every_method() -> None:
    for method in ALL:
        check_methods(plan(20, methods=(method,)))


def test_fluctuations_of_a_glass_are_refused_and_the_cost_is_not() -> None:
    glass = with_state(plan(), kind="glass")
    with pytest.raises(GlasspotError, match=r"gauss-newton.*quenched glass.*bayes.*cma-es.*conjugate-gradient"):
        check_methods(glass)
    with pytest.raises(GlasspotError, match="gauss-newton"):
        check_methods(replace(glass, methods=("cma-es", "gauss-newton")))
    check_methods(replace(glass, methods=("cma-es", "conjugate-gradient")))


def test_a_coordination_number_needs_a_method_of_the_cost() -> None:
    of = plan()
    counted = with_state(of, targets=(*of.states[0].targets, number("coordination Si-O")))
    with pytest.raises(GlasspotError, match=r"coordination Si-O.*bayes"):
        check_methods(counted)
    check_methods(replace(counted, methods=("cma-es",)))
    check_methods(with_state(of, targets=(*of.states[0].targets, number("pressure"))))


def test_free_charges_with_a_mesh_need_a_method_of_the_cost() -> None:
    wang = load_potential("Wang-2018")
    of = plan(space=ParameterSpace.build(wang, ["charge.Si", "O-O.rho"]))
    with pytest.raises(GlasspotError, match=r"charge\.Si.*PPPM.*bayes"):
        check_methods(of)
    check_methods(replace(of, methods=("cma-es",)))


def test_a_start_behind_the_barrier_is_refused_with_the_pair_and_the_height() -> None:
    height = barrier(SPACE.base, "O", "O")
    with pytest.raises(GlasspotError, match=rf"barrier of {height:.3g} eV between O-O.*barrier_eV = 50"):
        check_methods(plan(barrier=50.0))


def test_a_start_without_repulsion_is_refused() -> None:
    terms = {"Si-O": [{"form": "buckingham", "A": 100.0, "rho": 0.2, "C": 3000.0}]}
    base = with_terms(load_potential("BKS"), terms)
    attractive = plan(space=ParameterSpace.build(base, ["O-O.A"], {}))
    with pytest.raises(GlasspotError, match="no repulsion between O and Si"):
        check_methods(with_state(attractive, counts={"O": 2, "Si": 1}))


def test_a_window_mostly_behind_the_barrier_is_refused_where_points_are_drawn_in_it() -> None:
    # A window that is nearly all far below the start's A: too little repulsion to close the hole of C / r^6.
    space = ParameterSpace.build(load_potential("BKS"), ["O-O.A"], {"O-O.A": [1e-9, 1390.0]})
    of = plan(20, space=space, barrier=11.0)
    check_methods(replace(of, methods=("cma-es",)))
    with pytest.raises(GlasspotError, match=r"points inside the windows.*pass the screen"):
        check_methods(replace(of, methods=("sobol",)))


def test_two_systems_that_are_one_state_are_refused() -> None:
    of = plan()
    one = replace(of.states[0], name="a")
    twin = replace(one, name="b", index=1)
    with pytest.raises(GlasspotError, match=r'"a" and "b" are one and the same state'):
        check_methods(replace(of, states=(one, twin), max_runs=40))
    check_methods(replace(of, states=(one, replace(twin, temperature=3000.0)), max_runs=40))
    check_methods(replace(of, states=(one, replace(twin, held_out=True)), max_runs=40))


def test_two_targets_of_one_number_are_refused() -> None:
    of = plan()
    with pytest.raises(GlasspotError, match="two targets give the pressure"):
        check_methods(with_state(of, targets=(*of.states[0].targets, number("pressure"), number("pressure"))))


def test_the_screen_is_the_least_barrier_over_the_one_asked() -> None:
    point = SPACE.to_cube(SPACE.base)
    assert margin_of(plan(barrier=5.0))(point) == pytest.approx(barrier(SPACE.base, "O", "O") / 5.0 - 1.0)


def made(method: str, **changes: Any) -> Proposer:
    of = plan(methods=(method,), **changes)
    nothing = Objective(())  # these methods look at the cost alone
    return make_proposer(of, 0, SPACE.to_cube(SPACE.base), nothing)


def test_patience_and_start_points_reach_the_methods() -> None:
    assert len(made("sobol", start_points=7).ask(50)) == 7
    assert len(made("sobol").ask(50)) == 10
    patient, hasty = (made("cma-es", patience=p) for p in (50, 1))
    for proposer in (patient, hasty):
        for _ in range(4):
            proposer.tell([Evaluation(proposal.point, 0.5, 0.01) for proposal in proposer.ask(1)])
    assert hasty.finished and not patient.finished


def test_each_method_of_a_chain_may_have_its_own_patience() -> None:
    of = plan(methods=("sobol", "cma-es", "gauss-newton"), patience=(5, 1, 50))
    hasty = make_proposer(of, 1, SPACE.to_cube(SPACE.base), Objective(()))
    for _ in range(4):
        hasty.tell([Evaluation(proposal.point, 0.5, 0.01) for proposal in hasty.ask(1)])
    assert hasty.finished
    assert [replace(of, patience=p).patience_of(2) for p in ((5, 1, 50), 7, None)] == [50, 7, None]
