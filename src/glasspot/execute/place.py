"""Where the jobs of a campaign run, and the executor for it. A campaign knows only ``concurrent.futures``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from glasspot.execute.local import LocalPool, check_workers, local_workers

ExecutorFactory = Callable[[], Executor]
Kind = Literal["local", "parsl", "slurm", "pbs", "kubernetes"]


@dataclass(frozen=True)
class Block:
    """One request to the scheduler, as the keys of [run] say it; None where the cluster's own default stands.

    nodes: of a block. cores_per_node: to use on each. cores_per_run: of one MD run, so that cores_per_node /
    cores_per_run runs share a node. runs_per_block: that many runs side by side, started on the block's first node,
    each free to use all of them (an engine command such as "srun -n 32 lmp"). walltime: HH:MM:SS. setup: shell lines
    before the workers start. options: lines for the head of the batch script. image, namespace, volumes (CLAIM:/PATH):
    of Kubernetes.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    nodes: int = 1
    cores_per_node: int | None = None
    cores_per_run: int = 1
    memory_per_node_gb: int | None = None
    gpus_per_node: int | None = None
    runs_per_block: int | None = None
    walltime: str = "04:00:00"
    setup: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    address: str | None = None
    image: str | None = None
    namespace: str | None = None
    volumes: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """Runs that go on side by side in one block."""
        if self.runs_per_block is not None:
            return self.runs_per_block
        return self.nodes * max(1, (self.cores_per_node or 1) // self.cores_per_run)


@dataclass(frozen=True)
class Place:
    """kind "local": ``workers`` processes here. Else up to ``blocks`` blocks, asked for through Parsl as jobs wait.

    With "parsl" the block is this machine with ``workers`` processes: the way of the clusters without a cluster.
    keep_folders: whether the folder of a run that ended well stays when its outcome is in the store.
    """

    kind: Kind = "local"
    workers: int = 1
    blocks: int = 1
    block: Block = Block()
    keep_folders: bool = True

    def __post_init__(self) -> None:
        check_workers(self.workers)

    @property
    def slots(self) -> int:
        """Runs that go on side by side when all blocks have come."""
        return self.workers if self.kind in ("local", "parsl") else self.blocks * self.block.slots

    @property
    def words(self) -> str:
        """Say it for a person: "4 workers", "slurm, up to 3 blocks of 32 runs"."""
        if self.kind in ("local", "parsl"):
            return _count(self.workers, "worker") + (" by Parsl" if self.kind == "parsl" else "")
        return f"{self.kind}, up to {_count(self.blocks, 'block')} of {_count(self.block.slots, 'run')}"

    def factory(self, folder: Path) -> ExecutorFactory:
        """Return a function that makes the executor; ``folder``: of the run, for scripts and logs of the scheduler.

        Raises GlasspotError where a package or the scheduler's commands are missing.
        """
        if self.kind == "local":
            return lambda: LocalPool(self.workers)
        from glasspot.execute.cluster import ClusterPool, check_cluster

        check_cluster(self)
        return lambda: ClusterPool(self, folder / "cluster")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + "s" * (number != 1)


def here(workers: int | None = None) -> Place:
    """Return this machine with ``workers`` processes; None: one a processor."""
    return Place(workers=local_workers() if workers is None else workers)


def stop(executor: Executor) -> None:
    """End an executor at once, running jobs included; finished results stay in their folders."""
    end = getattr(executor, "stop", None)
    if end is not None:
        end()
    else:
        executor.shutdown(wait=False, cancel_futures=True)
