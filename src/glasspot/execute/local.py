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
from concurrent.futures import ProcessPoolExecutor

from glasspot.errors import GlasspotError

PARENT_POLL_S = 0.5
GRACE_S = 6.0  # for the engine's clean-up, which gives its program 5 s


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
    # Ends the worker by an ordinary exception, so that the engine's clean-up runs.
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_watch_parent, args=(driver,), daemon=True).start()


def _leave(*_: object) -> None:
    # The pool takes the exception for the job's own: it would wait for the next job forever, or for a lock that another
    # worker held when it was killed.
    threading.Thread(target=_leave_for_certain, daemon=True).start()
    raise SystemExit(143)


def _leave_for_certain() -> None:
    time.sleep(GRACE_S)
    os._exit(143)


def _watch_parent(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(PARENT_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)
