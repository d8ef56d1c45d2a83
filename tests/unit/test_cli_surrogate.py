"""``glasspot surrogate``: the scores of a fit's model, and its error map over any two axes, from the store alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import learning_samples as samples
from glasspot.campaign.stored_lessons import last_windows, stored_lessons
from glasspot.cli import main
from glasspot.fit_settings.again import plan_again
from glasspot.store import Store


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.make_store(tmp_path_factory.mktemp("surrogate"))


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Return the one line in which a command refuses."""
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_scores_of_the_models_are_printed(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["surrogate", str(finished)]) == 0
    said = capsys.readouterr().out.splitlines()
    best = [line for line in said if line.endswith("best  asked")]
    assert len(best) == 2 and "0.012" in best[0] and "0.95" in best[0] and "90 %" in best[0]
    assert said[0].startswith("density (g/cm³)") and all(len(line) < 110 for line in said)


def test_a_map_over_any_two_parameters_is_drawn(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("glasspot.campaign.lessons.MODEL", "quadratic")  # taught in no time
    words = ["surrogate", str(finished), "--axes", "B-B.rho", "B-O.C", "--out", str(tmp_path / "maps" / "mine.png")]
    assert main(words) == 0
    files = {p.name for p in (tmp_path / "maps").iterdir()}
    assert files == {"mine.png", "mine-density.png", "mine-fraction_B4.png", "mine.html"}
    page = (tmp_path / "maps" / "mine.html").read_text()
    assert "R<sub>χ</sub> over B-B.rho and B-O.C" in page and "150 x 150 points" in page and "1 K/ps" in page
    assert "44 parameter sets" in capsys.readouterr().out


def test_everything_that_was_run_is_learned_from(finished: Path) -> None:
    with Store.open(finished) as store:
        plan = plan_again(finished, store)
        lessons = stored_lessons(plan, store, finished)
        windows = last_windows(plan, store)
        steps, validation = store.records("step"), store.records("validation")
    assert len(lessons.told) == len(steps) + samples.RUNS * len(validation)
    for told, record in zip(lessons.told, steps, strict=False):
        np.testing.assert_allclose(told.point, record["point"])
        assert told.level == record["level"] and told.cost == record["cost"]
        if told.curves is not None:
            values = lessons.aims.values(told.curves)
            assert values[1, 0] == pytest.approx(record["numbers"]["density, 37B"])
    np.testing.assert_allclose(windows[1], [1 / 3, 0.75])  # where the rule moved it
    np.testing.assert_allclose(windows[0], [1 / 3, 2 / 3])


def test_mistakes_are_told_in_a_line(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 'Did you mean "B-O.C"' in refused(capsys, "surrogate", finished, "--axes", "B-O.A", "B-OC")
    assert "twice" in refused(capsys, "surrogate", finished, "--axes", "B-O.A", "B-O.A")
    assert "--axes" in refused(capsys, "surrogate", finished, "--out", "map")
    assert ".png and .html" in refused(capsys, "surrogate", finished, "--axes", "B-O.A", "B-O.C", "--out", "map.pdf")
    assert "not the folder of a glasspot run" in refused(capsys, "surrogate", tmp_path)


def test_another_file_is_not_taken_for_that_of_the_fit(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(samples.TEXT.replace("density = 2.545", "density = 2.6"))
    words = ("surrogate", finished, "--axes", "B-O.A", "B-O.C", "--file")
    assert "2.545 -> 2.6" in refused(capsys, *words, other)
    assert "is not there" in refused(capsys, *words, tmp_path / "none.toml")


def test_keys_of_later_versions_are_no_change(finished: Path, tmp_path: Path) -> None:
    """As for a store of before there was fit.batch, learning.promote and a target's weight."""
    mine = tmp_path / "fit.toml"
    mine.write_text(samples.TEXT)
    with Store.create(tmp_path) as store, Store.open(finished) as given:
        settings = given.get_meta("settings")
        del settings["fit"]["batch"], settings["learning"], settings["target"][0]["weight"]
        store.set_meta("settings", {**settings, "engine": {"name": "lammps", "command": None}})
        assert plan_again(finished, store, mine).title == "made-up borosilicates"


def test_too_few_sets_are_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = samples.make_store(tmp_path, rounds=1, finished=False)
    samples.drop_steps(place, after=6)
    assert "too few for a model" in refused(capsys, "surrogate", place, "--axes", "B-O.A", "B-O.C")


def test_other_fits_are_told_where_to_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = samples.make_store(tmp_path, rounds=1, finished=False)
    with Store.create(place) as store:
        plan = store.get_meta("plan")
        store.set_meta("plan", {key: value for key, value in plan.items() if key != "learning"})
        for record in store.records("step"):
            store.put_record("step", record["number"], {**record, "method": "bayes"})
    assert "glasspot landscape" in refused(capsys, "surrogate", place)
