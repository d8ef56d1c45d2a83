"""The figures of a report as image files."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import report_samples as samples
from glasspot.report.data import FitReport
from glasspot.report.panels import figures
from glasspot.report.static import words, write_figures


def small(report: FitReport) -> FitReport:
    """Return a report of few figures, so that the test is quick."""
    return replace(report, panels=report.panels[:1], potentials={}, structure_panels=report.structure_panels[-1:])


def test_each_figure_becomes_a_png_and_an_svg(tmp_path: Path) -> None:
    report = small(samples.silica_report())
    paths = write_figures(report, tmp_path)
    assert [path.stem for path in paths[::2]] == [figure.name for figure in figures(report)]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    for path in paths:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")  # noqa: S314 (we wrote it)
            continue
        with Image.open(path) as image:
            assert image.size[0] == 700  # 3.5 inches at 200 dpi
            assert image.info["dpi"][0] == pytest.approx(200, abs=1)
            grey = image.convert("L")
            assert grey.getextrema()[0] < 60  # something dark is drawn
            # Nothing touches the rim, so no label is cut.
            rim = grey.crop((0, 0, 1, grey.size[1])).getextrema(), grey.crop((699, 0, 700, grey.size[1])).getextrema()
            assert rim == ((255, 255), (255, 255))


def test_the_same_report_gives_the_same_svg(tmp_path: Path) -> None:
    report = replace(small(samples.silica_report()), panels=(), structure_panels=(), parameters=())
    first = [path.read_bytes() for path in write_figures(report, tmp_path / "a")]
    assert first == [path.read_bytes() for path in write_figures(report, tmp_path / "b")]


def test_reports_of_every_state_draw(tmp_path: Path) -> None:
    assert write_figures(samples.empty_report(), tmp_path) == []
    report = small(samples.running_report())
    assert len(write_figures(report, tmp_path)) == 2 * len(figures(report))


def test_a_dollar_in_a_name_is_not_read_as_mathematics(tmp_path: Path) -> None:
    report = small(samples.silica_report())
    panel = replace(report.panels[0], title="cost $5 and \\frac{ $")
    write_figures(replace(report, panels=(panel,), steps=(), structure_panels=()), tmp_path)
    assert words("R_chi (A) $") == r"$R_\chi$ (Å) \$"
