"""[run] for clusters: what is refused, what the scheduler is asked for, and jobs that are lost. No scheduler needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from glasspot.errors import GlasspotError, RunFailedError
from glasspot.execute.executors import factory_for, stop
from glasspot.execute.local import check_workers
from glasspot.execute.lost import JobLostError
from glasspot.execute.place import Block, Place
from glasspot.run_table import RunTable

pytest.importorskip("parsl", reason="needs the extra cluster")

from glasspot.execute import cluster, cluster_blocks, cluster_left, cluster_providers
from glasspot.execute.cluster import ClusterPool, check_cluster

SLURM = """#!/bin/sh
case "$(basename "$0")" in
  sbatch) echo "$@" >>"$HERE/asked"; echo "Submitted batch job 7";;
  squeue) [ -z "$FORGOTTEN" ] || { echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; }
    echo "$QUEUE";;
  scancel) echo "$@" >>"$HERE/cancelled";;
  sacct) exit 1;;
esac
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands with the names of Slurm's, which say what a test tells them to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "scancel", "sacct"):
        (folder / name).write_text(SLURM)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HERE", str(tmp_path))
    for name in ("QUEUE", "FORGOTTEN"):
        monkeypatch.setenv(name, "")
    return tmp_path


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"partition": "a b"}, "one word"),
        ({"partition": "a;rm"}, "one word"),
        ({"account": "--x"}, "one word"),
        ({"qos": "$(id)"}, "one word"),
        ({"walltime": "4h"}, "hours, minutes and seconds"),
        ({"walltime": "1:99:00"}, "hours, minutes and seconds"),
        ({"setup": ["a\nb"]}, "one line an entry"),
        ({"options": ["rm -rf x"]}, "lines of the scheduler"),
        ({"options": ["#SBATCH a\n rm"]}, "one line an entry"),
        ({"workers": 3}, "cores_per_node"),
        ({"image": "x"}, "kubernetes"),
        ({"nodes": 0}, "greater than"),
        ({"executor": "local", "partition": "x"}, "for clusters"),
        ({"executor": "kubernetes"}, "needs image"),
        ({"executor": "kubernetes", "image": "x", "volumes": ["data"]}, "claim of a volume"),
        ({"executor": "grid"}, "Input should be"),
    ],
)
def test_what_cannot_stand_in_a_batch_script_is_refused(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RunTable(**{"executor": "slurm", **keys})  # type: ignore[arg-type]


def test_a_place_says_what_runs_side_by_side() -> None:
    table = RunTable(executor="slurm", nodes=2, cores_per_node=32, cores_per_run=4, blocks=3)
    assert table.place().words == "slurm, up to 3 blocks of 16 runs" and table.place().slots == 48
    assert RunTable(executor="slurm", nodes=4, runs_per_block=2).place().slots == 2
    assert RunTable(executor="parsl", workers=3).place().words == "3 workers by Parsl"
    with pytest.raises(GlasspotError, match="--workers is for executor"):
        table.place(4)


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GlasspotError, match="needs the command sbatch, which is not on the PATH"):
        check_cluster(Place("slurm"))
    with pytest.raises(GlasspotError, match="needs the command qsub"):
        factory_for(Place("pbs"), tmp_path)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(GlasspotError, match=r'pip install "glasspot\[kubernetes\]"'):
        check_cluster(Place("kubernetes", block=Block(image="x")))
    monkeypatch.setitem(sys.modules, "parsl", None)
    with pytest.raises(GlasspotError, match=r'pip install "glasspot\[cluster\]"'):
        check_cluster(Place("parsl"))


@pytest.mark.parametrize("name", ["a b", "a;b", "a$b", "a'b", "a{b}", "a\nb", "aé"])
def test_a_folder_that_would_break_a_script_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(GlasspotError, match="cannot stand in a batch script"):
        ClusterPool(Place("parsl"), tmp_path / name / "cluster")
    assert not (tmp_path / name).exists()


def test_the_script_for_pbs(slurm: Path) -> None:
    (slurm / "bin" / "qsub").write_text('#!/bin/sh\necho "$@" >"$HERE/asked"\necho 7\n')
    (slurm / "bin" / "qsub").chmod(0o755)
    block = Block("short", "glass", None, 2, 32, 1, 64, 2, None, "00:30:00", ("module load x",), ("#PBS -V",))
    text = script_of(cluster_providers.provider_of(Place("pbs", block=block), 30), slurm)
    assert "#PBS -l select=2:ncpus=32:mem=64gb:ngpus=2\n" in text and "#PBS -l walltime=00:30:00\n" in text
    assert "#PBS -V\n" in text and "module load x" in text and "mpiexec" in text
    assert f"cd {slurm}\n" in text  # and not the home folder, where PBS begins
    assert "-q short -A glass" in (slurm / "asked").read_text()


def script_of(provider: object, folder: Path) -> str:
    """Return the batch script for a command."""
    provider.script_dir = str(folder)  # type: ignore[attr-defined]
    before = set(folder.iterdir())
    assert provider.submit("workers", 1, "name") == "7"  # type: ignore[attr-defined]
    return next(path for path in set(folder.iterdir()) - before if path.name.startswith("name.")).read_text()


def test_the_script_for_slurm(slurm: Path) -> None:
    block = Block("short", "glass", "high", 1, 32, 4, 64, 2, None, "01:30:20", ("module load x",), ("#SBATCH -v",))
    text = script_of(cluster_providers.provider_of(Place("slurm", block=block), 30), slurm)
    for line in ("--partition=short", "--account=glass", "--qos=high", "--nodes=1", "--cpus-per-task=32", "--mem=64g",
                 "--gpus-per-node=2", "--time=91", "--ntasks-per-node=1"):  # fmt: skip
        assert f"#SBATCH {line}\n" in text
    assert "--exclusive" not in text and "#SBATCH -v\n" in text
    assert text.index("OMP_NUM_THREADS=4") < text.index("module load x") < text.index("\nworkers")
    assert "srun" not in text


def test_nodes_that_are_packed_get_workers_each_and_a_command_of_its_own_gets_the_tasks(slurm: Path) -> None:
    packed = Place("slurm", block=Block(nodes=3, cores_per_node=8))
    assert "srun --ntasks 3" in script_of(cluster_providers.provider_of(packed, 30), slurm)
    own = Place("slurm", block=Block(nodes=3, cores_per_node=8, runs_per_block=2))
    text = script_of(cluster_providers.provider_of(own, 30), slurm)
    assert "srun" not in text and "--ntasks-per-node=8\n" in text and "--cpus-per-task=1" in text
    blocks = cluster_blocks.blocks(own, "x", slurm, 1, lambda _: None, lambda *_: None)
    assert blocks.workers_per_node * blocks.provider.nodes_per_block == own.block.slots == 2


def test_each_run_gets_its_gpu_where_there_are_as_many(slurm: Path) -> None:
    for gpus, runs, pinned in ((4, 4, ["0", "1", "2", "3"]), (4, 1, []), (None, 4, [])):
        place = Place("slurm", block=Block(cores_per_node=runs, gpus_per_node=gpus))
        blocks = cluster_blocks.blocks(place, "x", slurm, 1, lambda _: None, lambda *_: None)
        assert blocks.available_accelerators == pinned


def test_where_the_driver_listens_and_what_the_nodes_are_told(slurm: Path) -> None:
    own = cluster_blocks.own_addresses()
    assert "127.0.0.1" in own
    for given, listens, told in ((None, None, own), ("127.0.0.1", "127.0.0.1", {"127.0.0.1"}),
                                 ("198.51.100.1", None, {"198.51.100.1"})):  # fmt: skip
        place = Place("slurm", block=Block(address=given))
        blocks = cluster_blocks.blocks(place, "x", slurm, 1, lambda _: None, lambda *_: None)
        assert blocks.address == listens and blocks.all_addresses == told


def test_pbs_is_asked_for_the_same() -> None:
    block = Block("short", "glass", None, 2, 32, 1, 64, 2, None, "00:00:30", (), ("#PBS -V",))
    provider = cluster_providers.provider_of(Place("pbs", blocks=5, block=block), 30)
    assert (provider.queue, provider.account, provider.cpus_per_node) == ("short", "glass", 32)
    assert provider.select_options == "mem=64gb:ngpus=2" and provider.walltime == "00:01:00"
    assert (provider.max_blocks, provider.nodes_per_block, provider.scheduler_options) == (5, 2, "#PBS -V")


def test_kubernetes_is_asked_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    class Provider:
        def __init__(self, **options: object) -> None:
            asked.update(options)

    monkeypatch.setattr(cluster_providers, "KubernetesProvider", Provider)
    block = Block(cores_per_node=8, gpus_per_node=1, image="glass:1", namespace="lab", setup=("x",),
                  volumes=("data:/d/e",))  # fmt: skip
    cluster_providers.provider_of(Place("kubernetes", blocks=2, block=block), 30)
    assert asked["image"] == "glass:1" and asked["namespace"] == "lab" and asked["max_blocks"] == 2
    assert asked["max_cpu"] == asked["init_cpu"] == 8 and asked["max_mem"] == "16Gi"
    assert asked["persistent_volumes"] == [("data", "/d/e")]
    assert asked["extra_limits"] == {"nvidia.com/gpu": "1"} and str(asked["worker_init"]).endswith("x")


def test_wall_times_are_rounded_up_and_near_the_end_a_block_gets_no_long_run(slurm: Path) -> None:
    assert [cluster_providers.whole_minutes(text) for text in ("00:00:10", "01:30:01", "100:00:00")] == [
        "00:01:00", "01:31:00", "100:00:00",
    ]  # fmt: skip
    place = Place("slurm", block=Block(walltime="01:00:00"))
    blocks = cluster_blocks.blocks(place, "x", slurm, 1, lambda _: None, lambda *_: None)
    blocks.launch_cmd = "{block_id} {drain}"
    assert blocks._get_launch_command("0") == "0 None"  # nothing is known of the runs
    blocks.longest_s = 600.0
    assert blocks._get_launch_command("1") == f"1 {3600 - 720 - 60}"
    blocks.longest_s = 3000.0
    assert blocks._get_launch_command("2") == "2 None"  # it would hardly get any
    blocks.walltime_s = float("inf")
    assert blocks._get_launch_command("3") == "3 None"  # this machine has no wall time


def test_a_job_that_slurm_has_forgotten_has_ended(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = cluster_providers.provider_of(Place("slurm"), 30)
    script_of(provider, slurm)
    monkeypatch.setenv("QUEUE", "7 R")
    assert provider.status(["7"])[0].status_name == "RUNNING"
    monkeypatch.setenv("FORGOTTEN", "yes")
    assert provider.status(["7"])[0].status_name == "COMPLETED"


def test_jobs_that_will_wait_for_ever_are_seen(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = cluster_providers.provider_of(Place("slurm"), 30)
    for said, why in (("PartitionConfig", "PartitionConfig"), ("Resources", ""), ("PartitionConfig\nPriority", "")):
        monkeypatch.setenv("QUEUE", said)
        assert provider.hopeless(["7"]) == why


def test_only_the_blocks_of_an_earlier_driver_of_the_folder_are_cancelled(
    slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE", "5 parsl.glasspot-aa.block-0.1\n6 parsl.glasspot-bb.block-0.1\n8 my job")
    cluster_left.cancel_what_is_left(Place("slurm"), "glasspot-aa")
    assert (slurm / "cancelled").read_text() == "5\n"


def test_what_passes_is_told_from_what_does_not() -> None:
    for words in ("Unable to contact slurm controller (connect failure)", "Socket timed out on send/recv operation",
                  "Batch job submission failed: Job violates accounting/QOS policy (job submit limit)"):  # fmt: skip
        assert cluster.PASSING.search(words)
    for words in ("Invalid partition name specified", "Invalid account or account/partition combination specified",
                  "Requested node configuration is not available", "Invalid qos specification"):  # fmt: skip
        assert not cluster.PASSING.search(words)


def test_a_command_that_hangs_is_given_up() -> None:
    code, _, said = cluster_providers.run_command("sleep 60", 0.2)
    assert code == 124 and "timed out" in said


def test_no_command_of_a_scheduler_forks_the_driver(slurm: Path) -> None:
    """A fork in one thread stands still for ever while another multiplies matrices by OpenBLAS."""
    forks: list[bool] = []
    os.register_at_fork(before=lambda: forks.append(True))
    for kind in ("slurm", "pbs"):
        provider = cluster_providers.provider_of(Place(kind), 30)  # type: ignore[arg-type]
        assert provider.execute_wait("echo $((1 + 1))") == (0, "2\n", "")
    script_of(cluster_providers.provider_of(Place("slurm"), 30), slurm)
    assert not forks


def test_asked_to_give_no_block_back_none_is_given_back(slurm: Path) -> None:
    blocks = cluster_blocks.blocks(Place("slurm"), "x", slurm, 1, lambda _: None, lambda *_: None)
    assert blocks.scale_in(0, 1.0) == []  # without asking the interchange, which does not run here


def alive(process: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def wait_until_gone(process: int) -> bool:
    end = time.monotonic() + 20
    while alive(process) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(process)


def test_jobs_by_parsl_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed worker costs one job; an interchange that is gone all; in the end nothing is left, here or elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    pool = ClusterPool(Place("parsl", 1), tmp_path / "cluster")
    try:
        worker = pool.submit(os.getpid).result(60)
        assert worker != os.getpid()
        assert pool.submit(os.path.isabs, Path("jobs/x")).result(60)  # a worker may begin in another folder
        with pytest.raises(GlasspotError, match="workers is 0"):  # of the job itself
            pool.submit(check_workers, 0).result(60)
        with pytest.raises(JobLostError, match="died"):
            pool.submit(os._exit, 9).result(60)
        again = pool.submit(os.getpid).result(60)
        assert again != worker
        waiting = pool.submit(time.sleep, 600)
        interchange = pool._blocks.interchange_proc
        interchange.kill()
        with pytest.raises(BrokenExecutor, match="interchange"):
            waiting.result(60)
        with pytest.raises(BrokenExecutor):
            pool.submit(os.getpid)
    finally:
        stop(pool)
    assert wait_until_gone(again)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_blocks_that_do_not_begin_end_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_providers, "before", lambda _: "echo no such module >&2; exit 3")
    pool = ClusterPool(Place("parsl", 1), tmp_path / "cluster")
    try:
        with pytest.raises(RunFailedError, match="ended before their workers could begin: no such module"):
            pool.submit(os.getpid).result(60)
    finally:
        stop(pool)


def test_a_killed_driver_leaves_no_process(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from glasspot.execute.cluster import ClusterPool
from glasspot.execute.place import Place
if __name__ == "__main__":
    pool = ClusterPool(Place("parsl", 1), Path({str(tmp_path / "cluster")!r}))
    print(pool.submit(os.getpid).result(60), pool._blocks.interchange_proc.pid, *pool._blocks.job_ids_to_block)
    pool.submit(time.sleep, 600)
    sys.stdout.flush()
    time.sleep(600)
"""
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    processes = [int(word) for word in driver.stdout.readline().split()]
    assert len(processes) == 3 and all(alive(process) for process in processes)
    os.kill(driver.pid, signal.SIGKILL)
    assert all(wait_until_gone(process) for process in processes)  # before anybody has asked for the driver
    driver.wait()
