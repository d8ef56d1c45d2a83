"""Workers on this machine: processes that must not outlive the driver.

Each one watches its parent and ends, with the engine it started, when the driver is gone, even when it was killed with
no chance to clean up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from glasspot.errors import GlasspotError

PARENT_POLL_S = 0.5
GRACE_S = 6.0  # for the engine's clean-up, which gives its program 5 s
Result = TypeVar("Result")

_at_work = False  # of a worker: it has a job, whose engine must clean up before it leaves


class LeavingError(SystemExit):
    """A worker was told to end while it had a job."""


def local_workers() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


class LocalPool(ProcessPoolExecutor):
    """``workers`` processes of this machine; GlasspotError for less than one."""

    def __init__(self, workers: int) -> None:
        check_workers(workers)
        # "spawn" starts from a clean interpreter: no locks or threads of the driver are copied.
        context = multiprocessing.get_context("spawn")
        super().__init__(workers, mp_context=context, initializer=start_worker, initargs=(os.getpid(),))

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Give a call to a worker, which is started where there is none yet."""
        with _undisturbed():
            return super().submit(do_job, fn, args, kwargs)

    def stop(self) -> None:
        """End at once, running jobs included; finished results stay in their folders."""
        # The pool has no public way to end running work; terminating its processes is what its own breakage does.
        processes = list((getattr(self, "_processes", None) or {}).values())
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        end = time.monotonic() + GRACE_S + 1.0
        for process in processes:
            process.join(max(0.0, end - time.monotonic()))
            process.kill()  # one that still lives could not leave by itself, and Python would wait for it at its end


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Start workers whole, and take what signals ask for afterwards.

    A worker whose driver is interrupted before it has said what to do complains; so does one that Ctrl-C reaches, in
    the same terminal, before it can say that it is not for it.
    """
    asked: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) not in (None, signal.SIG_IGN):
                before[number] = signal.signal(number, lambda told, _: asked.append(told))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a worker has it so from its start
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for told in asked:
            signal.raise_signal(told)


def check_workers(workers: int) -> None:
    """Raise GlasspotError for less than one worker."""
    if workers < 1:
        raise GlasspotError(f"workers is {workers}; expected 1 or more")


def start_worker(driver: int) -> None:
    """Make this process a worker that ends with its parent, the process ``driver``."""
    # The interrupt key is for the driver, which ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Numerical libraries must not start a thread per core in every worker.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_watch_parent, args=(driver,), daemon=True).start()


def do_job(fn: Callable[..., Result], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
    """Do a job; where the worker is told to end amid it, the worker ends when the job has cleaned up."""
    global _at_work
    _at_work = True
    try:
        return fn(*args, **kwargs)
    except LeavingError:
        # The pool would take it for the job's own exception, and go on to the next job: of a queue in which another
        # worker that is leaving too may have read half an entry, or has the lock.
        os._exit(143)
    finally:
        _at_work = False


def _leave(*_: object) -> None:
    """End this worker: by an ordinary exception where it has a job, so that the engine's clean-up runs."""
    if not _at_work:
        os._exit(143)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: a second one would end the clean-up
    threading.Thread(target=_leave_for_certain, daemon=True).start()
    _say_no_more()
    raise LeavingError(143)


def _say_no_more() -> None:
    """What is interrupted anywhere may complain (a callback of the compiler, say); the terminal is the driver's."""
    handle = os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, 2)
    os.close(handle)


def _leave_for_certain() -> None:
    time.sleep(GRACE_S)
    os._exit(143)


def _watch_parent(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(PARENT_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)
