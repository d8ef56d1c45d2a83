"""Where the jobs of a campaign run, as plain values: this machine, or blocks of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glasspot.execute.local import check_workers, local_workers

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


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + "s" * (number != 1)


def here(workers: int | None = None) -> Place:
    """Return this machine with ``workers`` processes; None: one a processor."""
    return Place(workers=local_workers() if workers is None else workers)
