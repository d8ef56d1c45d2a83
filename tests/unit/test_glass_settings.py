"""Fits to many glasses from TOML: short forms, windows in percent, levels, and every mistake in one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import glass_world as world
from glasspot.campaign.plan import FitPlan
from glasspot.errors import GlasspotError
from glasspot.target.number import NumberTarget

LEVELS = "[[level]]\nrate = 100\n[[level]]\nrate = 10\n"
PAPER = (
    ('method = "multi-objective"', 'method = "active-learning"'), (LEVELS, ""), ("aim_rate = 1.0\n", ""),
)  # fmt: skip


def load(folder: Path, *changes: tuple[str, str]) -> FitPlan:
    text = world.TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return world.plan_of(folder, text)


def test_common_keys_measured_numbers_and_scales(tmp_path: Path) -> None:
    plan = load(tmp_path)
    assert [state.name for state in plan.states] == ["12B", "37B", "62B"]
    assert {state.pressure for state in plan.states} == {0.0} and {state.rate for state in plan.states} == {10.0}
    density, fraction = plan.states[1].targets
    assert isinstance(density, NumberTarget) and isinstance(fraction, NumberTarget)
    assert (density.label, density.values[0], density.scale) == ("density, 37B", 2.517, 0.4827)
    assert (fraction.label, fraction.scale, fraction.is_fraction) == ("fraction_B4, 37B", 1.0, True)
    assert fraction.error is not None and fraction.error[0] == 0.01


def test_a_value_that_was_not_measured_is_left_out(tmp_path: Path) -> None:
    plan = load(tmp_path, ("measured = { density = 2.390, fraction_B4 = 0.445 }", "measured = { density = 2.390 }"))
    assert [len(state.targets) for state in plan.states] == [2, 2, 1]


def test_own_keys_go_before_common_ones(tmp_path: Path) -> None:
    plan = load(tmp_path, ('name = "62B"', 'name = "62B"\natoms = 400'))
    assert [round(state.atoms, -2) for state in plan.states] == [200, 200, 400] or plan.states[2].atoms > 390


def test_levels_differ_in_what_they_say(tmp_path: Path) -> None:
    plan = load(tmp_path, ("[[level]]\nrate = 10\n", "[[level]]\nrate = 10\natoms = 500\nmelt_ps = 20\n"))
    assert plan.levels == 2
    fast, slow = plan.at(0).fitted_states[0], plan.at(1).fitted_states[0]
    assert (fast.rate, slow.rate) == (100.0, 10.0)
    assert abs(fast.atoms - 250) < 10 and abs(slow.atoms - 500) < 10
    steps = [state.protocols.first.total_steps for state in (fast, slow)]
    assert steps[1] - steps[0] == pytest.approx((270 - 27 + 2 * 10) / 0.001)


def test_a_glass_at_constant_pressure_is_sampled_at_it(tmp_path: Path) -> None:
    """0.5 GPa in the file are 5000 bar in the protocol; the density is that of sampled frames, so these are NPT."""
    plan = load(tmp_path, ("pressure = 0.0", "pressure = 0.5"))
    stages = {stage.name: stage for stage in plan.states[0].protocols.first.stages}
    assert stages["sample"].kind == "npt"
    assert {stages[name].pressure for name in ("melt", "quench", "relax", "sample")} == {5000.0}


def test_windows_in_percent_of_the_start(tmp_path: Path) -> None:
    plan = load(tmp_path)
    start = plan.space.values(plan.space.base)
    low, high = plan.space.windows()["B-O.rho"]
    assert low == pytest.approx(0.95 * start["B-O.rho"]) and high == pytest.approx(1.15 * start["B-O.rho"])
    assert plan.windows is None  # they do not move


def test_windows_that_move_lie_inside_their_limits(tmp_path: Path) -> None:
    plan = load(
        tmp_path, ('windows = "fixed"\n', ""), ("[common]", 'limits_percent = { "B-O.C" = [-50, 20] }\n[common]')
    )
    windows = np.array(plan.windows)
    names = list(plan.space.names)
    start = plan.space.values(plan.space.base)
    limits = plan.space.windows()
    assert limits["B-O.C"] == (pytest.approx(0.5 * start["B-O.C"]), pytest.approx(1.2 * start["B-O.C"]))
    np.testing.assert_allclose(windows[names.index("B-O.C")], [35 / 70, 65 / 70])
    np.testing.assert_allclose(windows[names.index("B-B.A")], [1 / 3, 2 / 3])  # its own width more on either side
    home = plan.space.to_cube(plan.space.base)
    assert np.all((windows[:, 0] < home) & (home < windows[:, 1]))


def test_coordinates_as_given_move_one_parameter_at_a_time(tmp_path: Path) -> None:
    text = world.TEXT.replace("[common]", 'coordinates = "as-given"\n[common]')
    for given, coupled in ((text, False), (world.TEXT, True)):
        space = world.plan_of(tmp_path, given).space
        point = space.to_cube(space.base)
        point[space.names.index("B-O.rho")] += 0.1
        moved, start = space.values(space.from_cube(point)), space.values(space.base)
        assert moved["B-O.rho"] > start["B-O.rho"]
        assert (moved["B-O.A"] != pytest.approx(start["B-O.A"])) == coupled


SYSTEM = 'name = "12B"\ncomposition = "10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO"\n'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO"', '"10.8 B2O3 63.8 SiO2 14.8 K2O 10.6 CaO"', "has no charge for K"),
        (
            "fraction_B4 = 0.79",
            "fraction_B4 = 79",
            r"is 79; expected a fraction from 0 to 1.*Then 0.79",
        ),
        ("fraction_B4 = 0.79", "fraction_B4 = -0.1", "is -0.1; expected a fraction from 0 to 1"),
        ("fraction_B4 = 0.79", "fraction_Al4 = 0.79", '"fraction_Al4" is no number of this system.*fraction_B4'),
        ("fraction_B4 = 0.79", "fraktion_B4 = 0.79", "Did you mean"),
        ("density = 2.545", "density = 2545", "value of density of .12B. is 2545; expected g/cm3"),
        ("density = 2.545", 'density = "2.5"', "expected a number"),
        ("density = 2.545", "density = { valu = 2.5 }", 'unknown key "valu" of density in measured of "12B"'),
        ("density = 2.545", "pressure = 0.1", "the pressure of this glass is set to 0 GPa; give its density"),
        ("pressure = 0.0\n", "", "the density is given where the volume is constant"),
        ("pressure = 0.0", "pressure = 1e9", "common.*less than|pressure: expected a value less than"),
        ('name = "37B"', 'name = "12B"', "all different; got"),
        ("[common]", '[common]\nname = "x"', r"name stands in \[common\]"),
        ('"B-O.A" = [-15, 15]', '"B-O.A" = [5, 15]', r"the start itself, 0, must lie inside"),
        ('"B-O.A" = [-15, 15]', '"Si-O.A" = [-15, 15]', 'names "Si-O.A", which is not free'),
        (
            "[common]",
            'limits_percent = { "B-O.A" = [-50, 50] }\n[common]',
            "how far windows may move",
        ),
        ("rate = 100", "rate = 5", "the levels do not become dearer"),
        ("[[level]]\nrate = 10\n", "", "there is one .*give at least two"),
        ("[[level]]\nrate = 10\n", "[[level]]\nname = 'slow'\n", "a level needs atoms, rate or melt_ps"),
        (
            'method = "multi-objective"',
            'method = "cma-es"',
            r"\[\[level\]\] is for fit.method = multi-",
        ),
        ('method = "multi-objective"', 'method = "active-learning"', r"\[\[level\]\] is for fit.method = \"multi-obj"),
        ('method = "multi-objective"', 'method = "gauss-newton"', r"\[\[level\]\] is for"),
        ("[learning]", '[learning]\nglass_features = ["K2O"]', 'names the oxide "K2O"; the systems are made of B2O3'),
        ("[learning]", "[learning]\npick = 30", "pick is 30, but runs x top gives only 25"),
        ("[learning]", "[learning]\niterations = [1, 2, 3]", "give one for each phase"),
        (
            "[scales]\n",
            "[scales]\ndensty = 1.0\n",
            r'\[scales\] has "densty", but no target gives it.*Did you mean "density"',
        ),
        ("[scales]\n", "[[scales]]\n", "scales: expected a table of its own"),
        ("aim_rate = 1.0", "aim_rate = 50", "faster than the last level .10."),
        ("aim_rate = 1.0", "aim_rate = 1e-25", r"expected K/ps \(1 K/s"),
        ("aim_rate = 1.0", "aim_atoms = 100", "smaller than the last level .250."),
        ("aim_rate = 1.0", "aim_atoms = 3000", "everything is run at 250.*differ in atoms"),
        ("[[level]]\nrate = 100\n[[level]]\nrate = 10\n", "", "everything is run at 100.*differ in rate"),
        (
            "rate = 100\n[[level]]\nrate = 10\n",
            "melt_ps = 5\n[[level]]\nmelt_ps = 10\n",
            r"\[\[level\]\] 1 and 2 have the same rate and atoms",
        ),
        (
            "[learning]",
            "[learning]\noptimisers = 'bayes'\nobjectives = 'equal'\niterations = 2",
            "is for fit.method = .act",
        ),
        ("[learning]", "[learning]\nglass_features = ['B2O3', 'B2O3']", "names B2O3 twice"),
        (
            "[common]",
            "start_windows_percent = { 'B-O.A' = [-20, 20] }\n[common]",
            'is for fit.method = "active-learning"',
        ),
        ('"B-O.C" = [-15, 15]', '"B-O.C" = [-101, 15]', "below -100 the value would change its sign"),
        ("start_points = 10", "start_points = 31", "start_points is 31, but .* allows 30"),
        ("max_sets = 30", "max_sets = 30\nmax_runs = 90", "give max_runs or max_sets, not both"),
    ],
)
def test_mistakes_of_glass_fits_are_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(GlasspotError, match=words) as error:
        load(tmp_path, (old, new))
    assert "\n" not in str(error.value)


def test_gauss_newton_is_refused_for_glasses_and_names_what_can(tmp_path: Path) -> None:
    text = world.TEXT
    for old, new in (
        ('method = "multi-objective"', 'method = "gauss-newton"'),
        ("[[level]]\nrate = 100\n[[level]]\nrate = 10\n", ""),
        ('[learning]\naim_rate = 1.0\nwindows = "fixed"\n', ""),
    ):
        text = text.replace(old, new)
    with pytest.raises(GlasspotError, match=r"quenched glass.*multi-objective"):
        world.plan_of(tmp_path, text)


def test_the_start_set_may_lie_elsewhere_than_the_windows(tmp_path: Path) -> None:
    start = ("[common]", 'start_windows_percent = { "B-O.C" = [-20, 20] }\n[common]')
    plan = load(tmp_path, *PAPER, ('windows = "fixed"\n', ""), start)
    k = plan.space.names.index("B-O.C")
    assert plan.start_windows is not None and plan.windows is not None
    assert plan.start_windows[k] == (pytest.approx(25 / 90), pytest.approx(65 / 90))  # limits are -45 to 45 %
    assert plan.windows[k] == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert plan.start_windows[0] == plan.windows[0]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("promote = 0.5", 'promote is for fit.method = "multi-objective"'),
        ('objectives = ["equal", "equal"]\nw_B = 3.0', 'w_B is for the objective "composition-weighted"'),
        ('weighted_by = "Al2O3"', "weights by Al2O3, which no system holds"),
        ("weighted_quantity = 'Q4 Si'", "no fitted target gives it"),
    ],
)
def test_choices_that_would_do_nothing_are_refused(tmp_path: Path, key: str, words: str) -> None:
    with pytest.raises(GlasspotError, match=words):
        load(tmp_path, *PAPER, ("[learning]", f"[learning]\n{key}"))
    assert load(tmp_path, *PAPER).learning.optimisers == ("bayes", "cma-es")


OTHER = 'composition = "38.4 B2O3 36.9 SiO2 14.1 Na2O 10.6 CaO"'
SAME = 'composition = "10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO"'


def test_one_glass_at_two_pressures_is_two_states_that_the_models_cannot_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match=r'"12B" and "37B" both have density .*would take them for one'):
        load(tmp_path, (OTHER, SAME + "\npressure = 5.0"))
    bayes = (
        ('method = "multi-objective"', 'method = "bayes"'),
        ('[learning]\naim_rate = 1.0\nwindows = "fixed"\n', ""),
    )
    plan = load(tmp_path, (OTHER, SAME + "\npressure = 5.0"), (LEVELS, ""), *bayes)
    assert [state.pressure for state in plan.states] == [0.0, 5.0, 0.0]
    # At one constant pressure the density at the start sets nothing apart.
    with pytest.raises(GlasspotError, match="one and the same state"):
        load(tmp_path, (OTHER, SAME + "\ndensity = 2.3"))


def test_several_numbers_of_one_element_are_several_targets(tmp_path: Path) -> None:
    """A Qn distribution, and angles about different centres."""
    many = '{ "Q4 Si" = 0.5, "Q3 Si" = 0.3, "angle B-O-Si" = 130.0, "angle O-Si-O" = 109.5, "angle O-B-O" = 115.0 }'
    given = "{ density = 2.545, fraction_B4 = 0.79 }"
    assert len(load(tmp_path, (given, many)).states[0].targets) == 5


def test_levels_that_change_two_things_at_once_are_noted(tmp_path: Path) -> None:
    from glasspot.config import load_fit_config
    from glasspot.fit_settings.plan import fit_plan

    for more, noted in (("", False), ("atoms = 500\n", True)):
        load(tmp_path, ("rate = 10\n[fit]", f"rate = 10\n{more}[fit]"))
        notes = fit_plan(load_fit_config(tmp_path / "fit.toml"), tmp_path)[1]
        assert any("change rate and size together" in note for note in notes) == noted
