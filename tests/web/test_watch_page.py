"""The live page in a real browser: it updates by itself, also after trouble; keyboard, phone, and many runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_lab import DESKTOP, asked_for, drawn_traces, photograph, until, visit_address
from live_lab import Served

import live_samples as samples
from glasspot.campaign.driver import driving
from glasspot.live import look
from glasspot.store import Store

NARROW = (360, 780)
COURSE = "convergence-r-chi-against-md-runs"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "PAUSE_S", 0.0)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fit at work, and its page."""
    folder = samples.make_store(tmp_path / "fit")
    with driving(folder):
        with Store.create(folder) as store:
            store.set_meta("state", "running")
            store.set_meta("now", samples.note_of_now(20, waiting=4))
        with Served(folder) as found:
            yield found


def text(browser: Any, selector: str) -> str:
    """Return the text of an element; "" where it is not there."""
    return str(
        browser.execute_script("return (document.querySelector(arguments[0]) || {}).textContent || ''", selector)
    )


def add(folder: Path, *numbers: int) -> None:
    """Store evaluations, as the driver does."""
    with Store.create(folder) as store:
        for number in numbers:
            samples.add_evaluation(store, number)


def ready(browser: Any) -> None:
    """Wait until the page is live and the figure in the window is drawn."""
    until(lambda: text(browser, "#link-words").startswith("Live"))
    until(lambda: drawn_traces(browser).get(COURSE))


def test_it_updates_by_itself_and_keeps_what_the_reader_has_done(browser: Any, served: Served) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    visit_address(browser, served.address)
    ready(browser)
    assert "12 of at most 200 MD runs" in text(browser, "#now")
    area = browser.find_element("css selector", f"#{COURSE} .nsewdrag")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    ActionChains(browser).move_to_element(area).click_and_hold().move_by_offset(120, 40).release().perform()
    limits = f"return document.getElementById('{COURSE}').layout.xaxis.range"
    zoomed = until(lambda: (found := browser.execute_script(limits))[1] - found[0] < 8 and found)
    hide, *others = browser.find_elements("css selector", f"#{COURSE}-keys button")
    hide.click()
    others[0].send_keys("")  # focus
    known = len(browser.execute_script(f"return document.getElementById('{COURSE}').data[1].x"))
    scrolled = browser.execute_script("return window.scrollY")
    add(served.folder, 12, 13)
    until(lambda: "14 of at most 200 MD runs" in text(browser, "#now"))
    until(lambda: len(browser.execute_script(f"return document.getElementById('{COURSE}').data[1].x")) == known + 2)
    assert browser.execute_script(limits) == zoomed
    assert browser.execute_script("return document.activeElement === arguments[0]", others[0])
    assert hide.get_attribute("aria-pressed") == "false"  # the same button, still off
    assert browser.execute_script(f"return document.getElementById('{COURSE}').data[0].visible") is False
    assert browser.execute_script("return window.scrollY") == scrolled
    browser.find_element("css selector", f"button[data-do=reset][data-figure={COURSE}]").click()
    until(lambda: browser.execute_script(limits) == [0.5, 14.5])
    assert browser.get_log("browser") == []


def test_what_comes_new_gets_a_place_and_what_goes_leaves(browser: Any, served: Served) -> None:
    visit_address(browser, served.address)
    ready(browser)
    assert text(browser, "#running") and not text(browser, "#failures")
    add(served.folder, *range(12, samples.FAILS))
    until(lambda: "1 of 23 MD runs failed: 1 too-hot" in text(browser, "#failures"))
    until(lambda: "Failures" in text(browser, "nav"))
    with Store.create(served.folder) as store:
        store.set_meta("state", "finished")
    until(lambda: text(browser, "#answer .state") == "Finished")
    until(lambda: not text(browser, "#running"))
    assert "What runs where" not in text(browser, "nav")
    order = browser.execute_script("return [...document.querySelectorAll('#parts > *')].map(e => e.id || e.tagName)")
    assert order[:5] == ["answer", "NAV", "now", "convergence", "failures"]
    assert browser.title == "Finished: Liquid silica at 3600 K"
    until(lambda: text(browser, "#said").startswith("Finished: 23 MD runs"))  # read out, for it has ended


def test_nothing_is_read_out_at_every_step(browser: Any, served: Served) -> None:
    visit_address(browser, served.address)
    ready(browser)
    add(served.folder, 12)
    until(lambda: "13 of at most 200 MD runs" in text(browser, "#now"))
    assert text(browser, "#said") == ""
    live = browser.execute_script("return [...document.querySelectorAll('[aria-live], [role=alert]')].map(e => e.id)")
    assert live == ["said"]


def test_a_server_that_ends_and_begins_again_is_found_again(browser: Any, served: Served) -> None:
    visit_address(browser, served.address)
    ready(browser)
    served.stop()
    until(lambda: text(browser, "#link-words").startswith("No answer since"))
    assert "12 of at most 200 MD runs" in text(browser, "#now")  # what was known stays
    add(served.folder, 12)
    served.start()
    until(lambda: "13 of at most 200 MD runs" in text(browser, "#now"))
    until(lambda: text(browser, "#link-words") == "Live")


def test_another_token_is_told_and_taken_from_another_tab(browser: Any, served: Served) -> None:
    visit_address(browser, served.address)
    ready(browser)
    served.stop()
    served.token = "another-token-for-the-tests"  # noqa: S105
    served.start()
    until(lambda: "another token" in text(browser, "#link-words"))
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(served.address)
    browser.close()
    browser.switch_to.window(first)
    until(lambda: text(browser, "#link-words") == "Live")


def test_a_store_in_trouble_is_told_and_comes_back(browser: Any, served: Served) -> None:
    visit_address(browser, served.address)
    ready(browser)
    away = served.folder.with_name("away")
    served.folder.rename(away)
    until(lambda: "is gone, or cannot be reached" in text(browser, "#trouble"))
    assert "12 of at most 200 MD runs" in text(browser, "#now")
    away.rename(served.folder)
    until(lambda: not text(browser, "#trouble"))


def test_updates_can_be_paused(browser: Any, served: Served) -> None:
    from selenium.webdriver.common.keys import Keys

    visit_address(browser, served.address)
    ready(browser)
    pause = browser.find_element("id", "pause")
    pause.send_keys(Keys.ENTER)
    until(lambda: text(browser, "#link-words").startswith("Paused"))
    assert pause.get_attribute("aria-pressed") == "true" and pause.text == "Go on"
    add(served.folder, 12)
    browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    asked_for(browser)
    until(lambda: browser.execute_script("return performance.now()") > 0)
    assert "12 of at most 200 MD runs" in text(browser, "#now") and asked_for(browser) == set()
    pause.send_keys(Keys.SPACE)
    until(lambda: "13 of at most 200 MD runs" in text(browser, "#now"))


def test_everything_is_reached_by_the_keyboard(browser: Any, served: Served) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    visit_address(browser, served.address)
    ready(browser)
    seen: list[str] = []
    describe = (
        "const e = document.activeElement; e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect(); "
        "return [e.getAttribute('aria-label') || e.textContent, b.width > 0 && getComputedStyle(e).outlineStyle]"
    )
    for _ in range(80):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        name, outline = browser.execute_script(describe)
        if browser.execute_script("return document.activeElement === document.body"):
            break  # once around
        assert outline not in (False, "none"), name
        seen.append(name.strip())
    assert seen[:3] == ["To the answer", "Pause", "How far it is"]
    assert {"What runs where", "Reset zoom: R_chi against MD runs", "best so far", "Parameters"} <= set(seen)
    browser.execute_script("document.querySelector('.skip').focus()")
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert browser.execute_script("return location.hash") == "#answer"


@pytest.mark.parametrize("size", [DESKTOP, NARROW], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_its_window_and_is_quiet(
    browser: Any, served: Served, tmp_path: Path, size: tuple[int, int], dark: bool
) -> None:
    add(served.folder, *range(12, samples.FAILS))
    visit_address(browser, served.address, size, dark)
    until(lambda: "1 of 23 MD runs failed" in text(browser, "#failures"))
    for name in list(drawn_traces(browser)):  # each is drawn when it comes near the window
        browser.execute_script("document.getElementById(arguments[0]).scrollIntoView()", name)
        until(lambda name=name: drawn_traces(browser)[name])
    photograph(browser, tmp_path / "page.png")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    wide = browser.execute_script(
        """return [...document.querySelectorAll('figure, .plot svg.main-svg, .scroll, button, p, dd, progress')]
           .filter(e => !e.closest('.scroll table, .quiet') && !e.classList.contains('quiet'))
           .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
           .map(e => e.outerHTML.slice(0, 80));"""
    )
    assert wide == []
    assert browser.get_log("browser") == []
    assert {address.split("?")[0].startswith(served.root) for address in asked_for(browser)} == {True}
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded and all(name.startswith(served.root) for name in loaded)
    assert browser.current_url == served.root  # the token does not stay in the address


def test_ten_thousand_runs_are_shown_thinned(browser: Any, tmp_path: Path) -> None:
    folder = samples.make_store(tmp_path / "long", evaluations=10_000, max_runs=20_000)
    with Served(folder) as served:
        visit_address(browser, served.address)
        ready(browser)
        assert "10,000 of at most 20,000 MD runs" in text(browser, "#now")
        assert "434 of 10,000 MD runs failed" in text(browser, "#failures")
        assert "of 10,000 evaluations are drawn" in text(browser, "#convergence figcaption")
        rows = browser.execute_script("return document.querySelectorAll('#failures tbody tr').length")
        assert rows <= 10 and 300 < drawn_traces(browser)[COURSE] < 2500
        asked_for(browser)
        add(folder, 10_000)
        until(lambda: "10,001 of at most 20,000 MD runs" in text(browser, "#now"))
        assert browser.get_log("browser") == []
    shutil.rmtree(folder)


def test_a_folder_without_a_run_fills_when_one_begins(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    with Served(folder) as served:
        visit_address(browser, served.address)
        until(lambda: "There is no run here yet" in text(browser, "#answer"))
        samples.make_store(folder, validated=True, state="finished")
        ready(browser)
        until(lambda: "silica-fitted" in text(browser, "#validation"))
        until(lambda: "buckingham" in text(browser, "#files pre"))
        assert text(browser, "h1") == "Liquid silica at 3600 K"
        assert browser.get_log("browser") == []


def test_without_the_token_there_is_one_line(browser: Any, served: Served) -> None:
    browser.get("about:blank")
    browser.delete_all_cookies()
    browser.get(served.root)
    browser.delete_all_cookies()
    browser.get(served.root)
    assert browser.find_element("tag name", "body").text == (
        "This page needs its token: open the whole address that glasspot watch printed."
    )
