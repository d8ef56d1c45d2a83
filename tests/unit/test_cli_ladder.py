"""``glasspot ladder``: rungs are checked together before any runs, and one ladder is at work in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from glasspot.campaign.driver import driving
from glasspot.cli import fit as cli_fit
from glasspot.cli import ladder as cli_ladder
from glasspot.cli import main
from glasspot.errors import RunFailedError
from glasspot.store import Store

LADDER = """
title = "t"
[potential]
start = "BKS"
[system]
composition = "SiO2"
atoms = 90
density = 2.2
temperature = 3600
[[target]]
pair = "Si-O"
reference = "CHIK"
range = [1.0, 5.0]
[[rung]]
name = "a"
free = ["Si-O.A"]
[[rung]]
name = "b"
free = ["Si-O.A", "Si-O.rho"]
"""


class StoppedError(Exception):
    """In the place of a crash in the second rung."""


@pytest.fixture
def rungs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rungs whose fit was begun; none is run, and the second one stops."""
    begun: list[str] = []

    def fit_in(folder: Path, plan: Any, *_: Any, **__: Any) -> None:
        begun.append(folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        with Store.create(folder) as store:
            store.set_meta("settings", dict(plan.source))
        if folder.name == "b":
            raise StoppedError

    monkeypatch.setattr(cli_fit, "fit_in", fit_in)
    return begun


def ladder(folder: Path, text: str, *words: str) -> int:
    (folder / "ladder.toml").write_text(text)
    return main(["ladder", str(folder / "ladder.toml"), "--out", str(folder / "out"), *words])


def test_a_mistake_names_its_rung(tmp_path: Path, rungs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ladder(tmp_path, LADDER.replace("Si-O.rho", "Si-O.roh")) == 2
    assert '[[rung]] "b": "Si-O.roh" is not a parameter' in capsys.readouterr().err
    assert not rungs and not (tmp_path / "out").exists()


def test_a_changed_rung_is_refused_before_the_first_goes_on(
    tmp_path: Path, rungs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoppedError):
        ladder(tmp_path, LADDER)
    assert rungs == ["a", "b"]
    assert ladder(tmp_path, LADDER.replace("Si-O.rho", "O-O.rho"), "--resume") == 2
    assert '[[rung]] "b": the settings changed' in capsys.readouterr().err
    assert rungs == ["a", "b"]


def test_a_second_ladder_in_the_folder_is_refused(
    tmp_path: Path, rungs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    with driving(tmp_path / "out"):
        assert ladder(tmp_path, LADDER) == 2
    assert "another glasspot is at work" in capsys.readouterr().err and not rungs


def test_a_rung_that_fails_does_not_keep_the_others_from_being_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fit_in(folder: Path, *_: Any, **__: Any) -> None:
        if folder.name == "b":
            raise RunFailedError("the first run of the fit failed (boiled)")

    compared: list[Sequence[str]] = []
    monkeypatch.setattr(cli_fit, "fit_in", fit_in)
    monkeypatch.setattr(cli_ladder, "_compare", lambda folder, names: compared.append(names))
    text = LADDER + '[[rung]]\nname = "c"\nfree = ["O-O.A"]\n'
    assert ladder(tmp_path, text) == 1
    assert compared == [["a", "c"]] and '[[rung]] "b": the first run' in capsys.readouterr().err
