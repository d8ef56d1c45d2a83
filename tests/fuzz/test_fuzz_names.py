"""Names and texts that nobody expects, where they end up: LAMMPS decks, pages, file names, batch scripts, logs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fuzz_mutate import TEXTS
from fuzz_watch import said_or_done, watched
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import report_samples
from glasspot.campaign.log import LOG_FILE, EventLog
from glasspot.cli import one_line
from glasspot.cli.pcf_folder import as_name
from glasspot.engine import deck
from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential, potential_to_toml
from glasspot.potential.model import Potential
from glasspot.potential.schema import check_name
from glasspot.protocol import Protocol, Stage
from glasspot.report.export import ASE, write_potential_files
from glasspot.report.html import page
from glasspot.run_table import RunTable
from glasspot.structure.frames import Frame

hostile = st.sampled_from(TEXTS) | st.text(max_size=30) | st.lists(st.sampled_from(TEXTS), max_size=3).map("".join)
BKS = load_potential("BKS")


def frame() -> Frame:
    return Frame.from_symbols(["Si", "O", "O"], [[0, 0, 0], [3, 3, 3], [6, 6, 6]], 12.3, ("Si", "O"))


def commands(script: str) -> list[str]:
    """Return what LAMMPS acts on: the lines without comments; one that goes on on the next line would take it along."""
    assert "&" not in script
    assert script.isascii() and all(c.isprintable() or c == "\n" for c in script)
    return [line for line in script.split("\n") if not line.startswith("#")]


@settings(max_examples=150)
@given(name=hostile, stage=hostile, note=hostile)
def test_no_name_reaches_a_script_of_lammps(name: str, stage: str, note: str) -> None:
    def script(name: str, stage: str, note: str) -> str:
        stages = (Stage("minimise", name=stage), Stage("nvt", 1.0, 300.0, name=stage))
        return deck.input_script(Protocol(name, stages, note=note), frame(), seed=1, threads=1, skin=0.6)

    found = said_or_done(lambda: script(name, stage, note))
    if isinstance(found, str):
        assert commands(found) == commands(script("p", "s", ""))


@settings(max_examples=150)
@given(name=hostile, source=hostile, doi=hostile)
def test_no_text_of_a_potential_reaches_its_include(name: str, source: str, doi: str) -> None:
    named = replace(BKS, name=name, source=source, doi=doi)  # even past the checks of its file
    assert commands(deck._include_text(named, ("Si", "O"), 1000)) == commands(
        deck._include_text(BKS, ("Si", "O"), 1000)
    )


@settings(max_examples=100)
@given(name=hostile)
def test_no_name_of_a_species_reaches_lammps(name: str) -> None:
    try:
        deck.write_lammps_potential(BKS, ("Si", name), Path("/nonexistent"))
    except GlasspotError:
        return
    except FileNotFoundError:
        assert re.fullmatch(r"[A-Z][a-z]?[0-9]?", name)


@settings(max_examples=150)
@given(name=hostile, title=hostile)
def test_a_potential_is_read_back_as_it_was_written(name: str, title: str) -> None:
    from glasspot.files import parse_toml

    def read() -> Potential:
        return Potential.from_dict({**BKS.to_dict(), "name": name, "title": title})

    found = said_or_done(read)
    if isinstance(found, Potential):
        assert found.name.isprintable() and Path(f"{found.name}.toml").name == f"{found.name}.toml"
        assert Potential.from_dict(parse_toml(potential_to_toml(found).encode(), "x")) == found


@settings(max_examples=25)
@given(name=hostile)
def test_the_files_of_a_potential_stay_in_their_folder_and_are_no_code(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        check_name(name, "name")
    except GlasspotError:
        return
    folder = tmp_path_factory.mktemp("files")
    with watched(folder.parent):
        written = write_potential_files(replace(BKS, name=name), ("Si", "O"), folder, ("toml", "ase"))
    assert {path.parent for path in written} == {folder}
    kinds = [type(node).__name__ for node in ast.parse((folder / ASE).read_text(encoding="utf-8")).body]
    assert kinds == ["ImportFrom", "ImportFrom", "ImportFrom", "FunctionDef"]


class Elements(HTMLParser):
    """Counts what a page is made of: elements, and the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[f"{tag} {sorted(name for name, _ in attrs)}"] += 1


def elements(text: str) -> Counter[str]:
    parser = Elements()
    parser.feed(re.sub(r"<script>/\*\*\s*\* plotly\.js.*?</script>", "", text, flags=re.DOTALL))
    return parser.found


def report(text: str) -> str:
    """Return the page of a report with ``text`` wherever a user or a file can put one."""
    made = report_samples.silica_report()
    return page(
        replace(
            made,
            title=text,
            description=f"a{text}",
            cautions=(f"a{text}",),
            provenance={f"a{text}": text},
            scores=tuple(replace(score, note=f"a{text}") for score in made.scores),
            steps=tuple(replace(step, note=f"a{text}") for step in made.steps),
            parameters=tuple(replace(p, name=f"{p.name}{text}") for p in made.parameters),
            fitted=made.fitted and replace(made.fitted, name=text, title=text, source=text, cautions=(text,)),
        )
    )


@cache
def plain() -> Counter[str]:
    return elements(report("x"))


@pytest.mark.parametrize(
    "text", [*TEXTS, "<img src=x onerror=alert(1)>", "</script><script>alert(1)", "${css}", "$css"]
)
def test_no_text_becomes_a_part_of_a_page(text: str) -> None:
    assert elements(report(text)) == plain()


@settings(max_examples=20)
@given(text=st.text(max_size=40))
def test_no_text_at_all_becomes_a_part_of_a_page(text: str) -> None:
    assert elements(report(text)) == plain()


KEYS = ("partition", "account", "qos", "address", "walltime", "image", "namespace", "setup", "options", "on_finish")


@settings(max_examples=200)
@given(key=st.sampled_from(KEYS), text=hostile)
def test_what_a_batch_script_is_given_is_a_word_or_a_line(key: str, text: str) -> None:
    value: str | list[str] = [text] if key in ("setup", "options", "on_finish") else text
    executor = {"executor": "kubernetes", "image": "x"} if key in ("image", "namespace") else {"executor": "slurm"}
    try:
        table = RunTable.model_validate({**executor, key: value})
    except ValidationError:
        return
    found = getattr(table, key)
    if isinstance(found, list):
        assert found == [text] and text.isprintable()
        assert key != "options" or text.startswith("#")
    else:
        assert re.fullmatch(r"[A-Za-z0-9_.,:@=+/-]+", found)
        assert not found.startswith("-")


@settings(max_examples=200)
@given(text=hostile)
def test_a_name_of_a_folder_and_a_message_are_plain(text: str) -> None:
    name = as_name(text)
    assert (
        re.fullmatch(r"[A-Za-z0-9.-]{0,80}", name) and ".." not in Path(name).parts and not name.startswith(("-", "."))
    )
    assert one_line(text).isprintable()


@settings(max_examples=100)
@given(text=st.text(max_size=50) | st.sampled_from(TEXTS))
def test_a_log_has_one_line_an_event(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("log")
    EventLog(folder).write("said", text=text)
    written = (folder / LOG_FILE).read_text(encoding="utf-8")
    assert written.count("\n") == 1 and written[:-1].isprintable()
