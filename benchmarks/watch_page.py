"""How fast the live page of a long fit is, in a headless Chromium with an empty cache, and what an update costs.

    python benchmarks/watch_page.py [--evaluations 10000] [--visits 5]

A made-up store of so many evaluations is served by ``glasspot watch`` in a process of its own. Printed as JSON: seconds
until the server answers; of each visit, milliseconds to the first contentful paint (performance entries) and to the
first figure; of updates, milliseconds and bytes of each answer; memory of the server.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import live_samples  # noqa: I001 - of the tests

from glasspot.store import Store

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
SIZES = {"desktop": (1280, 900), "phone": (360, 780)}
UPDATES = 5


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--evaluations", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = live_samples.make_store(Path(place) / "fit", args.evaluations, max_runs=2 * args.evaluations)
        answer: dict[str, Any] = {
            "evaluations": args.evaluations, "store_MB": round((folder / "store.sqlite").stat().st_size / 1e6, 1)
        }  # fmt: skip
        began = time.monotonic()
        command = [sys.executable, "-m", "glasspot", "watch", str(folder), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                address = _address(server)
                answer["until_served_s"] = round(time.monotonic() - began, 2)
                answer["first_page_kB"] = round(len(_get(address).read()) / 1e3, 1)
                for name, size in SIZES.items():
                    answer[name] = _visits(address, size, args.visits)
                answer["updates"] = _updates(address, folder, args.evaluations)
                answer["server_MB"] = _memory(server.pid)
            finally:
                server.terminate()
    print(json.dumps(answer, indent=1))
    return 0


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise SystemExit("glasspot watch said no address")


def _get(address: str, **headers: str) -> Any:
    return urllib.request.urlopen(urllib.request.Request(address, headers=headers))  # noqa: S310 - loopback


def _visits(address: str, size: tuple[int, int], visits: int) -> dict[str, Any]:
    """Open the page with a new profile each time."""
    from selenium import webdriver

    paints, figures = [], []
    for _ in range(visits):
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--window-size={size[0]},{size[1]}"):
            options.add_argument(flag)
        # Both by their places: selenium would look for them on the network.
        options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        try:
            metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            browser.get(address)
            script = "return document.querySelector('.plot .main-svg') ? performance.now() : 0"
            while not (drawn := browser.execute_script(script)):
                time.sleep(0.01)
            paint = "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
            paints.append(round(browser.execute_script(paint)))
            figures.append(round(drawn))
        finally:
            browser.quit()
    return {
        "first_contentful_paint_ms": {"median": statistics.median(paints), "most": max(paints)},
        "first_figure_ms": {"median": statistics.median(figures), "most": max(figures)},
    }


def _updates(address: str, folder: Path, evaluations: int) -> dict[str, Any]:
    """Ask as the page does: nothing new, then one evaluation more each time."""
    root, token = address.partition("?")[::2]
    state = f"{root}state?{token}"
    first = _get(state)
    known = json.load(first)
    idle = []
    for _ in range(UPDATES):
        time.sleep(0.6)
        began = time.perf_counter()
        try:
            _get(state, **{"If-None-Match": first.headers["ETag"]})
        except urllib.error.HTTPError as error:
            assert error.code == 304
        idle.append(1e3 * (time.perf_counter() - began))
    times, sizes = [], []
    with Store.create(folder) as store:
        for number in range(evaluations, evaluations + UPDATES):
            live_samples.add_evaluation(store, number)
            time.sleep(3.0)  # longer than the server waits between two drawings
            began = time.perf_counter()
            fresh = json.load(_get(state))
            before = {part["name"]: part["tag"] for part in known["parts"]}
            sent = 0
            for part in fresh["parts"]:
                if before.get(part["name"]) != part["tag"]:
                    sent += len(_get(f"{root}part/{part['name']}?{token}", **{"Accept-Encoding": "gzip"}).read())
            times.append(1e3 * (time.perf_counter() - began))
            sizes.append(sent / 1e3)
            known = fresh
    return {
        "nothing_new_ms": round(statistics.median(idle), 1),
        "one_evaluation_more_ms": {"median": round(statistics.median(times)), "most": round(max(times))},
        "one_evaluation_more_kB": round(statistics.median(sizes), 1),
    }


def _memory(process: int) -> int:
    text = Path(f"/proc/{process}/status").read_text()
    return round(int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1e3)  # type: ignore[index]


if __name__ == "__main__":
    sys.exit(main())
