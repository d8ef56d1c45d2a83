"""An executor over the blocks of a cluster, by Parsl. What happens to a job there is said in the words of a campaign.

A job whose worker is gone is lost (JobLostError), and only that one. When no block can be had any more, or the
interchange of Parsl is gone, all jobs end with the reason.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from glasspot.errors import GlasspotError, RunFailedError
from glasspot.execute.cluster_process import work
from glasspot.execute.lost import JobLostError
from glasspot.execute.place import Place
from glasspot.extras import need

COMMANDS = {"slurm": ("sbatch", "squeue", "scancel"), "pbs": ("qsub", "qstat", "qdel")}
# What Parsl writes stands unquoted in shell scripts.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+,@%:=-]+")
# Words of a scheduler that is away for a while, or that takes no more at the moment.
PASSING = re.compile(
    r"unable to contact|timed out|connection refused|connection failure|communication|temporar|try again|not respond"
    r"|limit.*(submit|reached)|submit.*limit|maxsubmit|would exceed|batch_connect|cannot connect|expired",
    re.IGNORECASE,
)
PATIENCE_S = 3600.0  # with a scheduler that is away, while no block waits or runs
BAD_STARTS = 3  # blocks in a row that ended before their workers had been heard of
WATCH_S = 0.5
Result = TypeVar("Result")


def check_cluster(place: Place) -> None:
    """Raise GlasspotError where Parsl, Kubernetes' package or the scheduler's commands are missing."""
    need("parsl", "Parsl", "cluster", f'executor = "{place.kind}"')
    if place.kind == "kubernetes":
        need("kubernetes", "the package kubernetes", "kubernetes", 'executor = "kubernetes"')
    missing = [command for command in COMMANDS.get(place.kind, ()) if shutil.which(command) is None]
    if missing:
        raise GlasspotError(
            f'executor = "{place.kind}" needs the command {missing[0]}, which is not on the PATH; run glasspot on a '
            'login node of the cluster (or load its module there), or use executor = "local"'
        )
    if place.kind == "pbs" and place.block.qos is not None:
        raise GlasspotError('qos is of Slurm; with executor = "pbs" give a line of options, such as "#PBS -l qos=..."')


class ClusterPool(Executor):
    """Runs functions on the blocks of ``place``; all that is written lies under ``folder``.

    GlasspotError where the folder's name cannot stand in a batch script. A future ends with JobLostError when its
    worker is gone, with GlasspotError or RunFailedError when there can be no more blocks, BrokenExecutor when the
    interchange has died.
    """

    def __init__(self, place: Place, folder: Path) -> None:
        need("parsl", "Parsl", "cluster", f'executor = "{place.kind}"')
        from glasspot.execute import cluster_blocks, cluster_left

        folder = folder.resolve()
        if not PLAIN_PATH.fullmatch(str(folder)):
            raise GlasspotError(
                f"the folder {str(folder.parent)!r} cannot stand in a batch script; on a cluster, use a folder with "
                "letters, digits and . _ - / + , @ % : = in its path"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._place = place
        self._out: dict[Future[Any], None] = {}
        self._lock = threading.Lock()
        self._trouble: BaseException | None = None
        self._refused_since: float | None = None
        self._looks_s = 0.0
        self._alive = cluster_blocks.live_blocks
        self._stopped = threading.Event()
        self._log = _log_to(folder / "parsl.log")
        # The same for every driver of this folder: so it finds what one before it has left in the queue.
        label = f"glasspot-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
        cluster_left.cancel_what_is_left(place, label)
        self._blocks = cluster_blocks.blocks(place, label, folder, os.getpid(), self._refused, self._looked)
        try:
            self._pool, self._kernel = _start(self._blocks, folder, cluster_blocks.pace_of(place))
        except Exception as error:
            if self._blocks.interchange_proc is not None:
                self._blocks.interchange_proc.kill()
            raise RunFailedError(f"Parsl does not start ({error}); look into {folder}, *.log and *.out") from error
        threading.Thread(target=self._watch, daemon=True, name="glasspot-watch-interchange").start()

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Give a call to a worker; the function and its arguments must be picklable."""
        if kwargs:
            raise TypeError("ClusterPool.submit takes positional arguments only")
        if self._stopped.is_set():
            raise RuntimeError("the executor was stopped")
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._trouble is not None:
                raise self._trouble
            self._out[future] = None
        # A worker begins in another folder.
        whole = tuple(arg.resolve() if isinstance(arg, Path) else arg for arg in args)
        self._pool.submit(work, fn, whole).add_done_callback(lambda inner: self._answer(inner, future))
        return future

    def stop(self) -> None:
        """End at once, running jobs included, and give all blocks back; finished results stay in their folders."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._blocks.closing = True
        self._end_all(BrokenExecutor("the executor was stopped"))
        try:
            self._kernel.cleanup()
        finally:
            logging.getLogger("parsl").removeHandler(self._log)
            self._log.close()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End; with ``wait`` only after all jobs have ended, unless they are cancelled."""
        while wait and not cancel_futures and self._out and self._trouble is None:
            time.sleep(WATCH_S / 10)
        self.stop()

    def _answer(self, inner: Future[Any], outer: Future[Any]) -> None:
        error = inner.exception()
        with self._lock:
            if self._out.pop(outer, 0) == 0:
                return  # ended by other means
        if error is None:
            found, seconds = inner.result()
            self._blocks.longest_s = max(self._blocks.longest_s, seconds)
            outer.set_result(found)
        else:
            outer.set_exception(_in_our_words(error))

    def _end_all(self, trouble: BaseException) -> None:
        """End all jobs with an error; those to come as well."""
        with self._lock:
            self._trouble = self._trouble or trouble
            left = list(self._out)
            self._out.clear()
        for future in left:
            future.set_exception(self._trouble)

    def _watch(self) -> None:
        """Parsl does not see that its interchange has died, and would wait forever."""
        while not self._stopped.wait(WATCH_S):
            if self._blocks.interchange_proc.poll() is None:
                continue
            self._stopped.wait(WATCH_S)  # for its last words: that the nodes have another Python, or another Parsl
            words = self._blocks.executor_exception
            if words is None:
                self._end_all(BrokenExecutor("the interchange of Parsl has ended"))
            else:
                self._end_all(RunFailedError(f"the nodes cannot be used: {' '.join(str(words).split())}"))
            return

    def _refused(self, words: str) -> None:
        """The scheduler has refused a block, with these words."""
        logging.getLogger("parsl").error("refused: %s", words)
        now = time.monotonic()
        self._refused_since = self._refused_since or now
        if self._alive(self._blocks.status_facade):
            return  # fewer blocks than asked for
        if not PASSING.search(words):
            self._end_all(_refusal(self._place, _last(words)))
        elif now - self._refused_since > PATIENCE_S:
            self._end_all(
                RunFailedError(
                    f"{self._place.kind} has taken no block for {PATIENCE_S / 60:.0f} minutes: {_last(words)}; what "
                    "was finished is kept, use --resume"
                )
            )

    def _looked(self, executor: Any, states: dict[str, Any]) -> None:
        """After each look at the scheduler: give up when blocks end again and again before their workers speak."""
        if self._alive(states):
            self._refused_since = None
        if self._looks_s != executor._last_poll_time:
            self._looks_s = executor._last_poll_time
            why = executor.hopeless(states)
            if why:
                self._end_all(_refusal(self._place, f"a block would wait for ever ({why})"))
        ended = [states[key] for key in sorted(states, key=int) if states[key].terminal]
        ended = [state for state in ended if state.status_name != "SCALED_IN"][-BAD_STARTS:]
        if len(ended) < BAD_STARTS or any(state.status_name != "MISSING" for state in ended):
            return
        if not executor.connected_managers():
            words = _last(ended[-1].stderr_summary or "") or "nothing was printed"
            where = ended[-1].stderr_path or str(executor.run_dir)
            self._end_all(
                RunFailedError(
                    f"{BAD_STARTS} blocks of {self._place.kind} ended before their workers could begin: {words}; look "
                    f"into {where}, mend [run] (setup, address, walltime), then use --resume"
                )
            )


def _refusal(place: Place, words: str) -> GlasspotError:
    return GlasspotError(
        f"{place.kind} refuses a block: {words}; mend [run] (partition, account, qos, nodes, cores_per_node, "
        "memory_per_node_gb, walltime, options), then use --resume"
    )


def _start(blocks: Any, folder: Path, pace: Any) -> tuple[Any, Any]:
    """Start Parsl; return its executor and its kernel. Its own retries are off: the campaign decides."""
    from parsl import Config, DataFlowKernel
    from parsl.concurrent import ParslPoolExecutor

    kernel = DataFlowKernel(
        Config(
            executors=[blocks],
            run_dir=str(folder),
            retries=0,
            strategy="htex_auto_scale",
            strategy_period=pace.strategy,
            max_idletime=pace.idle,
            usage_tracking=0,
            initialize_logging=False,
        )
    )
    return ParslPoolExecutor(dfk=kernel), kernel


def _log_to(path: Path) -> logging.Handler:
    """Write what Parsl says about blocks to a file; of single tasks only what went wrong."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("parsl")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logging.getLogger("parsl.dataflow").setLevel(logging.WARNING)
    return handler


def _in_our_words(error: BaseException) -> BaseException:
    """Return what a campaign understands of how a job ended."""
    from parsl.errors import ParslError
    from parsl.executors.errors import BadStateException
    from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

    if isinstance(error, BadStateException):
        return RunFailedError(f"the cluster cannot be used: {error.reason}")
    if isinstance(error, ManagerLost):
        return JobLostError(f"its node {error.hostname} was not heard of any more")
    if isinstance(error, WorkerLost):
        return JobLostError(f"its worker on {error.hostname} died")
    if isinstance(error, ParslError):
        return JobLostError(" ".join(str(error).split()))
    return error


def _last(words: str) -> str:
    """Return the end of a program's message as one line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    text = lines[-1] if lines else ""
    with suppress(ValueError):
        text = text[text.rindex("failed: ") + 8 :]
    return text
