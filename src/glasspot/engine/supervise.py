"""Run a command and never outlive the process that asked for it. Started as a script, by its path, with plain Python.

    python -I -S supervise.py PARENT_PID COMMAND ARGUMENT...

The worker that runs a simulation can be killed with a signal that no program can catch; its child would go on. So
this small process stands between the two: when its parent is gone, or it is told to stop, it ends the whole process
group of the command (wrappers and MPI launchers start the real program as a child of their own). It needs nothing
outside the standard library, and no import of glasspot, to start in some 20 ms.
"""

from __future__ import annotations

import os
import signal
import sys
import time

POLL_S = 0.3
GRACE_S = 2.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WATCHED = (*STOP_SIGNALS, signal.SIGCHLD)
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Return the exit code of the command; 128 + n when signal n ended it; 127 when it could not be started."""
    parent, command = int(arguments[0]), arguments[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    child = os.fork()
    if child == 0:
        _become(command)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _end_group(child, already_ended=True)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if os.getppid() != parent or _next_signal() in STOP_SIGNALS:
            _end_group(child, already_ended=False)
            return 128 + signal.SIGTERM


def _become(command: list[str]) -> None:
    """In the child: turn into the command; never returns."""
    try:
        _die_with_supervisor()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        os.execvp(command[0], command)  # noqa: S606 - a list of words, no shell
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
    finally:
        os._exit(127)


def _die_with_supervisor() -> None:
    """On Linux the kernel kills the command should even this supervisor be killed. A launcher has its own such ways."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _next_signal() -> int | None:
    """Wait for a signal, at most POLL_S."""
    if hasattr(signal, "sigtimedwait"):
        info = signal.sigtimedwait(WATCHED, POLL_S)
        return info.si_signo if info else None
    time.sleep(0.02)  # macOS has no sigtimedwait
    pending = signal.sigpending()
    return next((s for s in STOP_SIGNALS if s in pending), None)


def _end_group(child: int, already_ended: bool) -> None:
    """End what is left of the process group: politely, then by force. SIGTERM is blocked in this process."""
    os.killpg(os.getpgid(0), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while not already_ended:
        ended, _ = os.waitpid(child, os.WNOHANG)
        already_ended = bool(ended)
        if not already_ended and time.monotonic() > deadline:
            os.killpg(os.getpgid(0), signal.SIGKILL)  # this process as well
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
