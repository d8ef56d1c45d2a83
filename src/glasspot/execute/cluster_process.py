"""The processes that Parsl starts: its interchange beside the driver, its managers and their workers on the nodes.

    python -P -m glasspot.execute.cluster_process interchange LOG < configuration
    python -P -m glasspot.execute.cluster_process manager DRIVER ARGUMENT...

Both run Parsl's own program in this process, and end it with those whom they serve. A driver that was killed with no
chance to clean up leaves nothing: the interchange sees that its parent is gone, and a manager that its driver is
(DRIVER: its process on this machine), or, on a node (DRIVER 0), that the interchange has fallen silent.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from glasspot.execute.local import GRACE_S, PARENT_POLL_S, do_job, start_worker

INTERCHANGE = "parsl.executors.high_throughput.interchange"
MANAGER = "parsl.executors.high_throughput.process_worker_pool"
_worker_of: int | None = None  # in a worker: the manager that it serves


def work(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float]:
    """Call ``function`` in a worker; return what it returns, and the seconds that it took."""
    global _worker_of
    if _worker_of is None:
        _worker_of = os.getppid()
        start_worker(_worker_of)
    began = time.monotonic()
    found = do_job(function, arguments, {})
    return found, time.monotonic() - began


def main(arguments: list[str]) -> None:
    """Become an interchange or a manager; does not return while that runs."""
    kind, first, *rest = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the interrupt key is for the driver, which ends the others itself
    if kind == "interchange":
        _write_to(first)
        _in_background(_follow_parent, os.getppid())
        _become(INTERCHANGE, rest)
    else:
        signal.signal(signal.SIGTERM, lambda *_: _end_with_workers())
        servers = _share_by_a_server_that_follows()
        _in_background(_keep_watch, int(first), servers)
        _become(MANAGER, rest)


def _become(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _write_to(path: str) -> None:
    """Send what this process prints to a file, and not to the driver's terminal."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)


def _in_background(function: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()


def _follow_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_S)
    os._exit(143)


def _keep_watch(driver: int, servers: list[Any]) -> None:
    """End this manager when its driver is gone, or the server without which Parsl would wait forever."""
    import psutil

    try:
        process = psutil.Process(driver) if driver else None
        while not any(server.exitcode is not None for server in servers):
            if process is not None and (not process.is_running() or process.status() == psutil.STATUS_ZOMBIE):
                break
            time.sleep(PARENT_POLL_S)
    except psutil.NoSuchProcess:
        pass
    _end_with_workers()


def _end_with_workers() -> None:
    """End all processes below this one, politely first, then this one."""
    from multiprocessing.resource_tracker import _resource_tracker

    import psutil

    # The tracker of shared memory ends by itself after all others, and tidies up.
    tracker = getattr(_resource_tracker, "_pid", None)
    children = [child for child in psutil.Process().children() if child.pid != tracker]
    for child in children:
        with suppress(psutil.Error):
            child.terminate()
    _, left = psutil.wait_procs(children, GRACE_S)
    for child in left:
        with suppress(psutil.Error):
            child.kill()
    os._exit(143)


def _share_by_a_server_that_follows() -> list[Any]:
    """Make Parsl's helper process, which holds what its workers share, end with this one; return a list that gets it.

    Its socket has a name of the kernel and no file, where there is such a thing: nothing is left in /tmp either.
    """
    from multiprocessing.managers import SyncManager

    from parsl.multiprocessing import SpawnContext

    servers: list[Any] = []

    def make_server() -> SyncManager:
        address = f"\0glasspot-{os.getpid()}-{os.urandom(8).hex()}" if sys.platform == "linux" else None
        server = SyncManager(address=address, ctx=SpawnContext)
        server.start(follow_to_the_end, (os.getpid(),))
        servers.append(server._process)  # type: ignore[attr-defined]
        return server

    SpawnContext.Manager = make_server
    return servers


def follow_to_the_end(parent: int) -> None:
    """End this process with its parent; called in the server of :func:`_share_by_a_server_that_follows`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _in_background(_follow_parent, parent)


if __name__ == "__main__":
    # By its own name, and not __main__: children of this process import what they call from there.
    from glasspot.execute import cluster_process

    cluster_process.main(sys.argv[1:])
