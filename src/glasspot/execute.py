"""A name -> a ``concurrent.futures.Executor``. A campaign knows only that interface.

Local workers are processes. They must not outlive the driver: each one watches its parent and ends, with the engine it
started, when the driver is gone, even when it was killed with no chance to clean up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor

from glasspot.errors import GlasspotError

ExecutorFactory = Callable[[], Executor]
PARENT_POLL_S = 0.5
GRACE_S = 6.0  # for the engine's clean-up, which gives its program 5 s


def local_workers() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def executor_factory(workers: int) -> ExecutorFactory:
    """Return a function that makes an executor with ``workers`` local processes; GlasspotError for less than one."""
    if workers < 1:
        raise GlasspotError(f"workers is {workers}; expected 1 or more")

    def make() -> Executor:
        # "spawn" starts from a clean interpreter: no locks or threads of the driver are copied.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),))

    return make


def stop(executor: Executor) -> None:
    """End an executor at once, running jobs included; finished results stay in their folders."""
    # The pool has no public way to end running work; terminating its processes is what its own breakage does.
    processes = list((getattr(executor, "_processes", None) or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)


def _start_worker(driver: int) -> None:
    # The interrupt key is for the driver, which ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Numerical libraries must not start a thread per core in every worker.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # Ends the worker by an ordinary exception, so that the engine's clean-up runs.
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_watch_parent, args=(driver,), daemon=True).start()


def _leave(*_: object) -> None:
    raise SystemExit(143)


def _watch_parent(driver: int) -> None:
    while os.getppid() == driver:
        time.sleep(PARENT_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)
    # The pool takes the exception for the job's own and would wait for the next job, forever.
    time.sleep(GRACE_S)
    os._exit(143)
