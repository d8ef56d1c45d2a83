"""From a fit's checked TOML to the plan of the campaign: names are looked up, files read, protocols made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from glasspot.campaign.aims import conditions
from glasspot.campaign.methods import check_methods
from glasspot.campaign.plan import GLASS, FitPlan
from glasspot.config import FitConfig
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import choose_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.fit_settings.glass import Glass, glass_of
from glasspot.fit_settings.levels import learning_of, levels_of
from glasspot.fit_settings.source import settings_of
from glasspot.fit_settings.states import state_of
from glasspot.fit_settings.windows import space_of
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.potential.schema import with_terms


def fit_plan(config: FitConfig, folder: Path, engine: str | None = None) -> tuple[FitPlan, list[str]]:
    """Return the plan of a fit and what was decided for the user on the way; files are relative to ``folder``.

    engine: overrules the name in the file. GlasspotError for a potential, file, column or range that is not there or
    does not fit, and for a method that cannot use a target.
    """
    notes: list[str] = []
    if config.rung:
        raise GlasspotError("this file has [[rung]]: `glasspot ladder` fits them one after the other and compares them")
    start = with_terms(load_potential(config.potential.start, folder=folder), config.potential.terms)
    source = settings_of(config, folder)
    cheaper, config = levels_of(config, start, folder)
    glasses = [glass_of(system, start, notes) for system in config.system]
    base = one_base(start, glasses)
    space = space_of(config, base)
    _check_start(space.parameters, base)
    states = tuple(state_of(config, index, glass, folder, notes) for index, glass in enumerate(glasses))
    compare = tuple(one_base(load_potential(name, folder=folder), glasses) for name in config.validation.compare)
    _check_names(config.potential.name, base, compare)
    plan = FitPlan(
        title=config.title,
        description=config.description,
        cautions=tuple(config.cautions),
        seed=config.seed,
        name=config.potential.name,
        space=space.parameters,
        states=states,
        engine=config.engine.choice(engine),
        compare=compare,
        replicas=config.md.replicas,
        max_runs=config.fit.runs(config.md.replicas * sum(not system.held_out for system in config.system)),
        barrier=config.fit.barrier_eV,
        candidates=config.fit.candidates,
        selection_runs=config.fit.selection_runs,
        validation_runs=config.validation.runs,
        reference_runs=config.reference.runs,
        source=source,
        methods=tuple(config.fit.method),
        patience=tuple(config.fit.patience) if isinstance(config.fit.patience, list) else config.fit.patience,
        start_points=config.fit.points,
        batch=config.fit.batch,
        members=config.ensemble.members,
        member_runs=config.ensemble.runs,
        cheaper=cheaper,
        windows=space.windows,
        start_windows=space.start_windows,
        learning=learning_of(config),
    )
    check_methods(plan)
    notes += [
        f"{state.name or 'the glass'}: with md.replicas = 1 the ± of an evaluation is that within one glass; those of "
        "other seeds differ by more"
        for state in plan.fitted_states
        if state.kind == GLASS and plan.replicas == 1
    ]
    notes.append(_confounded(plan))
    choice, engine_note = _engine(plan)
    notes.append(engine_note)
    plan = replace(plan, engine=choice, source={**plan.source, "engine": choice.spec()})
    return plan, list(dict.fromkeys(note for note in notes if note))


def _confounded(plan: FitPlan) -> str:
    """Return a note where levels cannot tell what the rate changes from what the size does; else ""."""
    known = conditions(plan)
    if not plan.extrapolates or np.linalg.matrix_rank(np.column_stack([np.ones(len(known)), known])) > known.shape[1]:
        return ""
    return (
        "the levels change rate and size together: no run tells which of the two changed a value, so what is "
        "extrapolated to learning.aim_rate or aim_atoms rests on a guess; let one of them be the same, or add a level"
    )


def one_base(potential: Potential, glasses: Sequence[Glass]) -> Potential:
    """Return the potential with what it takes from the composition; it must take the same from all of them."""
    filled = [glass.fill_in(potential) for glass in glasses]
    if any(other.to_dict() != filled[0].to_dict() for other in filled[1:]):
        raise GlasspotError(
            f"{potential.name} takes a charge or a depth from the composition, so it is another potential in each "
            "[[system]]; fit compositions together with a potential whose numbers are the same in all of them"
        )
    return filled[0]


def _engine(plan: FitPlan) -> tuple[EngineChoice, str]:
    """Return the one engine for all states: LAMMPS where the native engine cannot run one of them."""
    choices = [choose_engine(plan.engine, system) for system in plan.systems]
    return next((found for found in choices if found[0].name == "lammps"), choices[0])


def _check_start(space: ParameterSpace, base: Potential) -> None:
    """Refuse a window that does not hold the value at the start: the fit could not even stand there."""
    for name, place in zip(space.names, space.to_cube(base), strict=True):
        if not -1e-9 <= place <= 1 + 1e-9:
            low, high = space.windows()[name]
            raise GlasspotError(
                f"the window of {name} is {low:.6g} to {high:.6g}, but the start {base.name} has "
                f"{space.values(base)[name]:.6g}; widen the window, or start elsewhere"
            )


def _check_names(fitted: str, start: Potential, compare: Sequence[Potential]) -> None:
    """Refuse potentials that the report could not tell apart by their names."""
    names = [fitted, start.name, *(potential.name for potential in compare if potential.name != start.name)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise GlasspotError(
            f'two potentials of this fit have the name "{twice}"; the fitted one (potential.name), the start and those '
            "of validation.compare must differ"
        )
