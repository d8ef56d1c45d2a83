"""The report of a fitted machine-learned potential: what stands on it, what it does without, and hostile text."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.mlip.model import Errors
from glasspot.mlip.parity import Parity
from glasspot.report.mlip import answer, evidence, figures, write_fit_page
from glasspot.report.mlip_figures import groups_figure, learning_figure, mean_and_spread
from glasspot.report.mlip_parity import MOST_POINTS, WORST, parity_figures
from glasspot.report.mlip_record import GroupRow, errors_of, read_record
from glasspot.report.mlip_tables import groups_table, number, with_spread
from glasspot.report.mlip_trust import trust_figure, trust_table
from mlip_samples import KINDS, SIZES, make_sample, write_record

FIGURES = {
    "parity-energy", "parity-force", "parity-stress", "learning-curve", "errors-cluster", "errors-config_type",
    "rounds-errors", "hyper-parameters", "calibration",
}  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = make_sample(tmp_path_factory.mktemp("mlip"))
    write_record(sample)
    return sample.folder


@pytest.fixture
def folder(fitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted, tmp_path / "fit"))


def change(folder: Path, alter: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads((folder / "fit.json").read_text())
    alter(record)
    (folder / "fit.json").write_text(json.dumps(record))


def shown(page: Path) -> tuple[str, dict[str, Any]]:
    """Return the page without its scripts, and the figures in it."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script[^>]*id="figures"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL), json.loads(found[1])


def test_the_page_has_every_figure_and_says_the_errors(folder: Path) -> None:
    page = write_fit_page(folder)
    assert page == folder / "report" / "index.html"
    text, drawn = shown(page)
    assert set(drawn) == FIGURES
    assert {path.name for path in page.parent.iterdir()} == {
        "index.html", *(f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "svg")),
    }  # fmt: skip
    record = json.loads((folder / "fit.json").read_text())
    held = record["final"]["test"]
    assert f"{number(held['energy_rmse_meV_per_atom'], 2)} meV/atom" in text
    assert "fitted to 12 of 24" in text
    assert "The tolerance of 2 meV/atom was not reached" in text
    for words in (*KINDS, "member1.pod and 7 more", "how far an atom sees", "Learning curve", "never chosen"):
        assert words in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))  # a figure with the id of a section would be drawn into it


def test_parity_shows_frames_by_type_and_their_differences(folder: Path) -> None:
    figure = next(f for f in parity_figures(Parity.load(folder / "parity.npz")) if f.name == "parity-energy")
    above, below = figure.panes
    assert [trace.label for trace in above.traces] == ["equal", "trained on", *KINDS]
    assert [len(trace.x) for trace in above.traces[1:]] == [12, 6, 6]
    for upper, lower in zip(above.traces[1:], below.traces[1:], strict=True):
        np.testing.assert_allclose(lower.y, 1e3 * (upper.y - upper.x))


def test_parity_without_types_of_forces_tells_held_out_from_trained(folder: Path) -> None:
    """A parity file need not say of which config_type a force component is."""
    path = folder / "parity.npz"
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files if name not in ("force_type", "stress_type")}
    np.savez(path, **arrays)
    figure = next(f for f in parity_figures(Parity.load(path)) if f.name == "parity-force")
    assert [trace.label for trace in figure.panes[0].traces] == ["equal", "trained on", "held out"]


def test_of_many_points_the_worst_are_drawn() -> None:
    rng = np.random.default_rng(1)
    size = 3 * MOST_POINTS
    reference, error = rng.normal(size=size), rng.normal(scale=0.1, size=size)
    none = np.empty(0)
    words = np.full(size, "test")
    parity = Parity(
        none.astype(str), none.astype(str), none.astype(int), none, none, reference, reference + error, words,
        np.full(size, "liquid"), np.empty((0, 6)), np.empty((0, 6)), none.astype(str), none.astype(str),
    )  # fmt: skip
    (figure,) = parity_figures(parity)
    drawn = figure.panes[1].traces[1].y
    assert MOST_POINTS - WORST <= len(drawn) <= MOST_POINTS
    np.testing.assert_allclose(np.sort(np.abs(drawn))[-WORST:], np.sort(np.abs(error))[-WORST:])
    assert f"{len(drawn)} of {size} points are drawn" in figure.caption


def test_the_learning_curve_is_mean_and_spread_of_the_repeats(folder: Path) -> None:
    record = read_record(folder)
    figure = learning_figure(record)
    assert figure is not None
    traces = {trace.label: trace for trace in figure.panes[1].traces}
    own = [
        [row["errors"]["force_rmse_eV_per_A"] for row in record.raw["learning"]
         if row["how"] == "random" and row["frames"] == size]
        for size in SIZES
    ]  # fmt: skip
    random = traces["chosen at random"]
    np.testing.assert_allclose(random.x, SIZES)
    np.testing.assert_allclose(random.y, np.mean(own, axis=1))
    assert random.error is not None
    np.testing.assert_allclose(random.error, np.std(own, axis=1, ddof=1))
    assert set(traces) == {"chosen at random", "distilled", "all frames"}
    assert "tolerance" in {trace.label for trace in figure.panes[0].traces}
    said = " ".join(evidence(record))
    assert f"{number(np.mean(own[-1]))[:4]}" in said
    assert "with all 18 frames of the training side" in said


def test_one_repeat_has_no_spread() -> None:
    one = Errors(1.0, 0.1, 0.2, 0.8, 0.08, 3)
    mean, spread = mean_and_spread({5: [one]}, "force_rmse_eV_per_A")
    assert mean.tolist() == [0.1]
    assert np.isnan(spread).all()


def test_what_a_user_wrote_cannot_become_a_part_of_the_page(folder: Path) -> None:
    evil = "<script>alert(1)</script>"

    def alter(record: dict[str, Any]) -> None:
        record |= {"name": evil, "stopped": evil, "notes": [evil], "cautions": [evil], "data": [{"path": evil}]}
        record["survey"] = {"columns": [evil, "b"], "rows": [[evil], ["1", "2", "3"]]}
        record["provenance"] = {evil: evil}
        record["settings"] = {evil: evil}
        record["calibration"] = {evil: evil}
        for row in record["groups"]:
            row["name"] = f"{evil}{row['name']}"
        for row in record["trials"]:
            row["settings"] = {evil: evil}

    change(folder, alter)
    text = write_fit_page(folder).read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)") > 8


def test_the_calibration_shows_what_was_found_against_what_was_told(folder: Path) -> None:
    record = read_record(folder)
    figure = trust_figure(record)
    assert figure is not None
    points = figure.panes[0].traces[1]
    bins = record.raw["calibration"]["bins"]
    np.testing.assert_allclose(points.x, [one["uncertainty"] for one in bins])
    np.testing.assert_allclose(points.y, [one["error"] for one in bins])
    assert {row[0] for row in trust_table(record).rows} >= {"factor", "threshold", "error", "rank"}


def emptied(record: dict[str, Any]) -> None:
    """Every list empty, every number null, as a fit may leave them."""
    for key in ("rounds", "trials", "groups", "learning", "notes", "cautions", "data", "space", "train_keys"):
        record[key] = []
    nothing = dict.fromkeys(record["final"]["test"])
    record |= {"energy_tol_meV": None, "seconds": None, "survey": {"columns": [], "rows": []}, "distilled": None}
    record |= {
        "calibration": None,
        "final": {"train": nothing, "test": nothing, "unseen": None},
        "provenance": {},
        "settings": {},
    }


def test_an_empty_record_makes_a_page(folder: Path) -> None:
    change(folder, emptied)
    (folder / "parity.npz").unlink()
    text, drawn = shown(write_fit_page(folder))
    assert drawn == {}
    assert "No error could be measured" in text
    assert "nan" not in text


def test_numbers_that_are_null_leave_gaps(folder: Path) -> None:
    def alter(record: dict[str, Any]) -> None:
        for row in (*record["rounds"], *record["groups"], *record["learning"]):
            row["errors"] = dict.fromkeys(row["errors"])
        for row in record["trials"]:
            row["force_rmse_eV_per_A"] = None
        record["calibration"]["bins"] = [dict.fromkeys(one) for one in record["calibration"]["bins"]]

    change(folder, alter)
    record = read_record(folder)
    assert {f.name for f in figures(record, None)} == {"learning-curve", "rounds-errors"}
    write_fit_page(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "give the folder that glasspot fit-mlip wrote"),
        ("{", "is damaged"),
        ("[]", "is no record of glasspot fit-mlip"),
        ('{"format": 2, "final": {}}', "another version"),
        ('{"fit": "abc", "seconds": 1}', "is no record of glasspot fit-mlip"),
        ('{"format": 1, "final": {}, "rounds": [3]}', "is damaged"),
        ('{"format": 1, "final": {}, "energy_tol_meV": "two"}', "is damaged"),
        ('{"format": 1, "final": {}, "groups": [{}]}', "is damaged"),
    ],
)
def test_a_record_that_is_none_is_said(folder: Path, text: str | None, said: str) -> None:
    if text is None:
        (folder / "fit.json").unlink()
    else:
        (folder / "fit.json").write_text(text)
    with pytest.raises(GlasspotError, match=said):
        write_fit_page(folder)


def test_much_smaller_errors_on_training_frames_are_said(folder: Path) -> None:
    def alter(record: dict[str, Any]) -> None:
        record["final"]["train"]["force_rmse_eV_per_A"] = 0.4 * record["final"]["test"]["force_rmse_eV_per_A"]

    assert "more freedom" not in " ".join(evidence(read_record(folder)))
    change(folder, alter)
    assert "more freedom" in " ".join(evidence(read_record(folder)))


def test_of_many_clusters_some_are_named() -> None:
    errors = Errors(1.0, 0.1, 0.2, 0.8, 0.08, 3)
    figure = groups_figure("cluster", [GroupRow("cluster", str(n), "test", errors) for n in range(100)])
    assert figure is not None
    assert len(figure.panes[0].traces[0].x) == 100
    assert len(figure.x.ticks) == len(figure.x.names) <= 24
    assert groups_figure("cluster", [GroupRow("cluster", "1", "test", errors)]) is None


def test_groups_stand_by_number_and_the_uses_of_each_side_by_side() -> None:
    errors = Errors(1.0, 0.1, 0.2, 0.8, 0.08, 3)
    pairs = [("1", "test"), ("3", "test"), ("10", "test"), ("1", "unseen"), ("2", "unseen"), ("10", "unseen")]
    table = groups_table("cluster", [GroupRow("cluster", name, use, errors) for name, use in pairs])
    assert [row[:2] for row in table.rows] == [
        ("1", "held out"), ("1", "never chosen"), ("2", "never chosen"), ("3", "held out"), ("10", "held out"),
        ("10", "never chosen"),
    ]  # fmt: skip
    assert groups_table("config_type", [GroupRow("config_type", "same", "test", errors)]).rows == ()


def test_the_gain_over_random_choice_is_told_where_there_was_a_choice(folder: Path) -> None:
    assert "Force error with 12 frames" in " ".join(evidence(read_record(folder)))
    change(folder, lambda record: record.update(train_keys=record["train_keys"][:8]))
    assert "Force error with 8 frames" in " ".join(evidence(read_record(folder)))

    def only_all(record: dict[str, Any]) -> None:
        record["learning"] = [row | {"frames": 18} for row in record["learning"]]

    change(folder, only_all)
    assert "Force error with" not in " ".join(evidence(read_record(folder)))


def test_errors_of_nothing_are_not_known() -> None:
    assert np.isnan(errors_of(None).energy_rmse_meV_per_atom)
    assert errors_of({"energy_rmse_meV_per_atom": 1.5, "frames": 3}).frames == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.5, "1234"), (12.345, "12.3"), (0.012345, "0.0123"), (-2.5, "-2.50"), (np.nan, "-")],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_a_mean_has_as_many_decimals_as_its_spread() -> None:
    assert with_spread(0.19634, 0.0041) == "0.1963 ± 0.0041"
    assert with_spread(12.3, 1.26) == "12.3 ± 1.3"
    assert with_spread(12.3, np.nan) == "12.3"
    assert with_spread(0.182576930, 2.1e-8) == "0.183"  # the same frames in another order


def test_the_answer_counts_frames(folder: Path) -> None:
    assert answer(read_record(folder)).endswith("on 6 held-out frames, fitted to 12 of 24")


def test_a_type_has_one_colour_in_all_pictures(folder: Path) -> None:
    """Forces and stresses are drawn in part, so their own counts must not decide the order."""
    styles: dict[str, set[str]] = {}
    for figure in parity_figures(Parity.load(folder / "parity.npz")):
        for trace in figure.panes[0].traces:
            styles.setdefault(trace.label, set()).add(f"{trace.style.colour} {trace.style.marker}")
    assert len(styles) > 2
    assert all(len(found) == 1 for found in styles.values()), styles
