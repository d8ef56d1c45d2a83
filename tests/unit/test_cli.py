"""The command line as a whole: one line for a mistake, a clean end when the reader goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glasspot.cli import main, one_line


def test_what_a_user_typed_cannot_break_the_line_or_colour_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["status", str(tmp_path / "a\nb\x1b[31m")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "\x1b" not in message
    assert one_line("Å³  ü\tx\u202e") == "Å³ ü x?"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fit", "a.toml", "--workers", "many"], "--workers: invalid int value: 'many'; see glasspot fit --help"),
        (["potentials", "shwo", "BKS"], "invalid choice: 'shwo'"),
        ([], "the following arguments are required: COMMAND; see glasspot --help"),
    ],
)
def test_a_wrong_word_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    message = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in message
    assert message.startswith("glasspot: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_name_that_no_file_can_have_is_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "x" * 300]) == 2
    message = capsys.readouterr().err
    assert message.startswith("glasspot: xxx")
    assert "File name too long" in message


@pytest.mark.parametrize(("command", "example"), [("fit", "silica/fit.toml"), ("ladder", "silica-ladder/ladder.toml")])
def test_no_workers_are_refused_before_a_folder_is_made(
    command: str, example: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, str(Path(__file__).parents[2] / "examples" / example), "--workers", "0"]) == 2
    assert "workers is 0; expected 1 or more" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "glasspot", "potentials", "list", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before a line was written
        said = process.stderr.read()
    assert process.returncode == 0
    assert said == ""


def test_a_terminal_without_accents_is_no_error() -> None:
    command = [sys.executable, "-m", "glasspot", "potentials", "show", "CHIK"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "Carr?, Horbach" in done.stdout
