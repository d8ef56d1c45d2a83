"""A place -> the executor of its jobs. A campaign knows only ``concurrent.futures``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from glasspot.execute.local import LocalPool
from glasspot.execute.place import Place

ExecutorFactory = Callable[[], Executor]


def factory_for(place: Place, folder: Path) -> ExecutorFactory:
    """Return a function that makes the executor; ``folder``: of the run, for scripts and logs of the scheduler.

    Raises GlasspotError where a package or the scheduler's commands are missing.
    """
    if place.kind == "local":
        return lambda: LocalPool(place.workers)
    from glasspot.execute.cluster import ClusterPool, check_cluster

    check_cluster(place)
    return lambda: ClusterPool(place, folder / "cluster")


def stop(executor: Executor) -> None:
    """End an executor at once, running jobs included; finished results stay in their folders."""
    end = getattr(executor, "stop", None)
    if end is not None:
        end()
    else:
        executor.shutdown(wait=False, cancel_futures=True)
