"""Every command that drives MD runs is stopped, told of and gone on with in the same way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from small_fit import SETTINGS, glasspot, processes_in, start_glasspot, write_settings

from glasspot.cli import main

# Runs of some seconds, so that one is under way when the request comes.
LONG = SETTINGS.replace("sample_ps = 1\n", "sample_ps = 20\n")
LADDER = (
    LONG.replace('free = ["charge.Si", "Si-O.A", "Si-O.rho", "O-O.A", "O-O.rho"]\n', "")
    + """
[[rung]]
name = "two"
free = ["charge.Si", "Si-O.rho"]
[[rung]]
name = "three"
free = ["charge.Si", "Si-O.rho", "O-O.rho"]
"""
)
GLASSES = """
title = "a glass"
potential = "BKS"
atoms = 420
runs = 2
r_max = 8.0
bin_width = 0.05
glasses = ["SiO2"]
[protocol]
preset = "melt-quench-then-npt"
rate = 300
melt_ps = 5.0
relax_ps = 0.6
sample_ps = 0.8
"""
AXES = ("--axes", "charge.Si", "Si-O.rho", "--points", "3", "2")
COMMANDS = {
    "ladder": (LADDER, ("ladder", "FILE")),
    "landscape": (LONG, ("landscape", "FILE", *AXES)),
    "compare": (LONG, ("potentials", "compare", "FILE", "BKS", "CHIK")),
    "pcf": (GLASSES, ("pcf", "dataset", "FILE")),
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_stopped_and_told_of(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, words = COMMANDS[name]
    path, folder = write_settings(tmp_path, settings), tmp_path / "run"
    driver = start_glasspot(*(path if word == "FILE" else word for word in words), "--out", folder, "--workers", "1")
    logs = folder / "two" if name == "ladder" else folder
    end = time.monotonic() + 60
    while not list(logs.glob("jobs/*/progress.json")):
        assert time.monotonic() < end and driver.poll() is None, driver.communicate()[0]
        time.sleep(0.05)
    assert main(["status", str(folder)]) == 0
    assert "running" in capsys.readouterr().out
    asked = glasspot("stop", folder)
    assert asked.returncode == 0 and "it has ended" in asked.stdout, asked.stderr
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert output.splitlines()[-1] == "glasspot: stopped on request; what was finished is kept, and --resume goes on."
    assert not processes_in(folder)
    assert main(["status", str(folder)]) == 0
    assert "stopped" in capsys.readouterr().out.splitlines()[0]
    log = [line.split()[1] for line in (logs / "glasspot.log").read_text().splitlines()]
    assert log[0] == "driver-begins" and log[-3:] == ["stop-asked", "stopped", "driver-ends"]
    assert "stage" in log
