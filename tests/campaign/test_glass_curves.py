"""A set of pair curves, simulated: the curves are those of the frames, nothing is run twice, a killed set goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_fit import glasspot

from glasspot.campaign.glass_curves import BLOCKS, NODES_PER_BIN, collect, jobs_of
from glasspot.evaluate.job import Outcome
from glasspot.evaluate.observe import PairObserver
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf_settings import load_dataset_plan
from glasspot.store import Store
from glasspot.structure.packing import random_packing
from glasspot.structure.pdf import pair_distribution

SETTINGS = """
title = "Two small glasses"
potential = "BMP"
atoms = 420
runs = 2
r_max = 8.0
bin_width = 0.05
glasses = ["60 SiO2 20 B2O3 20 Na2O", "90 SiO2 10 ZnO"]

[protocol]
preset = "melt-quench-then-npt"
rate = 3000
melt_ps = 0.6
relax_ps = 0.6
sample_ps = 0.8
"""


def settings_in(folder: Path) -> Path:
    (folder / "set.toml").write_text(SETTINGS)
    return folder / "set.toml"


def test_curves_are_those_of_the_frames(tmp_path: Path) -> None:
    """The histogram shares a pair between nodes half a bin apart: running counts are off by less than a bin's width,
    and all of them at the end."""
    plan, _ = load_dataset_plan(settings_in(tmp_path))
    glass, job = jobs_of(plan)[0]
    frames = [random_packing(dict(glass.atoms.counts), glass.cell_length, seed) for seed in range(2 * BLOCKS)]
    observer = PairObserver(job.observe, job.potential)
    for frame in frames:
        observer.add(frame)
    outcome = Outcome(
        job.key,
        True,
        numbers={"volume": frames[0].volume, "seconds": 1.0},
        arrays=observer.arrays(),
        texts={"labels": list(observer.labels), "counts": dict(sorted(glass.atoms.counts.items()))},
    )
    found = collect(plan, {job.key: outcome}.get).curves
    direct = pair_distribution(frames, plan.r_max, plan.r_max / plan.n_bins)
    assert NODES_PER_BIN * plan.n_bins == job.observe.n_nodes
    one = found.glasses[0]
    assert set(one.pairs) == {"-".join(sorted(p.split("-"), key=list(one.counts).index)) for p in direct.labels}
    for pair in one.pairs:
        a, b = pair.split("-")
        endless = one.counts[a] / (one.counts[a] - 1) if a == b else 1.0  # others of its kind around an atom
        mine, theirs = (np.cumsum(g * direct.shells) for g in (one.mean(pair), endless * direct.partial(pair)))
        assert (mine[1:] > theirs[:-1] - 1e-6).all() and (mine[:-1] < theirs[1:] + 1e-6).all()
        assert mine[-1] == pytest.approx(theirs[-1], rel=1e-6)


def test_a_set_is_made_and_kept(tmp_path: Path) -> None:
    done = glasspot("pcf", "dataset", settings_in(tmp_path), "--out", tmp_path / "set", "--workers", "2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    found = CurveSet.load(tmp_path / "set" / "curves.npz")
    assert told["glasses"] == len(found.glasses) == 2 and told["curves"] == found.n_curves == 16
    assert not told["failures"] and all(glass.n_runs == 2 for glass in found.glasses)
    for glass in found.glasses:
        assert 0.06 < glass.density < 0.10, "atoms/A^3 of an oxide glass"
        assert glass.mean("Si-O")[found.r < 1.2].max() == 0.0 and glass.mean("Si-O").max() > 4.0
        runs = glass.curves["Si-O"]
        assert np.abs(runs[0] - runs[1]).max() > 0.0, "from other packings"
    provenance = found.provenance
    assert provenance["runs"] == 4 and provenance["settings"]["potential"] == "BMP" and provenance["core_hours"] >= 0
    assert str(tmp_path) not in json.dumps(provenance), "no path of a machine"

    refused = glasspot("pcf", "dataset", settings_in(tmp_path), "--out", tmp_path / "set")
    assert refused.returncode == 2 and "--resume" in refused.stderr
    (tmp_path / "set.toml").write_text(SETTINGS.replace("atoms = 420", "atoms = 450"))
    other = glasspot("pcf", "dataset", tmp_path / "set.toml", "--out", tmp_path / "set", "--resume")
    assert other.returncode == 2 and "atoms" in other.stderr


def test_a_killed_set_goes_on(tmp_path: Path) -> None:
    """What was finished when the driver died is neither lost nor run again, and the curves are the same."""
    command = [sys.executable, "-m", "glasspot", "pcf", "dataset", str(settings_in(tmp_path)), "--workers", "1"]
    whole = subprocess.run([*command, "--out", str(tmp_path / "whole")], capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    killed = subprocess.Popen([*command, "--out", str(tmp_path / "set")], stdout=subprocess.DEVNULL)
    folder = tmp_path / "set"
    for _ in range(1200):
        if len(list(folder.glob("jobs/*"))) >= 3 or killed.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with Store.open(folder) as store:
        before = {row["key"]: row["stored"] for row in store.outcomes()}
    assert 1 <= len(before) < 4
    resumed = subprocess.run([*command, "--out", str(folder), "--resume"], capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    with Store.open(folder) as store:
        after = {row["key"]: row["stored"] for row in store.outcomes()}
    assert len(after) == 4 and before.items() <= after.items()
    one, other = (CurveSet.load(tmp_path / name / "curves.npz") for name in ("whole", "set"))
    for a, b in zip(one.glasses, other.glasses, strict=True):
        for pair in a.pairs:
            np.testing.assert_array_equal(a.curves[pair], b.curves[pair])
