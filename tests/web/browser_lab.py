"""Help for the tests of pages in a real browser: open a page, ask what it drew, what it logged and what it loaded."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DESKTOP, PHONE = (1280, 900), (375, 812)
WAIT = 30  # s: a page draws in under 2 s; slow shared machines need more


def until(condition: Callable[[], Any]) -> Any:
    """Return the first true value of ``condition``; the test fails when none comes in time."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("the page did not get there in time")


def visit(browser: Any, path: Path, size: tuple[int, int] = DESKTOP, dark: bool = False) -> None:
    """Open the page of a file; see :func:`visit_address`."""
    visit_address(browser, path.as_uri(), size, dark)


def visit_address(browser: Any, address: str, size: tuple[int, int] = DESKTOP, dark: bool = False) -> None:
    """Open a page at a window size and wait until it is drawn; what it logs and asks for is collected from here on."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})
    media = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in media.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(address)
    until(lambda: browser.execute_script("return document.documentElement.dataset.drawn === 'yes'"))


def asked_for(browser: Any) -> set[str]:
    """Return the addresses that the browser asked for since the visit, without data and blob addresses."""
    urls = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.add(message["params"]["request"]["url"])
    return {url for url in urls if not url.startswith(("data:", "blob:"))}


def photograph(browser: Any, path: Path) -> None:
    """Write the whole page as PNG: for a person to look at."""
    width = browser.execute_script("return window.innerWidth")
    height = browser.execute_script("return document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    path.write_bytes(base64.b64decode(shot["data"]))


def drawn_traces(browser: Any) -> dict[str, int]:
    """Return plot -> number of curves, points and bars that stand in its SVG."""
    return dict(
        browser.execute_script(
            """return [...document.querySelectorAll('.plot')].map(plot => [plot.id, plot.querySelector('svg.main-svg')
               ? plot.querySelectorAll('.trace path, .trace .point').length : 0]);"""
        )
    )
