"""What a campaign costs beside its MD: thousands of jobs of a fake engine through the runner into the store.

    python benchmarks/scale.py                      1000, 3000 and 10,000 jobs, local workers and Parsl's
    python benchmarks/scale.py --jobs 100 --pools local

For each: wall time a job, processor time of the driver a job, its peak memory, size of the store, and the time of
``glasspot status`` as a whole process. Each case in a fresh process, in a folder that is removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POOLS = ("local", "parsl")
WORKERS = 2


def main() -> None:
    """Run the cases and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 3000, 10_000])
    parser.add_argument("--pools", nargs="+", default=list(POOLS), choices=POOLS)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--one", nargs=3, metavar=("POOL", "JOBS", "DIR"), help="one case in this process")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]), Path(args.one[2]))))
        return
    found = []
    print("pool    jobs   ms/job  driver ms/job  driver MB  store MB  kB/job  status s  files")
    for pool in args.pools:
        for jobs in args.jobs:
            row = case(pool, jobs)
            found.append(row)
            print(
                f"{pool:6s} {jobs:6d} {row['ms_per_job']:7.2f} {row['driver_ms_per_job']:13.2f} "
                f"{row['driver_MB']:10.0f} {row['store_MB']:9.1f} {1000 * row['store_MB'] / jobs:7.1f} "
                f"{row['status_s']:9.2f} {row['files']:6d}",
                flush=True,
            )
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


def case(pool: str, jobs: int) -> dict[str, float]:
    """Return the figures of one case, made in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    try:
        words = [sys.executable, __file__, "--one", pool, str(jobs), str(folder)]
        here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}  # workers of Parsl import the fake engine
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=here)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        row["status_s"] = statistics.median(status_seconds(folder) for _ in range(5))
        row["files"] = sum(1 for _ in folder.rglob("*"))
        return row
    finally:
        shutil.rmtree(folder)


def one(pool: str, number: int, folder: Path) -> dict[str, float]:
    """Run the jobs through a runner; the workers are made and warm before the clock starts."""
    import fake_engine

    from glasspot.campaign import runner as module
    from glasspot.campaign.folder import state_noted
    from glasspot.execute.executors import factory_for
    from glasspot.execute.place import Place
    from glasspot.store import Store

    module.run_job = fake_engine.run_fake
    first, *jobs = fake_engine.fake_jobs(number + 1)
    factory = factory_for(Place(pool, WORKERS), folder)
    with Store.create(folder) as store, state_noted(store), module.Runner(store, folder, factory) as runner:
        runner.work([first])
        clock, cpu = time.perf_counter(), time.process_time()
        runner.work(jobs)
        wall, cpu = time.perf_counter() - clock, time.process_time() - cpu
    return {
        "pool": pool,
        "jobs": number,
        "ms_per_job": 1000 * wall / number,
        "driver_ms_per_job": 1000 * cpu / number,
        "driver_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "store_MB": (folder / "store.sqlite").stat().st_size / 1e6,
    }


def status_seconds(folder: Path) -> float:
    """Return the time of ``glasspot status`` as a user meets it."""
    clock = time.perf_counter()
    subprocess.run([sys.executable, "-m", "glasspot", "status", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - clock


if __name__ == "__main__":
    main()
