"""The verdicts of a ladder: each measure by itself, and what they say together."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from glasspot.campaign.information import aicc
from glasspot.report.data import Score
from glasspot.report.ladder import Rung, compare, information, rows, write_ladder


def rung(name: str, parameters: int, cost: float, error: float = 0.001, **changes: float) -> Rung:
    held = {"held_out": math.nan, "held_out_error": math.nan, **changes}
    score = Score(name, "fitted", cost, error, 4, {"g(r) total": cost}, held_out_runs=4, **held)
    return Rung(name, parameters, parameters, score, 0.01, 40.0, 24)


def test_a_rung_that_gains_by_all_measures_is_worth_it() -> None:
    found = compare([rung("a", 4, 0.12, held_out=0.13, held_out_error=0.001),
                     rung("b", 7, 0.06, held_out=0.07, held_out_error=0.001)])[0]  # fmt: skip
    assert (found.fit, found.criterion, found.held_out) == ("better", "better", "better")
    assert found.words.endswith("Worth it.") and "+3 parameters" in found.words
    assert "R_chi 12.00 ± 0.10 % to 6.00 ± 0.10 % (lower)" in found.words


def test_a_gain_that_the_parameters_would_give_anyway_is_not_worth_it() -> None:
    lower, upper = rung("a", 4, 0.060), rung("b", 10, 0.0585)
    found = compare([lower, upper])[0]
    assert (found.fit, found.criterion, found.held_out) == ("same", "worse", "unknown")
    assert "Not worth it: nothing is gained" in found.words and "held out" not in found.words
    expected = aicc(0.0585, 40.0, 10) - aicc(0.060, 40.0, 4)
    assert f"AICc {expected:+.1f}" in found.words and expected > 0


def test_measures_that_disagree_leave_it_open() -> None:
    found = compare([rung("a", 4, 0.060), rung("b", 10, 0.055)])[0]  # beyond the noise, but six parameters
    assert (found.fit, found.criterion) == ("better", "worse") and "Open:" in found.words


def test_a_held_out_state_that_alone_gets_better_leaves_it_open() -> None:
    found = compare([rung("a", 4, 0.06, held_out=0.12, held_out_error=0.001),
                     rung("b", 5, 0.06, held_out=0.08, held_out_error=0.001)])[0]  # fmt: skip
    assert (found.fit, found.criterion, found.held_out) == ("same", "worse", "better")
    assert "Open:" in found.words and "+1 parameter:" in found.words


def test_a_worse_held_out_state_is_over_fitting_by_students_t_not_by_two_errors() -> None:
    # Four runs each of equal error leave six degrees of freedom: 2.45 joint errors, not 2.
    lower = rung("a", 4, 0.12, held_out=0.080, held_out_error=0.001)
    joint = 0.001 * math.sqrt(2)
    found = [
        compare([lower, rung("b", 7, 0.06, held_out=0.080 + times * joint, held_out_error=0.001)])[0]
        for times in (2.3, 2.6)
    ]
    assert [v.held_out for v in found] == ["same", "worse"]
    assert found[0].words.endswith("Worth it.") and "over-fitting" in found[1].words


def test_a_rung_that_fits_worse_is_a_search_that_stopped_short_not_over_fitting() -> None:
    found = compare([rung("a", 4, 0.06, held_out=0.07, held_out_error=0.001),
                     rung("b", 7, 0.09, held_out=0.11, held_out_error=0.001)])[0]  # fmt: skip
    assert found.held_out == "worse"
    assert "stopped short" in found.words and "over-fitting" not in found.words


def test_one_number_of_values_serves_all_rungs() -> None:
    rungs = [replace(rung("a", 4, 0.1), values=30.0), replace(rung("b", 7, 0.1), values=50.0)]
    assert information(rungs) == [aicc(0.1, 40.0, 4), aicc(0.1, 40.0, 7)]


def test_what_is_not_known_is_told_and_written_as_null(tmp_path: Path) -> None:
    rungs = [rung("a", 4, math.nan, math.nan), rung("b", 7, 0.06)]
    verdicts = compare(rungs)
    assert (verdicts[0].fit, verdicts[0].criterion) == ("unknown", "unknown")
    assert "Not known" in verdicts[0].words and "Not worth it" not in verdicts[0].words
    assert [row["rung"] for row in rows(rungs)] == ["a", "b"]
    write_ladder(rungs, verdicts, tmp_path)
    written = json.loads((tmp_path / "ladder.json").read_text())
    assert written["rungs"][0]["AICc"] is None and written["rungs"][1]["R_chi_percent"] == pytest.approx(6.0)
    assert (tmp_path / "ladder.png").stat().st_size > 5000
