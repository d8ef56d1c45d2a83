"""The page of a report in a real browser: drawn, quiet, self-contained, and usable on a phone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_lab import DESKTOP, PHONE, asked_for, drawn_traces, photograph, until, visit

import learning_samples
import report_samples as samples
from glasspot.files import write_text
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.report import landscape_page
from glasspot.report.data import FitReport
from glasspot.report.html import write_page
from glasspot.report.landscape import FAILED, RUN, SCREENED, Landscape, Side
from glasspot.report.panels import figures, report_maps


@cache
def learned_report() -> FitReport:
    """The report of a fit that learns."""
    return learning_samples.report_of()


@pytest.mark.parametrize(
    "make",
    [
        samples.silica_report,
        lambda: samples.silica_report(total=True),
        samples.running_report,
        samples.empty_report,
        samples.full_report,
        learned_report,
        lambda: learning_samples.report_of(rounds=3, finished=False),
    ],
    ids=["partials", "total", "running", "empty", "full", "learned", "learning"],
)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_is_drawn_quiet_and_fits_its_window(
    browser: Any, tmp_path: Path, make: Any, size: tuple[int, int]
) -> None:
    report = make()
    page = write_page(report, tmp_path / "report.html")
    visit(browser, page, size)
    photograph(browser, tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 3000
    assert browser.get_log("browser") == []  # neither an error nor a warning, nor a blocked request
    assert asked_for(browser) == {page.as_uri()}
    traces = drawn_traces(browser)
    names = [figure.name for figure in (*figures(report), *report_maps(report))]
    # In the order of reading; the maps stand in a section of their own, among the others.
    assert list(traces) == names if report.learned is None else sorted(traces) == sorted(names)
    assert all(count > 0 for count in traces.values()), traces
    scroll_width = browser.execute_script("return document.documentElement.scrollWidth")
    assert scroll_width <= size[0]
    wide = browser.execute_script(
        """return [...document.querySelectorAll('figure, .plot svg.main-svg, .scroll, button, p')]
           .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
           .map(e => e.outerHTML.slice(0, 80));"""
    )
    assert wide == []


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a finished fit."""
    return write_page(samples.silica_report(), tmp_path_factory.mktemp("page") / "report.html")


@pytest.mark.parametrize("make", [samples.full_report, learned_report], ids=["full", "learned"])
def test_no_label_is_cut_off(browser: Any, tmp_path: Path, make: Any) -> None:
    page = write_page(make(), tmp_path / "report.html")
    for size in (DESKTOP, PHONE):
        visit(browser, page, size)
        cut = browser.execute_script(
            """return [...document.querySelectorAll('.plot')].flatMap(plot => {
                 const box = plot.getBoundingClientRect();
                 return [...plot.querySelectorAll('.xtick text, .ytick text, .xtitle, .ytitle, .y2title')]
                   .filter(t => { const b = t.getBoundingClientRect();
                     return b.left < box.left - 1 || b.right > box.right + 1 || b.bottom > box.bottom + 1; })
                   .map(t => plot.id + ': ' + t.textContent); });"""
        )
        assert cut == []


def test_table_is_readable_on_a_phone(browser: Any, full_page: Path) -> None:
    visit(browser, full_page, PHONE)
    boxes = browser.execute_script(
        """return [...document.querySelectorAll('.scroll')].map(box => ({
             width: box.getBoundingClientRect().width, overflow: getComputedStyle(box).overflowX, tab: box.tabIndex,
             font: parseFloat(getComputedStyle(box.firstElementChild).fontSize)}));"""
    )
    assert len(boxes) >= 5
    for box in boxes:
        assert box["width"] <= PHONE[0]
        assert box["overflow"] == "auto"  # what is too wide scrolls inside its box
        assert box["tab"] == 0  # by the keyboard too
        assert box["font"] >= 12
    # The answer for each potential, R_chi, is seen without scrolling.
    right = browser.execute_script(
        "return document.querySelector('#validation tbody td').getBoundingClientRect().right"
    )
    assert right <= PHONE[0]


def test_legend_hides_a_curve_by_mouse_and_by_keyboard(browser: Any, full_page: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    visit(browser, full_page)
    plot = next(name for name in drawn_traces(browser) if name.endswith("g-r-si-o"))
    key = browser.find_element(By.XPATH, f"//div[@id='{plot}-keys']/button[contains(., 'BKS')]")
    before = drawn_traces(browser)[plot]
    key.click()
    until(lambda: drawn_traces(browser)[plot] < before)  # gone from both panes
    assert key.get_attribute("aria-pressed") == "false"
    key.send_keys(Keys.ENTER)
    until(lambda: drawn_traces(browser)[plot] == before)
    assert key.get_attribute("aria-pressed") == "true"


def test_pointing_at_a_curve_shows_its_values(browser: Any, full_page: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    visit(browser, full_page)
    plot = next(name for name in drawn_traces(browser) if name.endswith("g-r-si-o"))
    area = browser.find_element(By.CSS_SELECTOR, f"#{plot} .nsewdrag")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    ActionChains(browser).move_to_element(area).perform()
    text = until(
        lambda: browser.execute_script(f"return (document.querySelector('#{plot} .hoverlayer') || {{}}).textContent")
    )
    assert "fitted" in text and "AIMD 3600 K" in text


def test_a_zoom_is_reset_by_its_button(browser: Any, full_page: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    visit(browser, full_page)
    plot = next(name for name in drawn_traces(browser) if name.endswith("u-r-si-o"))

    def shown() -> list[float]:
        return list(browser.execute_script(f"return document.getElementById('{plot}').layout.xaxis.range"))

    before = shown()
    area = browser.find_element(By.CSS_SELECTOR, f"#{plot} .nsewdrag")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    ActionChains(browser).move_to_element(area).click_and_hold().move_by_offset(70, 40).release().perform()
    until(lambda: shown()[1] - shown()[0] < 0.8 * (before[1] - before[0]))
    zoomed = shown()
    browser.find_element(By.CSS_SELECTOR, f"#{plot}-keys button").click()
    assert shown() == zoomed
    browser.find_element(By.CSS_SELECTOR, f"button[data-do=reset][data-figure='{plot}']").click()
    until(lambda: shown() == pytest.approx(before))
    ActionChains(browser).move_to_element(area).click_and_hold().move_by_offset(70, 40).release().perform()
    until(lambda: shown()[1] - shown()[0] < 0.8 * (before[1] - before[0]))
    ActionChains(browser).double_click(area).perform()
    until(lambda: shown() == pytest.approx(before))


def test_numbers_images_and_the_potential_can_be_saved(browser: Any, full_page: Path) -> None:
    from selenium.webdriver.common.by import By

    visit(browser, full_page)
    plot = next(name for name in drawn_traces(browser) if name.endswith("g-r-si-o"))

    def saved(selector: str, name: str) -> Path:
        button = browser.find_element(By.CSS_SELECTOR, selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        file = browser.downloads / name
        until(lambda: file.exists() and file.stat().st_size > 0)
        return Path(file)

    table = saved(f"button[data-do=csv][data-figure='{plot}']", f"{plot}.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "curve,pane,x,y,error"
    assert sum(line.startswith('"fitted",1,') for line in table) == 142  # every bin of the curve
    svg = saved(f"button[data-do=svg][data-figure='{plot}']", f"{plot}.svg").read_text(encoding="utf-8")
    assert "<svg" in svg and "fitted" in svg  # with its legend
    toml = saved("button[data-save]", "silica-fitted.toml").read_text(encoding="utf-8")
    assert 'name = "silica-fitted"' in toml
    assert browser.get_log("browser") == []


def test_dark_mode_has_light_ink(browser: Any, full_page: Path, tmp_path: Path) -> None:
    visit(browser, full_page, dark=True)
    photograph(browser, tmp_path / "dark.png")
    plot = next(name for name in drawn_traces(browser) if name.endswith("g-r-si-o"))
    colours = browser.execute_script(
        f"""const p = document.getElementById('{plot}');
            const target = p.data.find(t => t.name === 'AIMD 3600 K');
            return [getComputedStyle(document.body).backgroundColor, target.line.color];"""
    )
    assert colours == ["rgb(20, 23, 27)", "#f2f4f6"]


def test_a_script_in_a_title_is_shown_not_run(browser: Any, tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    report = samples.silica_report()
    panel = report.panels[0]
    series = tuple(replace(s, name=s.name + nasty) for s in panel.series)
    report = replace(report, title=nasty, panels=(replace(panel, title=nasty, series=series),), description=nasty)
    visit(browser, write_page(report, tmp_path / "report.html"))  # an alert would make the next calls fail
    assert browser.title == nasty
    assert browser.execute_script("return document.querySelector('h1').textContent") == nasty
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    keys = browser.execute_script("return [...document.querySelectorAll('.keys button')].map(b => b.textContent)")
    assert any(nasty in key for key in keys)
    assert browser.get_log("browser") == []


def made_up_map() -> Landscape:
    """Return a map with a valley, failed points and points behind the barrier."""
    x, y = np.linspace(1.8, 2.6, 7), np.geomspace(0.3, 0.4, 5)
    cost = 0.05 + (x[:, None] - 2.1) ** 2 + 20 * (y[None, :] - 0.34) ** 2
    kind = np.full(cost.shape, RUN)
    kind[0], kind[-1, :2] = SCREENED, FAILED
    cost[kind != RUN] = np.nan
    nothing = np.full(cost.shape, np.nan)
    space = ParameterSpace.build(load_potential("BKS"), ["charge.Si", "O-O.rho"])
    return Landscape(
        title="a map <b>", x=Side("charge.Si", "e", x, False), y=Side("O-O.rho", "A", y, True), cost=cost,
        error=0.02 * cost, n_eff=nothing, kind=kind, reasons={"lost-atoms": 2}, anchors=np.zeros((0, 2)),
        fixed="the start BKS", space=space,
    )  # fmt: skip


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_map_is_drawn_quiet_and_fits_its_window(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_text(tmp_path / "index.html", landscape_page.page(made_up_map(), []))
    visit(browser, path, size)
    assert browser.get_log("browser") == []
    assert asked_for(browser) == {path.as_uri()}
    drawn = browser.execute_script("return document.querySelectorAll('.plot .heatmaplayer image').length")
    assert drawn == 1 and browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    assert "a map <b>" in browser.execute_script("return document.body.innerText")


def test_an_error_map_tells_its_values_and_gives_its_numbers(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    visit(browser, write_page(learned_report(), tmp_path / "report.html"))
    keys = browser.execute_script("return [...document.querySelectorAll('#map-0-keys button')].map(b => b.textContent)")
    assert keys == ["fitted", "Wang-2018", "BayOpt-2025"]
    area = browser.find_element(By.CSS_SELECTOR, "#map-0 .nsewdrag")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    ActionChains(browser).move_to_element_with_offset(area, 20, -60).perform()
    text = until(lambda: browser.execute_script("return document.querySelector('#map-0 .hoverlayer').textContent"))
    assert "B-O.A (eV)" in text and "B-O.rho (Å)" in text
    button = browser.find_element(By.CSS_SELECTOR, "button[data-do=csv][data-figure='map-0']")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    file = browser.downloads / "map-0.csv"
    until(lambda: file.exists() and file.stat().st_size > 0)
    rows = file.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + learning_samples.MAP**2 + len(keys)
    assert browser.get_log("browser") == []


def test_a_move_of_a_window_tells_its_reason(browser: Any, tmp_path: Path) -> None:
    visit(browser, write_page(learned_report(), tmp_path / "report.html"))
    notes = browser.execute_script(
        "return document.getElementById('windows-b-o-rho').data.filter(t => t.name === 'widened').map(t => t.text[0])"
    )
    assert notes == [learned_report().learned.moves[0].reason.join(("after round 2: ", ""))]  # type: ignore[union-attr]
