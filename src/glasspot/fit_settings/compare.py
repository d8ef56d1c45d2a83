"""From a fit's checked TOML and names of potentials to a comparison: who can run the systems, who cannot and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glasspot.campaign.plan import FitPlan, SimulatedTarget, State
from glasspot.config import FitConfig
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import System, check_system, choose_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.fit_settings.glass import Glass, glass_of
from glasspot.fit_settings.plan import one_base
from glasspot.fit_settings.source import settings_of
from glasspot.fit_settings.states import state_of
from glasspot.potential.io import list_potentials, load_potential
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace


@dataclass(frozen=True)
class Comparison:
    """Potentials to score against the targets of a plan, which are in ``plan.compare``, each with its own engine."""

    plan: FitPlan
    asked: tuple[Potential, ...]  # as their files say them, without what they take from the composition
    engines: Mapping[str, EngineChoice]  # by the name of the potential
    skipped: Mapping[str, str]  # name -> why it cannot run these systems
    notes: tuple[str, ...] = field(default=())


def comparison_of(
    config: FitConfig,
    folder: Path,
    names: Sequence[str],
    engine: str | None = None,
    earlier: Sequence[Potential] = (),
) -> Comparison:
    """Return what to compare: the potentials of ``names`` (a library name, or a .toml file), or without names all.

    All are the library and what the file itself names; files of RUN.toml are relative to ``folder``, those of ``names``
    to the current one. ``earlier`` are the ``asked`` of a comparison in the same folder before; with them alone it goes
    on as it was. A potential that cannot run the systems is
    left out with its reason when nobody named it; GlasspotError for one of ``names``, and when none is left.
    """
    asked = config.engine.choice(engine)
    named = [load_potential(name) for name in names]
    candidates = _distinct([*earlier, *named] if named or earlier else _everything(config, folder))
    ruler, glasses, notes = _ruler(config, candidates, named)
    states = tuple(state_of(config, index, glass, folder, notes) for index, glass in enumerate(glasses))
    found: dict[str, Potential] = {}
    engines: dict[str, EngineChoice] = {}
    skipped: dict[str, str] = {}
    wanted = {potential.name for potential in named}
    for candidate in candidates:
        try:
            filled = one_base(candidate, glasses)
            engines[filled.name] = _engine_for((filled,), asked, states)
            found[filled.name] = filled
        except GlasspotError as error:
            if candidate.name in wanted:
                raise GlasspotError(f"{candidate.name} cannot be compared here: {error}") from error
            skipped[candidate.name] = str(error)
    if not found:
        raise GlasspotError(f"no potential can run these systems; {'; '.join(f'{n}: {w}' for n, w in skipped.items())}")
    references = tuple(t.potential for s in states for t in s.targets if isinstance(t, SimulatedTarget))
    plan = FitPlan(
        title=config.title,
        description=config.description,
        cautions=tuple(config.cautions),
        seed=config.seed,
        name="",
        space=ParameterSpace(one_base(ruler, glasses), ()),
        states=states,
        engine=_engine_for(references or tuple(found.values())[:1], asked, states),
        compare=tuple(found.values()),
        replicas=1,
        max_runs=len(states),
        barrier=config.fit.barrier_eV,
        candidates=1,
        selection_runs=config.fit.selection_runs,
        validation_runs=config.validation.runs,
        reference_runs=config.reference.runs,
        source=_what_decides(config, folder, asked),
    )
    asked_for = tuple(candidate for candidate in candidates if candidate.name in found)
    return Comparison(plan, asked_for, engines, skipped, tuple(dict.fromkeys(note for note in notes if note)))


def _everything(config: FitConfig, folder: Path) -> list[Potential]:
    """Return the library, then what RUN.toml itself names beside it: files, as its start or to compare."""
    own = [name for name in (config.potential.start, *config.validation.compare) if name.endswith(".toml")]
    library = [load_potential(name) for name in list_potentials()]
    return [*library, *(load_potential(name, folder=folder) for name in own)]


def _distinct(potentials: Sequence[Potential]) -> list[Potential]:
    """Return each potential once; refuse two that the table could not tell apart by their names."""
    found: dict[str, Potential] = {}
    for potential in potentials:
        known = found.setdefault(potential.name, potential)
        if known.potential_id != potential.potential_id:
            raise GlasspotError(
                f'two different potentials have the name "{potential.name}"; rename one of them: name = ... in its file'
            )
    return list(found.values())


def _ruler(
    config: FitConfig, candidates: Sequence[Potential], named: Sequence[Potential]
) -> tuple[Potential, list[Glass], list[str]]:
    """Return the first potential that knows all species, and the glasses counted out by it: the same for all."""
    first: GlasspotError | None = None
    for candidate in candidates:
        notes: list[str] = []
        try:
            glasses = [glass_of(system, candidate, notes) for system in config.system]
            for glass in glasses:
                _require_species(candidate, glass)
            one_base(candidate, glasses)
        except GlasspotError as error:
            first = first or error
            continue
        return candidate, glasses, notes
    reason = first or GlasspotError("there is no potential to compare")
    if named:
        raise reason
    compositions = " and ".join(system.composition for system in config.system)
    raise GlasspotError(f"no potential of the library can run {compositions}; the first says: {reason}") from reason


def _engine_for(potentials: Sequence[Potential], asked: EngineChoice, states: Sequence[State]) -> EngineChoice:
    """Return the engine that can run these potentials in every state; GlasspotError where none can."""
    choices = []
    for state in states:
        for potential in potentials:
            _require_species(potential, state)
        system = System(tuple(potentials), tuple(state.counts), state.cell)
        choice, _ = choose_engine(asked, system)
        check_system(choice, system)
        choices.append(choice)
    return next((choice for choice in choices if choice.name == "lammps"), choices[0])


def _require_species(potential: Potential, glass: Glass | State) -> None:
    missing = [species for species in glass.counts if species not in potential.elements]
    if missing:
        raise GlasspotError(f"it knows no {', '.join(missing)}")


def _what_decides(config: FitConfig, folder: Path, asked: EngineChoice) -> dict[str, object]:
    """Return the settings that decide the scores: a comparison is not of [fit], [potential] or the names compared."""
    whole = settings_of(config, folder)
    files = {name for target in config.target for name in (target.file, target.trajectory, target.reference) if name}
    return {
        **{key: whole[key] for key in ("seed", "system", "target", "reference")},
        "md": {key: whole["md"][key] for key in ("timestep_fs", "every_ps")},
        "validation": {key: value for key, value in whole["validation"].items() if key != "compare"},
        "files": {name: digest for name, digest in whole["files"].items() if name in files},
        "engine": asked.spec(),
    }
