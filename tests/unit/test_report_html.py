"""The page of a report as text: safe with any user's words, whole, and valid for plotly."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import report_samples as samples
from glasspot.errors import GlasspotError
from glasspot.report.data import FitReport
from glasspot.report.figure import INKS
from glasspot.report.html import page, safe_json, write_page
from glasspot.report.panels import figures
from glasspot.report.plotly_figure import plotly_dict

HOSTILE = "<script>alert(1)</script> & \"quoted\" </title> $x^2$ <img src=x onerror='alert(2)'>"
REPORTS = {
    "three partial curves": samples.silica_report,
    "one total curve": lambda: samples.silica_report(total=True),
    "running": samples.running_report,
    "empty": samples.empty_report,
}


def hostile_report() -> FitReport:
    """Return a report with the same nasty text wherever a user can put one."""
    report = samples.silica_report()
    panel = report.panels[0]
    series = tuple(replace(s, name=f"{s.name} {HOSTILE}") for s in panel.series)
    return replace(
        report,
        title=HOSTILE,
        description=HOSTILE,
        cautions=(HOSTILE,),
        provenance={HOSTILE: HOSTILE},
        panels=(replace(panel, title=HOSTILE, series=series),),
        scores=tuple(replace(score, note=HOSTILE) for score in report.scores),
        steps=tuple(replace(step, note=HOSTILE) for step in report.steps),
        parameters=tuple(replace(p, name=f"{p.name}{HOSTILE}") for p in report.parameters),
    )


def own_text(text: str) -> str:
    """Return the page without plotly.js."""
    return re.sub(r"<script>/\*\*\s*\* plotly\.js.*?</script>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS.keys())
def test_every_kind_of_report_makes_a_page(make: Any, tmp_path: Path) -> None:
    path = write_page(make(), tmp_path / "deep" / "report.html")
    text = own_text(path.read_text(encoding="utf-8"))
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]  # no temporary file is left
    assert path.stat().st_size < 8e6  # plotly.js is 4.8 MB


def test_the_answer_stands_first() -> None:
    text = own_text(page(samples.silica_report()))
    answer = text.index('class="answer finished">R<sub>χ</sub> 4.12')
    assert answer < text.index("<nav") < text.index("<figure")


def test_a_user_cannot_put_markup_into_the_page() -> None:
    text = own_text(page(hostile_report()))
    for markup in ("<script>alert", "<img src=x", "\u003c/title> $x"):
        assert markup not in text
    assert text.count("<script") == text.count("</script>") == 2  # the JSON and page.js
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_plotly_labels_are_escaped_too() -> None:
    # plotly reads a label as HTML of its own: an unescaped <a> would become a link.
    made = [plotly_dict(figure) for figure in figures(hostile_report())]
    names = [trace["name"] for figure in made for trace in figure["data"]]
    texts = [note for figure in made for trace in figure["data"] for note in trace.get("text", [])]
    assert names and texts
    assert not any("<" in text for text in names + texts)


def test_the_page_loads_nothing_from_outside() -> None:
    text = own_text(page(samples.silica_report()))
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#|data:)""", text)
    assert not re.search(r"@import|url\((?!data:)", text)
    assert "default-src 'none'" in text


def test_json_holds_no_nan_and_cannot_end_its_script() -> None:
    figure = next(f for f in figures(samples.silica_report()) if f.title == "g(r) Si-O")
    gap = replace(figure.panes[0].traces[0], y=np.array([np.nan, np.inf, -np.inf, 1.0]), x=np.arange(4.0), error=None)
    holed = replace(figure, panes=(replace(figure.panes[0], traces=(gap,)),))
    text = safe_json({"</script>": plotly_dict(holed)})
    assert "</script" not in text
    assert json.loads(text)["</script>"]["data"][0]["y"] == [None, None, None, 1.0]


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS.keys())
def test_figures_are_valid_plotly(make: Any) -> None:
    go = pytest.importorskip("plotly.graph_objects")
    for figure in figures(make()):
        text = json.dumps(plotly_dict(figure))
        for ink in INKS:
            text = text.replace(f'"{ink}"', '"black"')
        go.Figure(json.loads(text))  # raises on a key or a value that plotly does not know


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GlasspotError, match=r"cannot write .*report\.html.*Choose a folder"):
        write_page(samples.empty_report(), tmp_path / "file" / "report.html")


def test_an_older_page_stays_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(GlasspotError, match="No space left"):
        write_page(samples.empty_report(), path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
