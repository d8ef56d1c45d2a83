"""``glasspot watch`` as a command: what it refuses, which port it takes, and the token of its address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from glasspot.campaign.folder import state_noted
from glasspot.cli import main
from glasspot.live.address import free_socket, token_of
from glasspot.store import Store


def refused(capsys: pytest.CaptureFixture[str], *given: str) -> str:
    """Return what the command says of a mistake, in one line."""
    assert main(["watch", *given]) == 2
    said = capsys.readouterr().err
    assert said.startswith("glasspot: ") and len(said.splitlines()) == 1
    return said


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not exist" in refused(capsys, str(tmp_path / "none"))
    (tmp_path / "file").touch()
    assert "is a file" in refused(capsys, str(tmp_path / "file"))


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_told(tmp_path: Path, taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"port {taken} is taken" in refused(capsys, str(tmp_path), "--port", str(taken))
    assert "is no port" in refused(capsys, str(tmp_path), "--port", "70000")
    assert "is not a name or address of this machine" in refused(capsys, str(tmp_path), "--host", "no such name")


def test_without_a_port_the_next_free_one_is_found(taken: int) -> None:
    with free_socket("127.0.0.1", taken, 30) as found:
        assert taken < found.getsockname()[1] <= taken + 30


def test_a_run_has_the_same_token_each_time_and_each_run_its_own(tmp_path: Path) -> None:
    tokens = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with Store.create(tmp_path / name) as store, state_noted(store):
            pass
        tokens.append(token_of(tmp_path / name))
        assert token_of(tmp_path / name) == tokens[-1] and len(tokens[-1]) >= 32
    assert tokens[0] != tokens[1]
    assert token_of(tmp_path) != token_of(tmp_path)  # nothing to remember it by
