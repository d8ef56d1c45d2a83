"""[[level]]: the same glasses made in several ways, the cheapest first; and the choices of [learning]."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from glasspot.campaign.plan import GLASS, LEARNERS, Learning, State
from glasspot.config import FitConfig
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.fit_settings.glass import glass_of
from glasspot.fit_settings.states import state_of
from glasspot.fit_settings.unused import WEIGHTED, check_aim, check_used
from glasspot.learning_table import LevelTable
from glasspot.potential.model import Potential


def levels_of(config: FitConfig, start: Potential, folder: Path) -> tuple[tuple[tuple[State, ...], ...], FitConfig]:
    """Return the fitted states of every level but the last, and the settings with the last level in them.

    GlasspotError where levels are of no use, or do not become dearer.
    """
    _check(config)
    check_aim(config, [_with(config, level) for level in config.level] or [config])
    if not config.level:
        return (), config
    *first, last = config.level
    cheaper = []
    for level in first:
        made = _with(config, level)
        states = []
        for index, system in enumerate(made.system):
            if not system.held_out:
                states.append(state_of(made, index, glass_of(system, start, []), folder, []))
        cheaper.append(tuple(states))
    return tuple(cheaper), _with(config, last)


def learning_of(config: FitConfig) -> Learning:
    """Return the choices of [learning]; GlasspotError for oxides and quantities that no system has."""
    check_used(config)
    table = config.learning
    oxides = {name for system in config.system for name in _oxides(system.composition, system.basis)}
    if _weighted(config) and table.weighted_by not in oxides:
        raise GlasspotError(
            f'the objective "{WEIGHTED}" weights by {table.weighted_by}, which no system holds; set '
            'learning.weighted_by, or learning.objectives = ["equal", ...]'
        )
    for name in table.glass_features:
        if name not in oxides:
            raise GlasspotError(
                f'[learning] names the oxide "{name}"; the systems are made of {", ".join(sorted(oxides))}.'
                f"{did_you_mean(name, sorted(oxides))}"
            )
    fitted = {system.name for system in config.system if not system.held_out}
    quantities = {target.quantity for target in config.target if target.system in fitted or not target.system}
    if _weighted(config) and table.weighted_quantity not in quantities:
        raise GlasspotError(
            f'the objective "{WEIGHTED}" weights {table.weighted_quantity}, but no fitted target gives it; set '
            'learning.weighted_quantity, or learning.objectives = ["equal", ...]'
        )
    return Learning(
        surrogate=table.surrogate,
        glass_features=tuple(table.glass_features),
        move=table.windows == "move",
        start_set=table.start_set,
        optimisers=tuple(table.optimisers),
        objectives=tuple(table.objectives),
        iterations=tuple(table.iterations),
        weight=table.w_B,
        weighted_by=table.weighted_by,
        weighted_quantity=table.weighted_quantity,
        runs=table.runs,
        top=table.top,
        pick=table.pick,
        promote=table.promote,
        repeats=table.repeats,
        aim_rate=table.aim_rate,
        aim_atoms=table.aim_atoms,
    )


def _weighted(config: FitConfig) -> bool:
    return "active-learning" in config.fit.method and WEIGHTED in config.learning.objectives


def _oxides(text: str, basis: str) -> list[str]:
    from glasspot.composition import Composition

    return [name for name, _ in Composition.parse(text, basis).oxides]


def _with(config: FitConfig, level: LevelTable) -> FitConfig:
    """Return the settings with what a level says in each of its glasses."""
    changes = level.model_dump(exclude={"name"}, exclude_none=True)
    systems = []
    for system in config.system:
        own = changes if system.state == GLASS else {k: v for k, v in changes.items() if k == "atoms"}
        systems.append(system.model_copy(update=own))
    return config.model_copy(update={"system": systems})


def _check(config: FitConfig) -> None:
    learner = any(name in LEARNERS for name in config.fit.method)
    if not learner and (config.level or config.learning.model_fields_set):
        given = "[[level]]" if config.level else "[learning]"
        raise GlasspotError(f"{given} is for fit.method = {' or '.join(LEARNERS)}; got {', '.join(config.fit.method)}")
    if not config.level:
        return
    if config.fit.method != ["multi-objective"]:
        raise GlasspotError(
            '[[level]] is for fit.method = "multi-objective", which models what cheap glasses get wrong'
        )
    if len(config.level) == 1:
        raise GlasspotError(
            "there is one [[level]]; give at least two, the cheapest first, or set its keys in [common]"
        )
    if not any(system.state == GLASS for system in config.system):
        raise GlasspotError('[[level]] is for glasses (state = "glass"); no system is one')
    work = [_work(config, level) for level in config.level]
    if any(later <= before for before, later in pairwise(work)):
        shown = ", ".join(f"{w:.3g}" for w in work)
        raise GlasspotError(
            f"the levels do not become dearer (atoms x ps of a glass: {shown}); give the cheapest first"
        )
    known = [[(s.rate, s.atoms) for s in _with(config, level).system] for level in config.level]
    twice = next((n for n, one in enumerate(known) if one in known[:n]), None)
    if twice is not None:
        raise GlasspotError(
            f"[[level]] {known.index(known[twice]) + 1} and {twice + 1} have the same rate and atoms, which is all "
            "that the model knows them by; give melt_ps to both of them in [common], and let rate or atoms differ"
        )


def _work(config: FitConfig, level: LevelTable) -> float:
    """Return atoms x ps of the glasses of a level."""
    total = 0.0
    for system in _with(config, level).system:
        if system.state == GLASS:
            total += system.atoms * ((system.melt_temperature - system.temperature) / system.rate + 2 * system.melt_ps)
    return total
