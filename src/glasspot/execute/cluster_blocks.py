"""Blocks of a cluster as Parsl asks for them: the providers of the schedulers, and the executor over them.

Imports Parsl, so import it only where blocks are made.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from parsl.executors import HighThroughputExecutor
from parsl.jobs.states import JobState, JobStatus
from parsl.launchers import MpiExecLauncher, SimpleLauncher, SrunLauncher
from parsl.providers import KubernetesProvider, LocalProvider, PBSProProvider, SlurmProvider
from parsl.providers.errors import SubmitException

from glasspot.execute.place import Block, Place

PROCESS = "-P -m glasspot.execute.cluster_process"
COMMAND_S = 30  # for sbatch, squeue, scancel
ANSWER_S = 10.0  # for the interchange, beside the driver
TRY_AGAIN_S = (15.0, 300.0)  # after a refusal: first, and at most
DRAIN_MARGIN_S = 60.0


@dataclass(frozen=True)
class Pace:
    """How often it is looked, seconds: at the scheduler (its users share it), and at the nodes.

    beat: between two signs of life; silence: without one for so long, a node or the driver counts as gone.
    """

    scheduler: float = 30.0
    strategy: float = 5.0
    beat: int = 5
    silence: int = 60
    idle: float = 300.0  # then a block is given back


HERE = Pace(scheduler=2.0, strategy=1.0, beat=1, silence=30)
CLUSTER = Pace()


class Blocks(HighThroughputExecutor):
    """Parsl's executor, which asks for blocks, with the habits of a campaign.

    A scheduler that refuses is asked again after a while, not every few seconds. Near its end a block gets no run that
    it could not finish, as far as the runs before tell (longest_s). At the end all blocks are given back, busy or not.
    """

    def __init__(self, slots: int, walltime_s: float, on_refused: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self.slots = slots
        self.walltime_s = walltime_s
        self.on_refused = on_refused
        self.longest_s = 0.0
        self.closing = False
        self._refused = ""
        self._wait_s = TRY_AGAIN_S[0]
        self._not_before = 0.0

    def start(self) -> None:
        super().start()
        # A dead interchange must not keep the driver: neither by an answer that never comes, nor by words not fetched.
        ask = self.command_client.run
        self.command_client.run = lambda message, **options: ask(message, **{"timeout_s": ANSWER_S, **options})
        self.outgoing_q.zmq_socket.linger = 0

    @property
    def workers_per_node(self) -> float:
        """Parsl multiplies it by the nodes of a block."""
        return self.slots / int(self.provider.nodes_per_block)

    def _get_launch_command(self, block_id: str) -> str:
        spare = self.walltime_s - 1.2 * self.longest_s - DRAIN_MARGIN_S
        drain = str(int(spare)) if self.longest_s and spare > self.longest_s else "None"
        return str(self.launch_cmd).format(block_id=block_id, drain=drain)

    def _launch_block(self, block_id: str) -> Any:
        try:
            return super()._launch_block(block_id)
        except SubmitException as error:
            self._refused = " ".join((error.stderr or error.stdout or str(error)).split())
            raise
        except Exception as error:
            self._refused = str(error) or type(error).__name__
            raise

    def scale_out_facade(self, n: int) -> list[str]:
        """Ask for n more blocks, up to the first refusal; return those that were granted."""
        granted: list[str] = []
        if self.closing or time.monotonic() < self._not_before:
            return granted
        for _ in range(n):
            found = super().scale_out_facade(1)
            if not found:
                self._put_off()
                break
            self._wait_s = TRY_AGAIN_S[0]
            granted += found
        return granted

    def _put_off(self) -> None:
        refused = [key for key, status in self._simulated_status.items() if status.state == JobState.FAILED]
        for key in refused:  # Parsl keeps a record of each, without end
            del self._simulated_status[key]
            self._status.pop(key, None)
        self._not_before = time.monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, TRY_AGAIN_S[1])
        self.on_refused(self._refused)

    def scale_in(self, blocks: int, max_idletime: float | None = None) -> list[str]:
        """Give blocks back; at the end all of them, without asking anybody whether they are busy."""
        if not self.closing:
            # Asked for none, Parsl takes every block that has not begun.
            return list(super().scale_in(blocks, max_idletime)) if blocks > 0 else []
        left = [block_id for block_id, status in self._status.items() if not status.terminal]
        left = [block_id for block_id in left if block_id in self.blocks_to_job_id]
        if left:
            self.provider.cancel([self.blocks_to_job_id[block_id] for block_id in left])
        return left

    def live_blocks(self, states: Mapping[str, JobStatus]) -> int:
        """Return how many blocks wait or run."""
        return sum(not status.terminal for status in states.values())


def blocks(place: Place, label: str, folder: Path, driver: int, on_refused: Callable[[str], None],
           on_looked: Callable[[Blocks, dict[str, JobStatus]], None]) -> Blocks:  # fmt: skip
    """Return Parsl's executor for a place; ``folder``: for its logs, ``driver``: the process that it serves.

    on_refused: told the scheduler's words. on_looked: told the state of all blocks, after each look at the scheduler.
    """
    block, pace = place.block, pace_of(place)
    here = place.kind == "parsl"
    per_node = place.slots if here else (block.runs_per_block or block.slots // block.nodes)
    python = "python3" if place.kind == "kubernetes" else shlex.quote(sys.executable)
    manager = (
        f"{python} {PROCESS} manager {driver if here else 0} -a {{addresses}} -p 0 -c 0.001 -m None "
        f"--max_workers_per_node={per_node} --poll {{poll_period}} --port={{worker_port}} --cert_dir {{cert_dir}} "
        "--logdir={logdir} --block_id={{block_id}} --hb_period={heartbeat_period} "
        "--hb_threshold={heartbeat_threshold} --drain_period={{drain}} --cpu-affinity none "
        "--available-accelerators {accelerators}"
    )
    log = str(folder / "interchange.out")
    address = "127.0.0.1" if here else block.address
    executor = Blocks(
        slots=place.slots if here else block.slots,
        walltime_s=float("inf") if here else seconds_of(block.walltime),
        on_refused=on_refused,
        label=label,
        provider=provider_of(place),
        launch_cmd=manager,
        interchange_launch_cmd=[sys.executable, *PROCESS.split(), "interchange", log],
        # Without an address Parsl would ask a service of the internet for ours.
        address=address or "127.0.0.1",
        cores_per_worker=0.001,  # max_workers_per_node alone decides
        max_workers_per_node=per_node,
        # Each run its GPU, where there are as many runs as GPUs; else it is left to the engine's command.
        available_accelerators=per_node if not here and per_node == block.gpus_per_node else (),
        heartbeat_period=pace.beat,
        heartbeat_threshold=pace.silence,
        block_error_handler=on_looked,
        encrypted=True,
    )
    if address is None:
        executor.address = None  # listen to all networks; the keys keep strangers out
        executor.all_addresses = own_addresses()
    return executor


def pace_of(place: Place) -> Pace:
    """Return how often it is looked at the scheduler and the nodes of a place."""
    return HERE if place.kind == "parsl" else CLUSTER


def own_addresses() -> set[str]:
    """Return the IPv4 addresses of this machine."""
    return {a.address for found in psutil.net_if_addrs().values() for a in found if a.family.name == "AF_INET"}


def seconds_of(walltime: str) -> float:
    """Return HH:MM:SS in seconds."""
    hours, minutes, seconds = (int(part) for part in walltime.split(":"))
    return 3600.0 * hours + 60.0 * minutes + seconds


def whole_minutes(walltime: str) -> str:
    """Return HH:MM:SS rounded up to minutes: Parsl cuts the seconds off, and Slurm takes 0 minutes for no limit."""
    minutes = max(1, -int(-seconds_of(walltime) // 60))
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def provider_of(place: Place) -> Any:
    """Return Parsl's provider for a place."""
    block, polls = place.block, pace_of(place).scheduler
    common: dict[str, Any] = {"init_blocks": 1, "min_blocks": 0, "max_blocks": place.blocks}
    if place.kind == "parsl":
        return _Here(polls, launcher=SimpleLauncher(), worker_init=_before(block), cmd_timeout=COMMAND_S, **common)
    common |= {"nodes_per_block": block.nodes, "worker_init": _before(block)}
    packed = block.nodes > 1 and block.runs_per_block is None
    if place.kind == "kubernetes":
        return _kubernetes(block, polls, common)
    common |= {
        "account": block.account,
        "walltime": whole_minutes(block.walltime),
        "scheduler_options": "\n".join(block.options),
        "cmd_timeout": COMMAND_S,
    }
    if place.kind == "pbs":
        memory = [] if block.memory_per_node_gb is None else [f"mem={block.memory_per_node_gb}gb"]
        gpus = [] if block.gpus_per_node is None else [f"ngpus={block.gpus_per_node}"]
        return _PBS(
            polls,
            queue=block.partition,
            cpus_per_node=block.cores_per_node or 1,
            select_options=":".join(memory + gpus),
            launcher=MpiExecLauncher() if packed else SimpleLauncher(),
            **common,
        )
    return _Slurm(
        polls,
        one_task=block.runs_per_block is None,
        partition=block.partition,
        qos=block.qos,
        cores_per_node=block.cores_per_node,
        mem_per_node=block.memory_per_node_gb,
        gpus_per_node=block.gpus_per_node,
        exclusive=False,
        launcher=SrunLauncher() if packed else SimpleLauncher(),
        **common,
    )


def _before(block: Block) -> str:
    """Return the shell lines before a manager: the user's come last and win."""
    threads = 1 if block.runs_per_block is not None else block.cores_per_run
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return "\n".join([*(f"export {name}={threads}" for name in names), *block.setup])


class _Here(LocalProvider):
    """This machine; ends its processes for certain."""

    def __init__(self, polls: float, **options: Any) -> None:
        super().__init__(**options)
        self.polls = polls

    @property
    def status_polling_interval(self) -> float:
        return self.polls

    def cancel(self, job_ids: list[str]) -> list[bool]:
        found = [process for job_id in job_ids for process in _below(int(job_id))]
        super().cancel(job_ids)
        _, left = psutil.wait_procs(found, COMMAND_S)
        for process in left:
            process.kill()
        return [True] * len(job_ids)


def _below(pid: int) -> list[Any]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class _Slurm(SlurmProvider):
    """Slurm; with one_task False the cores of a node are single tasks, for the srun of an engine's command."""

    def __init__(self, polls: float, one_task: bool, **options: Any) -> None:
        super().__init__(**options)
        self.polls, self.one_task = polls, one_task

    @property
    def status_polling_interval(self) -> float:
        return self.polls

    def submit(self, command: str, tasks_per_node: int, job_name: str = "glasspot") -> str:
        tasks = tasks_per_node if self.one_task else self.cores_per_node or 1
        return str(super().submit(command, tasks, job_name))

    def execute_wait(self, cmd: str, timeout: int | None = None) -> tuple[int, str, str]:
        code, out, err = super().execute_wait(cmd, timeout)
        if code and cmd.startswith("squeue") and "Invalid job id" in err:
            return 0, "", ""  # of one job that ended so long ago that Slurm has forgotten it
        return code, out, err


class _PBS(PBSProProvider):
    def __init__(self, polls: float, **options: Any) -> None:
        super().__init__(**options)
        self.polls = polls

    @property
    def status_polling_interval(self) -> float:
        return self.polls


def _kubernetes(block: Block, polls: float, common: dict[str, Any]) -> Any:
    cores = float(block.cores_per_node or 1)
    memory = f"{block.memory_per_node_gb or 2 * max(1, int(cores))}Gi"
    gpus = {} if block.gpus_per_node is None else {"nvidia.com/gpu": str(block.gpus_per_node)}

    class Kubernetes(KubernetesProvider):
        @property
        def status_polling_interval(self) -> float:
            return polls

    return Kubernetes(
        image=block.image,
        namespace=block.namespace or "default",
        max_cpu=cores,
        init_cpu=cores,
        max_mem=memory,
        init_mem=memory,
        extra_limits=gpus,
        extra_requests=gpus,
        **common,
    )
