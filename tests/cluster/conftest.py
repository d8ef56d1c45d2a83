"""One Slurm for all tests of this folder, and one fit without it that theirs must equal."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import slurm_lab

sys.path.insert(0, str(Path(__file__).parents[1] / "campaign"))

from cluster_fit import LONGER, ClusterFit
from small_fit import glasspot, write_settings

Make = Callable[..., ClusterFit]


@pytest.fixture(scope="session")
def lab() -> Iterator[slurm_lab.SlurmLab]:
    why = slurm_lab.missing()
    if why:
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="lab-"))  # short: there are sockets in it
    lab = slurm_lab.SlurmLab(folder)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def local_fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fit by processes of this machine."""
    folder = tmp_path_factory.mktemp("local")
    done = glasspot("fit", write_settings(folder, LONGER), "--out", folder / "run", "--workers", "2")
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture
def fit(lab: slurm_lab.SlurmLab, local_fit: Path, tmp_path: Path) -> Iterator[Make]:
    made: list[ClusterFit] = []

    def make(
        run: str = "cores_per_node = 2", engine: str = "", settings: str = LONGER, peace: Path | None = None
    ) -> ClusterFit:
        made.append(ClusterFit(lab, tmp_path / f"fit{len(made)}", run, peace or local_fit, engine, settings))
        return made[-1]

    yield make
    for one in made:
        one.end()
    for job in lab.jobs():
        lab.run("scancel", job)
    lab.wait_until_idle()


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
