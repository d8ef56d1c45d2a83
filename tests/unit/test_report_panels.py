"""What the figures of a report hold, before anything draws them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import report_samples as samples
from glasspot.potential.io import load_potential
from glasspot.report.figure import Figure, Trace, curve_styles, percent_ticks, whole_ticks
from glasspot.report.panels import figures
from glasspot.report.potential_panels import plain_energy
from glasspot.units import COULOMB_CONSTANT


def named(drawn: tuple[Figure, ...], title: str) -> Figure:
    """Return the figure of this title."""
    return next(figure for figure in drawn if figure.title == title)


def trace(figure: Figure, label: str, pane: int = 0) -> Trace:
    """Return the trace of this label."""
    return next(t for t in figure.panes[pane].traces if t.label == label)


def test_a_full_report_draws_every_part_under_its_own_file_name() -> None:
    drawn = figures(samples.silica_report())
    titles = [figure.title for figure in drawn]
    assert titles[:4] == ["R_chi against MD runs", "g(r) Si-O", "g(r) O-O", "g(r) Si-Si"]
    assert {"U(r) Si-Si", "U(r) Si-O", "U(r) O-O", "Path of the parameters", "coordination Si-O"} <= set(titles)
    names = [figure.name for figure in drawn]
    assert len(set(names)) == len(names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)


def test_convergence_shows_failed_runs_best_so_far_floor_and_levels() -> None:
    figure = named(figures(samples.silica_report()), "R_chi against MD runs")
    assert figure.panes[0].y.log
    failed = trace(figure, "failed run")
    assert failed.x.tolist() == [3, 9]
    assert "lost-atoms" in failed.notes[0]
    low, high = figure.panes[0].y.limits or (0, 0)
    assert (failed.y < high).all()
    best = trace(figure, "best so far")
    assert best.x[-1] == 12
    assert best.y[-1] == pytest.approx(4.17)
    assert (np.diff(best.y) <= 0).all()
    assert trace(figure, "noise floor").y.tolist() == pytest.approx([1.35, 1.35])
    assert trace(figure, "BKS").y[0] == pytest.approx(15.12)
    assert trace(figure, "fitted, validated").y[0] == pytest.approx(4.12)
    assert low < 1.35 < 15.12 < high


def test_convergence_draws_when_every_run_failed() -> None:
    report = replace(samples.running_report(), steps=samples.steps(3)[2:])
    figure = named(figures(report), "R_chi against MD runs")
    assert [t.label for t in figure.panes[0].traces] == ["failed run"]


def test_curves_carry_the_difference_from_the_target() -> None:
    figure = named(figures(samples.silica_report()), "g(r) Si-O")
    target, fitted = trace(figure, "AIMD 3600 K"), trace(figure, "fitted")
    assert target.style.colour == "ink"
    np.testing.assert_allclose(trace(figure, "fitted", 1).y, fitted.y - target.y, atol=1e-12)
    assert "fitted 4.94 %" in figure.caption


def test_the_difference_stays_inside_what_both_curves_cover() -> None:
    report = samples.silica_report()
    panel = report.panels[0]
    short = tuple(replace(s, x=s.x[:80], y=s.y[:80]) if s.name == "fitted" else s for s in panel.series)
    figure = figures(replace(report, panels=(replace(panel, series=short),)))[1]
    assert trace(figure, "fitted", 1).x[-1] <= short[-1].x[-1]
    assert np.isfinite(trace(figure, "fitted", 1).y).all()


def test_pair_energy_is_that_of_two_bare_atoms_whatever_the_coulomb_style() -> None:
    # Beyond every short range (8 A cut, here 9 A) only k q q'/r is left; 1e-9 is rounding.
    for name in ("BKS", "CHIK", "SHIK"):
        potential = load_potential(name)
        if potential.balance is not None:
            potential = replace(potential, charges={**potential.charges, "O": -potential.charges["Si"] / 2})
        qq = potential.charge("Si") * potential.charge("O")
        energy = plain_energy(potential, "Si", "O", np.array([9.0]))
        assert energy[0] == pytest.approx(COULOMB_CONSTANT * qq / 9.0, abs=1e-9)


def test_pair_energy_axes_show_the_bond_not_the_wall() -> None:
    drawn = figures(samples.silica_report())
    low, high = named(drawn, "U(r) Si-O").panes[0].y.limits or (0, 0)
    curves = [t.y[np.isfinite(t.y)] for t in named(drawn, "U(r) Si-O").panes[0].traces]
    assert low < min(y.min() for y in curves) < high
    assert high < 20  # eV; the wall goes to thousands
    low, high = named(drawn, "U(r) O-O").panes[0].y.limits or (0, 0)
    assert 5 < high < 60  # O-O repels by about 9 eV at 2.6 A (BKS)


def test_a_potential_without_a_charge_for_the_pair_is_named_not_drawn() -> None:
    report = samples.silica_report()
    shik = load_potential("SHIK")  # its oxygen charge follows from the composition
    figure = named(figures(replace(report, potentials={**report.potentials, "SHIK": shik})), "U(r) Si-O")
    assert "SHIK" not in {t.label for t in figure.panes[0].traces}
    assert "Not drawn" in figure.caption and "SHIK" in figure.caption


def test_the_fitted_curve_is_drawn_last_and_cations_are_named_first() -> None:
    report = samples.silica_report()
    turned = {name: report.potentials[name] for name in ("fitted", "BKS", "ML")}
    backwards = {n: replace(p, charges={"O": p.charges["O"], "Si": p.charges["Si"]}) for n, p in turned.items()}
    panels = tuple(replace(panel, series=panel.series[::-1]) for panel in report.panels)
    drawn = figures(replace(report, potentials=backwards, elements=(), panels=panels))
    for title in ("U(r) Si-O", "g(r) Si-O"):
        assert named(drawn, title).panes[0].traces[-1].label == "fitted"
    assert named(drawn, "g(r) Si-O").panes[0].traces[0].label == "AIMD 3600 K"


def test_parameters_are_scaled_within_their_window_and_rejected_steps_left_out() -> None:
    report = samples.silica_report()
    figure = named(figures(report), "Path of the parameters")
    charge = trace(figure, "charge.Si")
    accepted = [step for step in report.steps if step.accepted]
    assert charge.x.tolist() == [step.md_runs for step in accepted]
    assert charge.y[0] == pytest.approx((accepted[0].values["charge.Si"] - 1.4) / 1.4)
    placed = tuple(replace(step, places={"charge.Si": 0.25}) for step in report.steps)
    figure = named(figures(replace(report, steps=placed)), "Path of the parameters")
    assert set(trace(figure, "charge.Si").y) == {0.25}


def test_coordination_is_drawn_as_bars_and_angles_as_lines() -> None:
    drawn = figures(samples.silica_report())
    assert {t.kind for t in named(drawn, "coordination Si-O").panes[0].traces} == {"bars"}
    assert {t.kind for t in named(drawn, "angle O-Si-O").panes[0].traces} == {"line"}


def test_two_panels_of_one_title_get_two_files() -> None:
    report = samples.silica_report()
    twice = figures(replace(report, panels=(report.panels[0], report.panels[0])))
    assert len({figure.name for figure in twice}) == len(twice)


def test_a_name_has_one_style_in_all_figures_and_many_sets_stay_apart() -> None:
    roles = [("AIMD", "target"), ("fitted", "fitted"), *((f"set {n}", "published") for n in range(8))]
    styles = curve_styles(roles)
    assert len({(style.colour, style.dash) for style in styles.values()}) == len(roles)


def test_ticks_are_round_and_few() -> None:
    assert percent_ticks(1.1, 21) == (2, 5, 10, 20)
    assert percent_ticks(3.3, 9.5) == (4, 5, 6, 8)
    assert whole_ticks(1, 12) == (2, 4, 6, 8, 10, 12)
    assert whole_ticks(1, 3) == (1, 2, 3)
    assert whole_ticks(1, 1) == (1,)
    assert len(whole_ticks(1, 100_000)) <= 9
