"""A Slurm of its own on this machine: munged, slurmctld and two slurmd on loopback, with all their files in one folder.

    python tests/cluster/slurm_lab.py start DIR     then: export SLURM_CONF=DIR/slurm.conf; sinfo
    python tests/cluster/slurm_lab.py stop DIR

The services of the system, their configuration and their keys are neither used nor touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun")
NODES = 2
CPUS = 4  # of each, said to Slurm; the machine may have fewer
SBIN = "/usr/sbin"  # not on the PATH of every shell
CONFIGURATION = """
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=60
KillWait=5
MinJobAge=20
PropagateResourceLimits=NONE
PlugStackConfig={folder}/plugstack.conf
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Return why there can be no lab here, None where there can."""
    if sys.platform != "linux" or os.getuid() != 0:
        return "Slurm's services are started as root, on Linux"
    absent = [name for name in PROGRAMS if _program(name) is None]
    return f"not installed: {', '.join(absent)} (Debian's slurm-wlm and munge)" if absent else None


class SlurmLab:
    """The services in ``folder``, whose path must be short: there are sockets in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Start all services; return when the nodes are idle. RuntimeError with the logs when they do not become so."""
        for name in ("state", *(f"spool-n{i}" for i in range(1, NODES + 1))):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o755)  # noqa: S103 - munged wants to be reachable
        ports = _free_ports(NODES + 1)
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(
            f"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[i]} CPUs={CPUS} State=UNKNOWN"
            for i in range(1, NODES + 1)
        )
        text = CONFIGURATION.format(folder=self.folder, host=host, port=ports[0], nodes=nodes)
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "plugstack.conf").write_text("")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # loaded, never used
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        self._service(
            "munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munge.seed",
        )  # fmt: skip
        self.start_controller()
        for i in range(1, NODES + 1):
            self._service("slurmd", "-N", f"n{i}")
        self.wait_until_idle()

    def start_controller(self) -> None:
        """Start slurmctld; it remembers what it knew when it was stopped."""
        self._service("slurmctld")

    def stop_controller(self) -> None:
        """Stop slurmctld; jobs go on without it."""
        self._end("slurmctld.pid")

    def stop(self) -> None:
        """Cancel all jobs and end all services."""
        with suppress(subprocess.SubprocessError):
            self.run("scancel", "--user=root")
            self.wait_for(lambda: not self.run("squeue", "--noheader").strip(), 15)
        for name in (*(f"slurmd-n{i}.pid" for i in range(1, NODES + 1)), "slurmctld.pid", "munged.pid"):
            self._end(name)

    def wait_until_idle(self, seconds: float = 30) -> None:
        """Wait until all nodes are idle; RuntimeError with the ends of the logs otherwise."""
        try:
            self.wait_for(lambda: self._states() == ["idle"] * NODES, seconds)
        except TimeoutError as error:
            logs = "\n".join(f"{path.name}:\n{path.read_text()[-1500:]}" for path in self.folder.glob("*.log"))
            raise RuntimeError(f"the nodes are {self._states()}\n{logs}") from error

    def run(self, *words: str, timeout: float = 30) -> str:
        """Return what a command of Slurm prints. Raises CalledProcessError."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=timeout, check=True
        )  # fmt: skip
        return done.stdout

    def jobs(self, states: str = "PD,R,CG") -> list[str]:
        """Return the ids of jobs that wait, run or are just ending."""
        return self.run("squeue", "--noheader", "--format=%i", f"--states={states}").split()

    @staticmethod
    def wait_for(condition, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
        """Wait; TimeoutError after so many seconds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.1)

    def _states(self) -> list[str]:
        try:
            return self.run("sinfo", "--noheader", "--Node", "--format=%T").split()
        except subprocess.SubprocessError:
            return []

    def _service(self, name: str, *words: str) -> None:
        program = _program(name)
        assert program is not None
        done = subprocess.run([program, *words], env=self.environment, capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise RuntimeError(f"{name} does not start: {done.stderr}")

    def _end(self, pid_file: str) -> None:
        try:
            pid = int((self.folder / pid_file).read_text())
            os.kill(pid, signal.SIGTERM)
            self.wait_for(lambda: not _alive(pid), 10)
        except (OSError, ValueError):
            return
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def main() -> int:
    """Start or stop a lab by hand."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("start", "stop"):
        print(__doc__)
        return 2
    why = missing()
    if why:
        print(why)
        return 1
    lab = SlurmLab(Path(sys.argv[2]))
    if sys.argv[1] == "start":
        lab.start()
        print(f"export SLURM_CONF={lab.folder}/slurm.conf")
    else:
        lab.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
