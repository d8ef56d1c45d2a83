"""What the report of a fit that learns holds, from its store: made up in :mod:`learning_samples`."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import glass_world as world
import learning_samples as samples
import report_samples
from glasspot.campaign.targets import build_objective
from glasspot.potential.io import load_potential
from glasspot.report.collect import collect
from glasspot.report.data import FitReport
from glasspot.report.figure import Figure, Trace
from glasspot.report.html import page
from glasspot.report.learning_data import Front, Learned, Quantity
from glasspot.report.learning_lessons import MOST, front_of
from glasspot.report.learning_words import learned_headline
from glasspot.report.panels import figures, report_maps
from glasspot.report.tables import Table, tables
from glasspot.report.write import write_report
from glasspot.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.make_store(tmp_path_factory.mktemp("learned"))


@pytest.fixture(scope="module")
def report(folder: Path) -> FitReport:
    return collect(folder)


@pytest.fixture(scope="module")
def running() -> FitReport:
    return samples.report_of(rounds=3, finished=False)


def learned(report: FitReport) -> Learned:
    assert report.learned is not None
    return report.learned


def figure(report: FitReport, title: str) -> Figure:
    return next(f for f in figures(report) if f.title == title)


def trace(of: Figure, label: str, pane: int = 0) -> Trace:
    return next(t for t in of.panes[pane].traces if t.label == label)


def table(report: FitReport, title: str) -> Table:
    return next(t for t in tables(report) if t.title == title)


def test_other_fits_have_none_of_it() -> None:
    report = report_samples.full_report()
    assert report.learned is None and report_maps(report) == ()
    new = {"experiment", "search", "windows", "pareto", "map", "model"}
    assert not new & {f.section for f in (*figures(report), *tables(report))}
    assert not any(f'<section id="{name}"' in page(report) for name in new)


def test_each_glass_stands_against_experiment_with_the_scatter_of_its_runs(folder: Path, report: FitReport) -> None:
    found = learned(report)
    assert found.glasses == ("12B", "37B", "62B") and found.oxide == "B2O3"
    drawn = figure(report, "density, as simulated")
    fitted = trace(drawn, "fitted")
    with Store.open(folder) as store:
        numbers = store.records("validation")[0]["numbers"]
    for g, glass in enumerate(found.glasses):
        told = numbers[f"density, {glass}"]
        assert fitted.y[g] == pytest.approx(told["mean"]) and fitted.error is not None
        assert fitted.error[g] == pytest.approx(np.std(told["samples"], ddof=1))
        assert abs(fitted.x[g] - (g + 1)) < 0.5  # next to its name
    assert "6 independent starts" in drawn.caption and "one standard deviation" in drawn.caption
    target = trace(drawn, "target")
    np.testing.assert_allclose(target.y[0::3], [2.545, 2.517, 2.390])
    assert np.isnan(target.y[2::3]).all()  # bars that do not join
    boron = [t for t in figure(report, "fraction_B4, as simulated").panes[0].traces if t.label == "target"]
    assert boron[1].error is not None and boron[1].error[1] == 0.01 and np.isnan(boron[1].error[0])


def test_extrapolated_values_are_told_apart_and_drawn_on_the_same_axis(report: FitReport) -> None:
    raw, far = figure(report, "density, as simulated"), figure(report, "density, extrapolated")
    for name in ("density", "fraction_B4"):
        pair = [figure(report, f"{name}, {how}").panes[0] for how in ("as simulated", "extrapolated")]
        low, high = pair[0].y.limits or (0, 0)
        assert (low, high) == pair[1].y.limits
        assert all(low < np.nanmin(t.y) and np.nanmax(t.y) < high for pane in pair for t in pane.traces)
    assert far.caption.startswith("Not simulated") and "1 K/ps" in far.caption and "10 K/ps" in raw.caption
    # The world's densities rise by 0.05 g/cm3 for the decade; noise of six runs and of the samples is below 0.02.
    off = trace(far, "Wang-2018").y - trace(raw, "Wang-2018").y
    np.testing.assert_allclose(off, 0.05, atol=0.02)
    assert {t.title for t in tables(report)} >= {"As simulated", "Extrapolated to 250 atoms, 1 K/ps"}


def test_without_extrapolation_there_is_one_figure_a_quantity(report: FitReport) -> None:
    plain = replace(report, learned=replace(learned(report), extrapolated=False))
    titles = [f.title for f in figures(plain) if f.section == "experiment"]
    assert titles == ["density", "fraction_B4"]
    assert [t.title for t in tables(plain) if t.section == "experiment"] == ["Against experiment"]


def test_a_glass_that_was_held_out_is_marked(report: FitReport) -> None:
    held = replace(report, learned=replace(learned(report), held_out=(False, False, True)))
    drawn = figure(held, "density, as simulated")
    assert drawn.x.names == ("12B", "37B", "62B*") and "held out" in drawn.caption
    assert any(row[0] == "density (g/cm³), 62B (held out)" for row in table(held, "As simulated").rows)


def test_the_table_has_the_rmse_of_its_own_values(report: FitReport) -> None:
    found, rows = learned(report), {row[0]: row for row in table(report, "As simulated").rows}
    fitted = found.sets[0]
    wanted = np.sqrt(np.mean((fitted.mean[:, 0] - [2.545, 2.517, 2.390]) ** 2))
    assert rows["RMSE of density (g/cm³)"][2] == f"{wanted:.4g}"


def test_the_search_shows_the_best_set_of_each_level(report: FitReport) -> None:
    drawn = figure(report, "Best set so far, by quantity")
    assert len(drawn.panes) == 2 and "level 2: 249 atoms, 10 K/ps" in drawn.caption
    trials = [(one.number, t) for one in learned(report).rounds for t in one.trials if t.level == 1 and t.cost > 0]
    density, total = trace(drawn, "density", 1), trace(drawn, "sum", 1)
    for x, y, summed in zip(density.x[:-1], density.y, total.y, strict=False):
        best = min((t for n, t in trials if n <= x), key=lambda t: t.cost)
        assert (y, summed) == (pytest.approx(best.rmse[0]), pytest.approx(best.rmse.sum()))
    assert len(trace(drawn, "every set", 1).x) == len(trials)


def test_the_start_set_is_one_round(report: FitReport) -> None:
    rounds = learned(report).rounds
    assert [one.number for one in rounds] == list(range(samples.ROUNDS + 1))
    assert len(rounds[0].trials) == samples.START and all(len(one.trials) == samples.BATCH for one in rounds[1:])


def test_windows_are_drawn_in_percent_with_their_moves_and_refusals(report: FitReport) -> None:
    drawn = figure(report, "B-O.rho")
    window = [t for t in drawn.panes[0].traces if t.label == "window"]
    # The window of the file is -5 to +15 %; after round 2 the high side goes to 3/4 of limits twice as far.
    np.testing.assert_allclose(window[0].y, -5.0, atol=1e-9)
    np.testing.assert_allclose(window[1].y[:6], 15.0, atol=1e-9)
    assert (window[1].y[6:] > 20).all()
    moved = trace(drawn, "widened")
    assert moved.x.tolist() == [2.5] and "9 of the 10" in moved.notes[0]
    assert moved.y[0] == pytest.approx(window[1].y[-1])
    refused = trace(figure(report, "B-B.rho"), "not widened")
    assert refused.y[0] == pytest.approx(-15.0) and "3 of 4 runs" in refused.notes[0]
    assert not {"widened", "not widened"} & {t.label for t in figure(report, "B-O.C").panes[0].traces}
    rows = table(report, "Moves of the windows").rows
    assert rows[0][1] == "B-O.rho, high side" and rows[0][2].startswith("from +15.0 % to +2")
    assert rows[1][2] == "stays at −15.0 %" and len(rows) == 2  # what is no move of a window is left out
    assert table(report, "Windows").rows[1][1:3] == ("−5.0 % to +15.0 %", "−5.0 % to +20.6 %")


def test_sets_lie_where_their_parameters_are(report: FitReport) -> None:
    drawn = figure(report, "B-O.C")
    sets = trace(drawn, "set")
    trials = [t for one in learned(report).rounds for t in one.trials]
    start = world.SPACE.values(load_potential("Wang-2018"))["B-O.C"]
    wanted = [100 * (t.values["B-O.C"] / start - 1) for t in trials if t.note != "too-hot"]
    np.testing.assert_allclose(sets.y, wanted, atol=1e-6)
    failed = trace(drawn, "MD failed")
    assert len(failed.x) == 1 and "too-hot" in failed.notes[0]


def test_no_set_is_better_than_the_front_in_both(report: FitReport) -> None:
    drawn = figure(report, "density against fraction_B4")
    front = trace(drawn, "front")
    points = [t for t in drawn.panes[0].traces if t.kind == "points"]
    x, y = np.concatenate([t.x for t in points]), np.concatenate([t.y for t in points])
    for a, b in zip(front.x, front.y, strict=True):
        assert not ((x < a) & (y < b)).any()
    assert {"fitted", "Wang-2018", "BayOpt-2025", "249 atoms, 100 K/ps", "249 atoms, 10 K/ps"} <= {
        t.label for t in points
    }
    assert all(t.error is not None and t.error_x is not None for t in points)


def test_each_set_of_the_front_is_a_potential_file(folder: Path, report: FitReport) -> None:
    front = learned(report).front
    assert front is not None
    place = folder / "report" / "potentials"
    place.mkdir(parents=True, exist_ok=True)
    (place / "pareto-99.toml").write_text("of an earlier state")
    write_report(folder)
    files = sorted(p.name for p in place.iterdir())
    assert files == sorted(f"pareto-{n}.toml" for n in range(1, len(front.best) + 1))
    again = load_potential(str(place / "pareto-1.toml"))
    assert world.SPACE.values(again) == pytest.approx(dict(front.values[0]))
    assert again.verified == "no" and "validate" in again.cautions[0]
    rows = table(report, "Sets on the front").rows
    assert len(rows) == len(front.best) and "B-B.rho" in table(report, "Sets on the front").columns


def test_a_long_front_keeps_its_ends_and_the_best(folder: Path) -> None:
    """Forty sets along a line of slope -1, one of them a little lower."""
    with Store.open(folder) as store:
        lessons, steps = store.get_meta("lessons"), store.records("step")
        plan = store.get_meta("plan")
    from glasspot.potential.parameters import ParameterSpace
    from glasspot.report.glass_terms import Terms
    from glasspot.target.objective import Objective

    with Store.open(folder) as store:
        terms = Terms.of([Objective.from_dict(store.get_meta("objective"))])
    losses = np.column_stack([np.linspace(0.1, 1, 40), np.linspace(1, 0.1, 40)])
    losses[17] -= 0.005
    points = np.tile(lessons["pareto"]["points"][0], (40, 1)).tolist()
    told = {"points": points, "losses": losses.tolist(), "losses_sd": losses.tolist(), "front": list(range(40))}
    space = ParameterSpace.from_dict(plan["space"])
    front: Front = front_of({**lessons, "pareto": told}, terms, space, steps, {}, "mine")
    assert len(front.best) <= MOST and {0, 17, 39} <= set(front.best)
    assert [p.name for p in front.potentials[:2]] == ["mine-pareto-1", "mine-pareto-2"]


def test_maps_show_the_total_and_each_quantity_with_the_sets_in_their_places(folder: Path, report: FitReport) -> None:
    drawn = report_maps(report)
    assert [m.bar for m in drawn] == ["R_chi (%)", "RMSE of density (g/cm³)", "RMSE of fraction_B4"]
    with Store.open(folder) as store:
        losses = np.array(store.get_meta("lessons")["map"]["losses"])
    np.testing.assert_allclose(drawn[0].values, 100 * np.sqrt(losses.sum(0)))
    # Equal weights: a quantity's part of R_chi^2 is half its mean square deviation over the scale, 0.4827 g/cm3.
    np.testing.assert_allclose(drawn[1].values, 0.4827 * np.sqrt(2 * losses[0]))
    place, _ = drawn[0].marks["fitted"]
    values = world.SPACE.values(world.SPACE.from_cube(world.BEST + 0.02))
    assert place == pytest.approx((values["B-O.A"], values["B-O.rho"]))
    # The start's A, at the rho of the fitted set: with ln A - r0 / rho as it is, A grows as rho falls.
    start, _ = drawn[0].marks["Wang-2018"]
    own = world.SPACE.values(load_potential("Wang-2018"))
    r0 = world.SPACE.parameters[0].anchor
    assert start[0] == pytest.approx(own["B-O.A"] * np.exp(r0 / values["B-O.rho"] - r0 / own["B-O.rho"]))
    assert start[1] == pytest.approx(own["B-O.rho"])
    assert "of fitted" in drawn[0].caption and "B-O.A is told for the rho" in drawn[0].caption


def test_the_model_is_compared_and_its_best_rows_are_marked(report: FitReport) -> None:
    made = table(report, "Models compared")
    assert len(made.rows) == 5 and made.fitted == 4
    assert [row[1].endswith("(best)") for row in made.rows] == [False] * 4 + [True]
    covered = figure(report, "Do its errors hold?")
    np.testing.assert_allclose(trace(covered, "fraction_B4").y, [48, 66, 85, 92])
    parity = figure(report, "density: foretold and found")
    runs = sum(t.cost > 0 for one in learned(report).rounds for t in one.trials)
    assert [t.label for t in parity.panes[0].traces] == ["as it should be", "12B", "37B", "62B"]
    assert all(len(t.x) == runs for t in parity.panes[0].traces[1:])
    bars = figure(report, "Which parameters matter")
    assert bars.x.names[0] == "B-O.rho" and bars.panes[0].traces[0].y[0] == pytest.approx(30.0)


def test_a_glass_left_out_is_told_by_its_own_r_chi(report: FitReport) -> None:
    """A part of 2e-4 in R_chi^2 of all, of a glass with a third of the weights: sqrt(6e-4) = 2.45 %."""
    rows = table(report, "Without one glass").rows
    assert rows[0][:5] == ("12B", "2.45 %", "3 %", "1.73 %", "no") and rows[1][4] == "yes"


def test_structure_has_a_box_for_each_glass_and_what_matters_only(report: FitReport) -> None:
    drawn = {f.title: f for f in figures(report) if f.section == "structure"}
    assert list(drawn) == ["X-ray S(Q)", "Qn B", "Qn Si", "rings", "coordination Si-O", "angle O-Si-O"]
    assert [pane.y.label for pane in drawn["Qn Si"].panes] == ["12B", "37B", "62B"]
    assert {t.label for t in drawn["Qn Si"].panes[0].traces} == {"fitted", "Wang-2018", "BayOpt-2025"}
    assert drawn["Qn Si"].panes[0].traces[0].kind == "bars" and drawn["X-ray S(Q)"].panes[0].traces[0].kind == "line"
    low, high = drawn["angle O-Si-O"].x.limits or (0, 0)
    assert 80 < low < 100 < 120 < high < 140  # a peak at 108 degrees, 9 wide; the bins go from 61 to 179
    assert report.structure_panels == ()  # one place, not two


def test_only_pairs_that_a_fit_can_change_are_drawn(report: FitReport) -> None:
    assert [f.title for f in figures(report) if f.section == "potential"] == ["U(r) B-B", "U(r) B-O"]


def test_the_answer_is_that_of_where_the_fit_is_judged(report: FitReport) -> None:
    top = learned_headline(report, learned(report))
    aim = {one.role: one for one in learned(report).at_aim}
    assert top.answer.startswith(f"R_chi {100 * aim['fitted'].cost:.1f} ± 0.3 % (start Wang-2018")
    said = " ".join(top.evidence)
    assert "Extrapolated to 250 atoms, 1 K/ps" in said and "As simulated (249 atoms, 10 K/ps): R_chi" in said
    change = 100 * (1 - (aim["fitted"].cost / aim["start"].cost) ** 2)
    assert f"is {change:.0f} % below that of the start" in said


def test_a_running_fit_shows_the_start_and_the_best_so_far(running: FitReport) -> None:
    found = learned(running)
    assert found.front is None and found.model is None and report_maps(running) == ()
    assert [one.name for one in found.sets] == ["Wang-2018", "best so far"]
    drawn = figure(running, "density")
    assert "One run of each glass" in drawn.caption and np.isnan(trace(drawn, "best so far").error).all()  # type: ignore[arg-type]
    sections = {f.section for f in figures(running)}
    assert {"search", "windows", "experiment"} <= sections and not {"pareto", "model"} & sections
    assert "not validated yet" in page(running)


def test_values_of_a_cheaper_level_are_said_to_be_of_it() -> None:
    """After the two runs of the start and the start set but before any at the second level."""
    with TemporaryDirectory() as name:
        place = samples.make_store(Path(name), rounds=1, finished=False)
        with Store.create(place) as store:
            for record in store.records("step"):
                store.put_record("step", record["number"], {**record, "level": 0})
        found = learned(collect(place))
    assert found.made.rate == 100.0 and found.levels[-1].rate == 10.0


def test_levels_that_do_not_compare_are_not_compared(running: FitReport) -> None:
    """The best so far is that of the dearer level, though a cheaper one may have a lower R_chi."""
    drawn = figure(running, "R_chi against MD runs")
    assert "best so far, last level" in {t.label for t in drawn.panes[0].traces}
    last = [step.cost for step in running.steps if step.level == 1 and np.isfinite(step.cost)]
    assert trace(drawn, "best so far, last level").y[-1] == pytest.approx(100 * min(last))
    found = learned(running)
    trials = [t for one in found.rounds for t in one.trials if t.level == 1]
    best = min(trials, key=lambda t: t.cost)
    assert found.made.rate == 10.0 and found.sets[1].rmse == pytest.approx(best.rmse)
    assert page(running).count("249 atoms, 100 K/ps") > 0


def test_why_nothing_was_learned_is_said(folder: Path, report: FitReport) -> None:
    bare = replace(learned(report), at_aim=(), extrapolated=False, front=None, map=None, model=None, reason="too few")
    top = learned_headline(replace(report, learned=bare), bare)
    assert top.evidence[-1] == "No model of all runs was made: too few."


def test_a_fit_before_its_first_evaluation_has_a_page(tmp_path: Path) -> None:
    place = samples.make_store(tmp_path, finished=False)
    samples.drop_steps(place)
    made = collect(place)
    assert learned(made).rounds and figures(made) is not None
    assert "No MD run has finished yet" in page(made)


def test_a_user_cannot_put_markup_into_the_page(report: FitReport) -> None:
    nasty = "<script>alert(1)</script>%{x}<img src=x onerror=alert(2)>"
    found = learned(report)
    assert found.map is not None
    moves = tuple(replace(move, reason=nasty) for move in found.moves)
    marks = {f"{name}{nasty}": place for name, place in found.map.marks.items()}
    bad = replace(found, glasses=(nasty, *found.glasses[1:]), moves=moves, oxide=nasty, reason=nasty)
    bad = replace(bad, map=replace(found.map, marks=marks, units=(nasty, nasty)))
    text = page(replace(report, learned=bad))
    assert "<script>alert" not in text and "<img src=x" not in text
    assert text.count("&lt;script&gt;alert(1)") > 3


def test_a_quantity_that_only_a_held_out_glass_has_is_no_part_of_the_search(report: FitReport) -> None:
    """Such a fit, made of this one: its third quantity has no RMSE, and only its third glass has it, held out."""
    found = learned(report)

    def wider(table: np.ndarray) -> np.ndarray:
        return np.column_stack([table, [np.nan, np.nan, 4.0]])

    rounds = tuple(
        replace(one, trials=tuple(replace(t, rmse=np.append(t.rmse, np.nan)) for t in one.trials))
        for one in found.rounds
    )
    sets = tuple(replace(s, mean=wider(s.mean), sd=wider(s.sd), rmse=None) for s in found.sets)
    more = replace(
        found, quantities=(*found.quantities, Quantity("coordination Si-O", "", True)), target=wider(found.target),
        target_error=wider(found.target_error), sets=sets, at_aim=(), extrapolated=False, rounds=rounds, front=None,
        map=None, model=None, held_out=(False, False, True),
    )  # fmt: skip
    bare = replace(report, learned=more)
    drawn = figure(bare, "Best set so far, by quantity")
    assert {t.label for t in drawn.panes[0].traces} == {"every set", "density", "fraction_B4", "sum"}
    assert np.isfinite(trace(drawn, "sum").y).all()
    assert trace(figure(bare, "coordination Si-O"), "fitted").y[2] == 4.0


HELD_OUT = """[[system]]
name = "50B"
held_out = true
composition = "49.3 B2O3 24.9 SiO2 15.0 Na2O 10.8 CaO"
measured = { density = 2.4533, fraction_B4 = 0.5096 }
[scales]"""


def test_a_held_out_glass_stands_among_the_others_but_counts_in_no_rmse(folder: Path, tmp_path: Path) -> None:
    plan = world.plan_of(tmp_path, samples.TEXT.replace("[scales]", HELD_OUT))
    held = build_objective(plan, plan.held_out_states, None)  # type: ignore[arg-type] # nothing is simulated
    shutil.copy(folder / "store.sqlite", tmp_path)
    with Store.create(tmp_path) as store:
        content = store.get_meta("plan")
        content["learning"]["oxides"]["50B"] = dict(plan.held_out_states[0].oxides)
        store.set_meta("plan", content)
        store.set_meta("held_out", held.to_dict())
        numbers = {"density, 50B": {"mean": 2.0, "sd": 0.01}, "fraction_B4, 50B": {"mean": 0.4, "sd": 0.02}}
        for n, record in enumerate(store.records("validation")):
            more = {"held_out": {"cost": 0.2, "error": 0.01, "runs": 6, "per_curve": {}, "numbers": numbers}}
            store.put_record("validation", n, {**record, **more, "keys": {**record["keys"], "50B": []}})
    made = collect(tmp_path)
    found = learned(made)
    assert found.glasses == ("12B", "37B", "50B", "62B") and found.held_out == (False, False, True, False)
    drawn = figure(made, "density, as simulated")
    assert trace(drawn, "fitted").y[2] == 2.0 and drawn.x.names[2] == "50B*"
    np.testing.assert_allclose(trace(drawn, "target").y[0::3], [2.545, 2.517, 2.4533, 2.390])
    before = learned(collect(folder)).sets[0].rmse
    assert before is not None and found.sets[0].rmse == pytest.approx(before)
    assert np.isnan(found.at_aim[0].mean[2]).all()  # the model was not asked for it
