"""Refuse what a fit that learns would not use, and an aim of which its runs say nothing."""

from __future__ import annotations

from collections.abc import Sequence

from glasspot.campaign.plan import GLASS
from glasspot.config import FitConfig
from glasspot.errors import GlasspotError

# The keys of [learning] that only one method reads.
OF_METHOD = {
    "active-learning": (
        "start_set", "optimisers", "objectives", "iterations", "w_B", "weighted_by", "weighted_quantity", "runs", "top",
        "pick",
    ),
    "multi-objective": ("promote", "repeats"),
}  # fmt: skip
WEIGHTED = "composition-weighted"
OF_WEIGHTED = ("w_B", "weighted_by", "weighted_quantity")
SLOWEST = 1e-18  # K/ps, less than a kelvin a week
SAME = 0.05  # atoms are rounded to whole formula units: sizes nearer than this are one


def check_used(config: FitConfig) -> None:
    """Refuse keys of [learning] that the methods of the fit do not read: a choice that does nothing misleads."""
    given = config.learning.model_fields_set
    for method, keys in OF_METHOD.items():
        idle = [key for key in keys if key in given]
        if idle and method not in config.fit.method:
            raise GlasspotError(
                f'learning.{idle[0]} is for fit.method = "{method}"; got {", ".join(config.fit.method)}. Leave it out'
            )
    idle = [key for key in OF_WEIGHTED if key in given]
    if idle and WEIGHTED not in config.learning.objectives:
        raise GlasspotError(f'learning.{idle[0]} is for the objective "{WEIGHTED}", which learning.objectives lacks')
    if "promote" in given and not config.level:
        raise GlasspotError("learning.promote is the share of runs at a next [[level]]; this fit has none")
    features = config.learning.glass_features
    twice = next((name for name in features if features.count(name) > 1), None)
    if twice is not None:
        raise GlasspotError(f"learning.glass_features names {twice} twice; give each oxide once")


def check_aim(config: FitConfig, levels: Sequence[FitConfig]) -> None:
    """Refuse an aim that no run points to: ``levels`` are the settings with each level in them, the last one last."""
    table = config.learning
    if all(system.held_out for system in config.system):
        return  # the plan says what is wrong
    if table.aim_rate is not None:
        rates = [[s.rate for s in level.system if s.state == GLASS and not s.held_out] for level in levels]
        if not rates[-1]:
            raise GlasspotError("learning.aim_rate is the quench rate of glasses; no system that is fitted is a glass")
        if table.aim_rate < SLOWEST:
            raise GlasspotError(f"learning.aim_rate is {table.aim_rate:g}; expected K/ps (1 K/s is 1e-12 K/ps)")
        _check_side("aim_rate", table.aim_rate, [_mean(of) for of in rates], "K/ps", slower=True)
    if table.aim_atoms is not None:
        atoms = [[float(s.atoms) for s in level.system if not s.held_out] for level in levels]
        _check_side("aim_atoms", table.aim_atoms, [_mean(of) for of in atoms], "atoms", slower=False)


def _check_side(key: str, aim: float, values: list[float], unit: str, slower: bool) -> None:
    last = values[-1]
    if abs(aim - last) <= SAME * last:
        return
    if (aim > last) == slower:
        raise GlasspotError(
            f"learning.{key} is {aim:g} {unit}, {'faster' if slower else 'smaller'} than the last level ({last:g}); a "
            f"fit is judged there or further on: give {'less' if slower else 'more'}, or leave it out"
        )
    if max(values) - min(values) <= SAME * last:
        what = "rate" if slower else "atoms"
        raise GlasspotError(
            f"learning.{key} is {aim:g} {unit}, but everything is run at {last:g}: no run would tell what that "
            f"changes. Give two [[level]] that differ in {what}, or leave {key} out"
        )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
