"""Numbers, headline and tables of a report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import report_samples as samples
from glasspot.report.data import Score
from glasspot.report.status import noise_floor
from glasspot.report.tables import parameters, tables, timings, validation
from glasspot.report.words import duration, headline, measured, percent, unit


@pytest.mark.parametrize(
    ("cost", "error", "text"),
    [
        (0.0412, 0.0019, "4.12 ± 0.19 %"),  # an error that starts with 1 keeps two digits
        (0.1512, 0.0031, "15.1 ± 0.3 %"),
        (0.35, 0.03, "35 ± 3 %"),
        (0.0135, np.nan, "1.35 %"),
        (1.2, np.nan, "120 %"),
        (np.nan, 0.1, "not known"),
        (np.inf, 0.1, "not known"),
    ],
)
def test_percent_shows_as_many_digits_as_the_error_deserves(cost: float, error: float, text: str) -> None:
    assert percent(cost, error) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (24831.4, 2214.0, "24800 ± 2200"),
        (0.19144, 0.0021, "0.1914 ± 0.0021"),
        (121.7, np.inf, "121.7"),
        (1.5, 0.0, "1.5"),
        (np.nan, 1.0, "not known"),
    ],
)
def test_measured_rounds_value_and_error_to_the_same_place(value: float, error: float, text: str) -> None:
    assert measured(value, error) == text


def test_durations_and_units_read_as_people_say_them() -> None:
    assert [duration(s) for s in (0.61, 43.2, 221, 7500)] == ["0.61 s", "43 s", "3 min 41 s", "2 h 05 min"]
    assert unit("eV A^6") == "eV Å⁶"
    assert unit("1/A") == "1/Å"
    assert unit("e") == "e"


def test_headline_gives_the_validated_answer_and_its_evidence() -> None:
    top = headline(samples.silica_report())
    assert top.answer == "R_chi 4.12 ± 0.19 % (start BKS: 15.1 ± 0.3 %)"
    evidence = " ".join(top.evidence)
    assert "12 MD runs" in evidence
    assert "3 independent validation runs" in evidence
    assert "Lower than CHIK (9.4 ± 0.2 %) (95 % confidence)" in evidence
    # 0.8 % apart is 2.8 joint errors, but of three runs each Student's t asks for 2.8: no claim.
    assert "Not told apart from ML (4.9 ± 0.2 %)" in evidence
    assert "1.35 %" in evidence


def test_headline_does_not_claim_a_win_inside_the_error() -> None:
    report = samples.silica_report()
    close = Score("near", "published", 0.0430, 0.0020, 3, {})
    better = Score("sharp", "published", 0.0200, 0.0010, 3, {})
    evidence = " ".join(headline(replace(report, scores=(*report.scores, close, better))).evidence)
    assert "Not told apart from ML (4.9 ± 0.2 %) and near (4.3 ± 0.2 %)" in evidence
    assert "Higher than sharp (2.00 ± 0.10 %)" in evidence


def test_more_runs_make_the_same_difference_a_claim() -> None:
    report = samples.silica_report()
    more = tuple(replace(score, runs=12) for score in report.scores)
    evidence = " ".join(headline(replace(report, scores=more)).evidence)
    assert "Lower than CHIK (9.4 ± 0.2 %) and ML (4.9 ± 0.2 %) (95 % confidence)" in evidence


def test_headline_says_when_the_noise_floor_is_reached() -> None:
    report = samples.silica_report()
    assert "reached" not in " ".join(headline(report).evidence)
    assert "The fit has reached it" in " ".join(headline(replace(report, noise_floor=0.0390)).evidence)


def test_headline_of_unfinished_fits_says_so() -> None:
    running = headline(samples.running_report())
    assert running.answer == "R_chi 9.3 ± 0.3 %, best of 3 MD runs, not validated yet"
    assert "still running" in running.evidence[0]
    assert headline(samples.empty_report()).answer == "No MD run has finished yet"
    failed = replace(samples.running_report(), state="failed", steps=samples.steps(3)[2:])
    assert headline(failed).answer == "All of 3 MD runs failed"


def test_validation_lists_the_lowest_first_and_marks_the_fitted_row() -> None:
    table = validation(samples.silica_report())
    assert [row[0] for row in table.rows] == ["fitted", "ML", "CHIK", "BKS (start)"]
    assert table.fitted == 0
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert table.rows[0][table.columns.index("R_chi, g(r) Si-O")] == "4.94 %"


def test_parameters_say_what_the_data_do_not_determine() -> None:
    said = {row[0]: row[-1] for row in parameters(samples.silica_report()).rows}
    assert said["charge.Si (e)"] == "determined"
    assert said["Si-O.C (eV Å⁶)"] == "not determined alone"
    assert said["O-O.C (eV Å⁶)"] == "loosely determined (± 24 %), at the edge of its window"
    loose = replace(samples.silica_report().parameters[0], error=0.9, place=0.001)
    row = parameters(replace(samples.silica_report(), parameters=(loose,))).rows[0]
    assert row[-1] == "hardly determined: error wider than half the window, at the edge of its window"


def test_timings_give_parts_of_the_wall_time_but_not_of_sums_over_workers() -> None:
    report = replace(samples.silica_report(), timings={"wall": 100.0, "MD": 180.0, "outside MD": 6.0, "store": 0.1})
    assert [row[2] for row in timings(report).rows] == ["100 %", "–", "6 %", "< 1 %"]


def test_a_report_without_anything_has_no_tables() -> None:
    assert tables(samples.empty_report()) == ()


def test_the_noise_floor_holds_the_error_of_the_target_too() -> None:
    scores = [{"role": "start", "noise": 1.0, "reference_noise": 1.0, "cost": 0.3},
              {"role": "fitted", "noise": 0.03, "reference_noise": 0.04, "cost": 0.1}]  # fmt: skip
    assert noise_floor(scores) == pytest.approx(0.05)
    assert noise_floor(scores[:1]) is None


def test_an_error_that_is_only_rounding_is_none() -> None:
    assert percent(0.142808, 3e-18) == "14.3 %"
    assert percent(0.142808, 2e-4) == "14.28 ± 0.02 %"
