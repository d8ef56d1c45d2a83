"""One short run of LAMMPS for what it knows and we do not compute: started, waited for, and ended however we leave."""

from __future__ import annotations

import time
from pathlib import Path

from glasspot.engine.base import EngineFailure
from glasspot.engine.dump import tail
from glasspot.engine.process import Child, find_program
from glasspot.errors import GlasspotError

SCRIPT, LOG = "in.lammps", "log.lammps"
POLL_S = 0.02


def run_script(folder: Path, text: str, what: str, command: str | None = None) -> str:
    """Run the input script ``text`` in ``folder`` with one thread, and return the log.

    ``what`` says in the message of a failure what was being done. EngineFailure where there is no LAMMPS; GlasspotError
    with the end of its log where it did not end well.
    """
    program = find_program(command)
    (folder / SCRIPT).write_text(text)
    with Child(program, ["-in", SCRIPT, "-log", LOG, "-nocite", "-screen", "none"], folder, 1) as child:
        while (code := child.exit_code) is None:
            time.sleep(POLL_S)
        screen = child.screen()
    log = (folder / LOG).read_text(errors="replace") if (folder / LOG).exists() else ""
    if code in (126, 127) and not log:
        raise EngineFailure("no-program", f"no lmp: {screen.strip()}", screen)
    if code != 0:
        killed = " It was killed: is there enough memory?" if code in (137, -9) else ""
        raise GlasspotError(
            f"LAMMPS failed at {what} (exit code {code}).{killed} Its last lines:\n{tail(log or screen)}"
        )
    return log
