"""Hooks: who is called when, with what, and that nothing they do touches the run."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from pydantic import ValidationError

from glasspot.campaign import hooks as module
from glasspot.campaign.hooks import NO_HOOKS, Hooks, called_at_end
from glasspot.campaign.interrupt import EndedError
from glasspot.campaign.task import Task
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import EngineChoice
from glasspot.execute.place import Block, Place
from glasspot.run_table import RunTable

# Writes what it was told, and where it runs, beside the log of its output.
TELLS = """
import json, os, sys
told = {name: value for name, value in os.environ.items() if name.startswith("GLASSPOT_")}
json.dump({**told, "name": sys.argv[1], "cwd": os.getcwd(), "stdin": sys.stdin.read()}, open("told.json", "w"))
print("a hook was here")
"""


def hook(name: str, program: str = TELLS) -> tuple[str, ...]:
    return (sys.executable, "-c", program, name)


BOTH = Hooks(hook("finish"), hook("failure"))


def end(folder: Path, hooks: Hooks, error: BaseException | None = None, title: str = "a title") -> list[str]:
    """Let a run end, and return what was said of its hook."""
    said: list[str] = []
    ends = nullcontext() if error is None else pytest.raises(type(error))
    with ends, called_at_end(folder, title, hooks, said.append):
        if error is not None:
            raise error
    return said


@pytest.mark.parametrize(
    ("error", "name", "state", "message"),
    [
        (None, "finish", "finished", ""),
        (GlasspotError("all runs\nfailed"), "failure", "failed", "all runs failed"),
        (ZeroDivisionError("a bug"), "failure", "failed", "a bug"),
        (EndedError("interrupted by SIGTERM", "interrupted", 143), "failure", "interrupted", "interrupted by SIGTERM"),
    ],
)
def test_the_hook_of_each_end_is_told_what_happened(
    tmp_path: Path, error: BaseException | None, name: str, state: str, message: str
) -> None:
    assert end(tmp_path, BOTH, error) == []
    told = json.loads((tmp_path / "told.json").read_text())
    assert told == {
        "GLASSPOT_DIR": str(tmp_path), "GLASSPOT_STATE": state, "GLASSPOT_TITLE": "a title",
        "GLASSPOT_MESSAGE": message, "name": name, "cwd": str(tmp_path), "stdin": "",
    }  # fmt: skip
    assert (tmp_path / "hook.log").read_text() == "a hook was here\n"
    assert re.search(rf" hook up=\d+ state={state} ", (tmp_path / "glasspot.log").read_text())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EndedError("stopped on request", "stopped", 130)])
def test_who_ends_a_run_by_hand_is_not_told_of_it(tmp_path: Path, error: BaseException) -> None:
    assert end(tmp_path, BOTH, error) == []
    assert not list(tmp_path.iterdir())


def test_without_hooks_nothing_is_written(tmp_path: Path) -> None:
    end(tmp_path, NO_HOOKS)
    end(tmp_path, NO_HOOKS, GlasspotError("x"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (hook("", "raise SystemExit(3)"), "ended with exit code 3"),
        (("no-such-program",), "could not be started"),
        (("/",), "could not be started"),
    ],
)
def test_a_hook_that_fails_is_told_and_changes_nothing(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (said,) = end(tmp_path, Hooks(on_finish=words))
    assert says in said
    assert f'failed="{says}' in (tmp_path / "glasspot.log").read_text()
    end(tmp_path, Hooks(on_failure=words), GlasspotError("the run's own error"))  # which is raised on


def test_a_hook_that_hangs_is_killed_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT_S", 1.5)
    hangs = "import subprocess, sys, time; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    (said,) = end(tmp_path, Hooks(on_finish=hook("", hangs)))
    assert "was killed" in said
    child = int((tmp_path / "hook.log").read_text())
    for _ in range(100):
        if not running(child):
            break
        time.sleep(0.05)
    assert not running(child)


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_texts_that_an_environment_cannot_hold_are_mended(tmp_path: Path) -> None:
    assert end(tmp_path, BOTH, GlasspotError("a\x00b\x1b[31m" + "x" * 10**6), title="two\nlines \udcff") == []
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["GLASSPOT_TITLE"] == "two lines ?"
    assert told["GLASSPOT_MESSAGE"].startswith("a?b?[31mx")
    assert len(told["GLASSPOT_MESSAGE"]) <= module.LONGEST


def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    end(tmp_path, Hooks(on_finish=hook("$(touch ran); `touch ran` > ran")))
    assert json.loads((tmp_path / "told.json").read_text())["name"] == "$(touch ran); `touch ran` > ran"
    assert not (tmp_path / "ran").exists()


def test_what_is_missing_and_what_is_named_is_said_at_the_start(tmp_path: Path) -> None:
    hooks = Hooks((sys.executable, "-m", "tell me"), ("no-such-program",))
    assert [line.split(",")[0] for line in hooks.missing] == ["on_failure names no-such-program"]
    place = Place("slurm", block=Block(setup=("module load x", "export Y=1")))
    task = Task("fit", "t", {}, EngineChoice("lammps", "srun lmp"), place, hooks)
    named, missing = task.notes
    for word in ("srun lmp", "module load x; export Y=1", f"{sys.executable} -m 'tell me'", "no-such-program"):
        assert word in named
    assert "nobody will be told" in missing
    assert Task("fit", "t", {}, EngineChoice(), Place()).notes == []


def test_a_program_with_a_path_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    script = tmp_path / "tell.sh"
    script.write_text("#!/bin/sh\necho told > ../said\n")
    script.chmod(0o755)
    (tmp_path / "run").mkdir()
    hooks = RunTable(on_finish=["./tell.sh"], on_failure=["sh", "./x"]).hooks(tmp_path)
    assert hooks == Hooks((str(tmp_path / "tell.sh"),), ("sh", "./x"))
    assert hooks.missing == []
    assert end(tmp_path / "run", hooks) == []
    assert (tmp_path / "said").read_text() == "told\n"
    assert RunTable().hooks(tmp_path) == NO_HOOKS


@pytest.mark.parametrize("words", [[], [""], ["a", "b\nc"], ["a\x00"], "notify-send"])
def test_words_that_are_no_command_are_refused(words: object) -> None:
    with pytest.raises(ValidationError):
        RunTable(on_finish=words)  # type: ignore[arg-type]


def test_the_key_ends_the_hook_and_the_run_stays_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pressed(module.subprocess.Popen):  # type: ignore[type-arg]
        def wait(self, timeout: float | None = None) -> int:
            if timeout is not None:
                raise KeyboardInterrupt
            return super().wait()

    monkeypatch.setattr(module.subprocess, "Popen", Pressed)
    (said,) = end(tmp_path, Hooks(on_finish=("sleep", "600")))
    assert "was interrupted" in said
    assert os.path.exists(tmp_path / "hook.log")


def test_a_hook_cannot_take_what_is_typed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"typed")
    os.close(writing)
    before = os.dup(0)
    try:
        os.dup2(reading, 0)
        end(tmp_path, BOTH)
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)
    assert json.loads((tmp_path / "told.json").read_text())["stdin"] == ""
