"""How blocks are asked for, looked at and given back: Parsl's providers, with what a campaign of days needs.

Imports Parsl, so import it only where blocks are made.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobState, JobStatus
from parsl.launchers import MpiExecLauncher, SimpleLauncher, SrunLauncher
from parsl.providers import KubernetesProvider, PBSProProvider, SlurmProvider
from parsl.providers.base import ExecutionProvider

from glasspot.execute.place import Block, Place

COMMAND_S = 30  # for sbatch, squeue, scancel
END_S = 10.0  # for a block of this machine
# Why a job waits that will wait for ever, as squeue says it.
HOPELESS = {
    "AccountNotAllowed", "BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionConfig", "PartitionNodeLimit",
    "PartitionTimeLimit", "QOSNotAllowed",
}  # fmt: skip


def provider_of(place: Place, polls: float) -> Any:
    """Return Parsl's provider for a place; it is looked at every ``polls`` seconds."""
    block = place.block
    if place.kind == "parsl":
        return Here(polls, before(block), place.blocks)
    common: dict[str, Any] = {
        "init_blocks": 1,
        "min_blocks": 0,
        "max_blocks": place.blocks,
        "nodes_per_block": block.nodes,
        "worker_init": before(block),
    }
    if place.kind == "kubernetes":
        return _kubernetes(block, polls, common)
    packed = block.nodes > 1 and block.runs_per_block is None
    common |= {
        "account": block.account,
        "walltime": whole_minutes(block.walltime),
        "scheduler_options": "\n".join(block.options),
        "cmd_timeout": COMMAND_S,
    }
    if place.kind == "pbs":
        memory = [] if block.memory_per_node_gb is None else [f"mem={block.memory_per_node_gb}gb"]
        gpus = [] if block.gpus_per_node is None else [f"ngpus={block.gpus_per_node}"]
        return PBS(
            polls,
            queue=block.partition,
            cpus_per_node=block.cores_per_node or 1,
            select_options=":".join(memory + gpus),
            launcher=MpiExecLauncher() if packed else SimpleLauncher(),
            **common,
        )
    return Slurm(
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


def before(block: Block) -> str:
    """Return the shell lines before the workers: the user's come last and win."""
    threads = 1 if block.runs_per_block is not None else block.cores_per_run
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return "\n".join([*(f"export {name}={threads}" for name in names), *block.setup])


def seconds_of(walltime: str) -> float:
    """Return HH:MM:SS in seconds."""
    hours, minutes, seconds = (int(part) for part in walltime.split(":"))
    return 3600.0 * hours + 60.0 * minutes + seconds


def whole_minutes(walltime: str) -> str:
    """Return HH:MM:SS rounded up to minutes: Parsl cuts the seconds off, and Slurm takes 0 minutes for no limit."""
    minutes = max(1, -int(-seconds_of(walltime) // 60))
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def run_command(command: str, seconds: float) -> tuple[int, str, str]:
    """Run a shell command; return its exit code (124: it took too long) and what it printed.

    Parsl's own way forks the whole driver, and stands still for ever when that is just multiplying matrices by several
    threads: OpenBLAS wants them at rest before a fork. A plain start of a program needs no such fork.
    """
    words = ["/bin/sh", "-c", command]  # composed by Parsl, of a path and of names that were checked
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=seconds, stdin=subprocess.DEVNULL,
            process_group=0,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 124, "", f"{command.split()[0]} timed out after {seconds:g} s"
    return done.returncode, done.stdout, done.stderr


class Here(ExecutionProvider):
    """This machine: a block is a process group below the driver."""

    nodes_per_block, parallelism, init_blocks, min_blocks = 1, 1, 1, 0

    def __init__(self, polls: float, before: str, blocks: int) -> None:
        self.polls, self.before, self.max_blocks = polls, before, blocks
        self.script_dir: str | None = None  # set by Parsl
        self._found: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}

    @property
    def label(self) -> str:
        return "here"

    @property
    def status_polling_interval(self) -> float:
        return self.polls

    def submit(self, command: str, tasks_per_node: int, job_name: str = "glasspot") -> str:
        script = Path(self.script_dir or ".") / job_name
        script.write_text(f"{self.before}\nexec {command}\n")
        with Path(f"{script}.stdout").open("wb") as out, Path(f"{script}.stderr").open("wb") as err:
            process = subprocess.Popen(["bash", str(script)], stdout=out, stderr=err, start_new_session=True)
        self._found[str(process.pid)] = process, script
        return str(process.pid)

    def status(self, job_ids: list[str]) -> list[JobStatus]:
        return [self._state(*self._found[job_id]) for job_id in job_ids]

    @staticmethod
    def _state(process: subprocess.Popen[bytes], script: Path) -> JobStatus:
        code = process.poll()
        if code is None:
            return JobStatus(JobState.RUNNING)
        state = JobState.FAILED if code else JobState.COMPLETED
        return JobStatus(state, exit_code=code, stderr_path=f"{script}.stderr")

    def cancel(self, job_ids: list[str]) -> list[bool]:
        for job_id in job_ids:
            process, _ = self._found[job_id]
            process.terminate()  # it ends its workers
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return [True] * len(job_ids)


class Slurm(SlurmProvider):
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
        code, out, err = run_command(cmd, timeout or self.cmd_timeout)
        if code and cmd.startswith("squeue") and "Invalid job id" in err:
            return 0, "", ""  # of one job that ended so long ago that Slurm has forgotten it
        return code, out, err

    def hopeless(self, job_ids: list[str]) -> str:
        """Return why all of these jobs will wait for ever, "" where one may begin."""
        code, out, _ = self.execute_wait(f"squeue --noheader --format=%r --job '{','.join(job_ids)}'")
        reasons = set(out.split())
        return ", ".join(sorted(reasons)) if code == 0 and reasons and reasons <= HOPELESS else ""


class PBS(PBSProProvider):
    """PBS Pro and OpenPBS. What the launcher writes goes to the scripts, and not to the home folder."""

    def __init__(self, polls: float, **options: Any) -> None:
        super().__init__(**options)
        self.polls, self.before = polls, str(options["worker_init"])

    @property
    def status_polling_interval(self) -> float:
        return self.polls

    def submit(self, command: str, tasks_per_node: int, job_name: str = "glasspot") -> str:
        self.worker_init = f"cd {self.script_dir}\n{self.before}"
        return str(super().submit(command, tasks_per_node, job_name))

    def execute_wait(self, cmd: str, timeout: int | None = None) -> tuple[int, str, str]:
        return run_command(cmd, timeout or self.cmd_timeout)


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
        persistent_volumes=[(claim, path) for claim, _, path in (volume.partition(":") for volume in block.volumes)],
        **common,
    )
