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
from parsl.providers.errors import SubmitException

from glasspot.execute.cluster_providers import provider_of, seconds_of
from glasspot.execute.place import Place

PROCESS = "-P -m glasspot.execute.cluster_process"
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
        known = self.longest_s > 0 and self.longest_s < spare < float("inf")
        drain = str(int(spare)) if known else "None"
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

    def hopeless(self, states: Mapping[str, JobStatus]) -> str:
        """Return why the blocks that wait will never begin; "" where none waits, one runs, or nobody says so."""
        live = {key: status.state for key, status in states.items() if not status.terminal}
        ask = getattr(self.provider, "hopeless", None)
        if ask is None or not live or any(state != JobState.PENDING for state in live.values()):
            return ""
        return str(ask([self.blocks_to_job_id[key] for key in live if key in self.blocks_to_job_id]))


def live_blocks(states: Mapping[str, JobStatus]) -> int:
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
        provider=provider_of(place, pace.scheduler),
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
    own = own_addresses()
    if address not in own:
        executor.address = None  # listen to all networks; the keys keep strangers out
    if address is None:
        executor.all_addresses = own
    return executor


def pace_of(place: Place) -> Pace:
    """Return how often it is looked at the scheduler and the nodes of a place."""
    return HERE if place.kind == "parsl" else CLUSTER


def own_addresses() -> set[str]:
    """Return the IPv4 addresses of this machine."""
    return {a.address for found in psutil.net_if_addrs().values() for a in found if a.family.name == "AF_INET"}
