"""The live page over HTTP: who may look, what it says of every state of a folder, and that it writes nothing."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import learning_samples
import live_samples as samples
from glasspot.campaign.driver import driving
from glasspot.live import look
from glasspot.live.look import Watched
from glasspot.live.server import make_app
from glasspot.report.compare import COMPARISON
from glasspot.report.landscape import LANDSCAPE
from glasspot.store import STORE_FILE, Store, access

TOKEN = "a-token-for-the-tests-0001"  # noqa: S105
ADDRESS = "http://localhost:8765"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "PAUSE_S", 0.0)
    monkeypatch.setattr(look, "SHARE", 0)


def client(folder: Path, known: bool = True, names: tuple[str, ...] = (), clock: Any = None) -> TestClient:
    """Return a browser at the page of a folder; ``known``: it has opened the whole address."""
    watched = Watched(folder) if clock is None else Watched(folder, clock)
    found = TestClient(make_app(watched, TOKEN, names), base_url=ADDRESS)
    if known:
        assert found.get(f"/?token={TOKEN}").status_code == 200
    return found


def words(page: TestClient) -> str:
    """Return the text of the page and of all its parts."""
    state = page.get("/state").json()
    parts = [page.get(f"/part/{part['name']}").json() for part in state["parts"]]
    text = " ".join([state["title"], *(part["top"] + part["tables"] for part in parts)])
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).replace("\u00a0", " ")


def content(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what stands in a folder, with sizes and times of change."""
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of twelve evaluations, which nobody drives."""
    return samples.make_store(tmp_path_factory.mktemp("watched") / "fit")


@pytest.fixture
def own(fit: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(fit, tmp_path / "fit"))


# Who may look


@pytest.mark.parametrize(
    "path", ["/", "/state", "/part/answer", "/static/0/live.js", "/?token=", "/?token=wrong", "/no"]
)
def test_nobody_looks_without_the_token(fit: Path, path: str) -> None:
    answer = client(fit, known=False).get(path)
    assert answer.status_code == 403
    assert "open the whole address that glasspot watch printed" in answer.text
    assert "silica" not in answer.text and TOKEN not in answer.text
    assert len(answer.text.splitlines()) == 1 and "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(fit: Path) -> None:
    page = client(fit, known=False)
    cookie = page.get(f"/?token={TOKEN}").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    assert page.get("/state").status_code == 200  # by the cookie alone
    assert page.get("/?token=wrong").status_code == 200  # an old address in a browser that knows the new one
    page.cookies.clear()
    page.cookies.set(cookie.split("=")[0], "wrong")
    assert page.get("/state").status_code == 403


@pytest.mark.parametrize("token", ["ä" * 30, "%F0%9F", "a" * 9000, "\udcff".encode("utf-8", "surrogateescape").hex()])
def test_a_strange_token_is_refused(fit: Path, token: str) -> None:
    assert client(fit, known=False).get("/", params={"token": token}).status_code == 403


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True), ("LOCALHOST:9000", True), ("127.0.0.1:8765", True), ("[::1]:8765", True),
        ("10.1.2.3:8765", True), ("login1", True), ("evil.example:8765", False), ("localhost.evil.example", False),
        ("", False), ("localhost:evil", False),
    ],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered_to(fit: Path, host: str, allowed: bool) -> None:
    page = client(fit, names=("login1",))
    answer = page.get("/state", headers={"Host": host})
    assert (answer.status_code == 200) == allowed
    if not allowed:
        assert answer.status_code == 403 and "does not answer to that name" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_the_page_can_only_be_read(fit: Path, method: str) -> None:
    answer = client(fit).request(method, "/state")
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD"


def test_head_is_answered_without_a_body(fit: Path) -> None:
    answer = client(fit).head("/state")
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["etag"]


def test_every_answer_forbids_what_is_not_from_here(fit: Path) -> None:
    page = client(fit)
    answers = [page.get(path) for path in ("/", "/state", "/part/answer", "/part/none", "/static/0/live.js", "/none")]
    answers.append(page.post("/"))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';") and "http" not in policy
        assert "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    text = answers[0].text
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sources and all(not re.match(r"(?:[a-z]+:)?//", source) for source in sources)
    assert "<script>" not in text  # the policy would not run it


def test_no_other_file_is_served(fit: Path) -> None:
    page = client(fit)
    for path in (
        "/static/0/../../pyproject.toml",
        "/static/0/page.html",
        "/static/0/%2e%2e%2flook.py",
        f"/{STORE_FILE}",
    ):
        assert page.get(path).status_code == 404


# What has changed


def test_an_answer_that_the_browser_has_is_not_sent_again(own: Path) -> None:
    page = client(own)
    first = page.get("/state")
    again = page.get("/state", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and again.content == b""
    with Store.create(own) as store:
        samples.add_evaluation(store, 12)
    changed = page.get("/state", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    before, after = ({part["name"]: part["tag"] for part in one.json()["parts"]} for one in (first, changed))
    assert before["convergence"] != after["convergence"] and before["now"] != after["now"]


def test_scripts_may_be_kept_for_ever(fit: Path) -> None:
    page = client(fit)
    for path in re.findall(r'<script src="([^"]+)"', page.get("/").text):
        answer = page.get(f"/{path}")
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert page.get("/").headers["cache-control"] == "no-store"


def test_the_page_holds_the_words_and_none_of_the_numbers_of_figures(fit: Path) -> None:
    text = client(fit).get("/").text
    assert "Liquid silica at 3600 K" in text and 'id="answer-line"' in text
    assert len(text) < 60_000


# What it says of a folder


def test_a_folder_without_a_run_waits_for_one(tmp_path: Path) -> None:
    page = client(tmp_path)
    assert "There is no run here yet" in words(page)
    samples.make_store(tmp_path)
    assert "Liquid silica" in words(page)


def test_a_run_that_has_just_begun_says_so(tmp_path: Path) -> None:
    with driving(tmp_path), Store.create(tmp_path) as store:
        page = client(tmp_path)
        store.set_meta("state", "running")
        assert "The run has just begun" in words(page)


def test_a_run_at_work_tells_what_runs_where_and_how_long_it_may_take(own: Path) -> None:
    clock = samples.BEGAN
    with driving(own):
        with Store.create(own) as store:
            store.set_meta("state", "running")
            store.set_meta("now", samples.note_of_now(running=60, waiting=40, at=clock - 2))
        text = words(client(own, clock=lambda: clock))
    assert "Running" in text and "12 of at most 200 MD runs" in text
    assert "60 MD runs on node01 (15), node02 (15), node03 (15), node04 (15); 40 asked for and waiting" in text
    assert "And 10 more MD runs under way" in text and "fit 1 node01 15 %" in text
    assert "at most about 57 min 39 s of search, then the validation" in text  # 188 runs of 18.4 s


def test_an_interrupted_a_failed_and_a_finished_run_say_so(own: Path) -> None:
    page = client(own)
    assert "Interrupted" in words(page) and "--resume goes on" in words(page)
    with Store.create(own) as store:
        store.set_meta("state", "running")
    assert "Interrupted" in words(page)  # nobody holds the folder
    with Store.create(own) as store:
        store.set_meta("failure", "the disk is <full>")
        store.set_meta("state", "failed")
    assert "It failed: the disk is &lt;full&gt;" in words(page)
    with Store.create(own) as store:
        store.set_meta("state", "finished")
    assert "Finished" in words(page) and "failed: the disk" not in words(page)


def test_scores_come_when_they_come(tmp_path: Path) -> None:
    page = client(samples.make_store(tmp_path, validated=True, state="finished"))
    names = [part["name"] for part in page.get("/state").json()["parts"]]
    assert names[:3] == ["answer", "now", "convergence"] and {"validation", "structure", "files"} <= set(names)
    assert "measured on 3 independent validation runs" in words(page)
    assert [f["name"] for f in page.get("/part/curves").json()["figures"]][:1] == ["curves-g-r-si-si"]


def test_failures_are_counted_by_reason_and_the_last_are_told(tmp_path: Path) -> None:
    text = words(client(samples.make_store(tmp_path, evaluations=8 * samples.FAILS)))
    assert "8 of 184 MD runs failed: 3 too-hot, 3 lost-atoms and 2 time-limit." in text
    assert "fit 184 lost-atoms the potential let the melt go wrong at step 4200" in text
    assert "The last 6" in text and "fit 23 " not in text


def test_a_fit_that_learns_shows_its_rounds_and_its_decisions(tmp_path: Path) -> None:
    page = client(learning_samples.make_store(tmp_path, rounds=4, finished=False))
    names = [part["name"] for part in page.get("/state").json()["parts"]]
    assert {"experiment", "search", "windows"} <= set(names)
    assert "selected last lie in the highest" in words(page)


def test_a_landscape_a_comparison_and_a_set_of_glasses_show_what_is_general(own: Path, tmp_path: Path) -> None:
    with Store.create(own) as store:
        store.set_meta(COMPARISON, {"names": ["BKS", "CHIK"], "asked": [], "engines": {}, "skipped": {}})
    assert "0 of 2 potentials scored" in words(client(own))
    with Store.create(own) as store:
        about = {"space": samples.SPACE.to_dict(), "shape": [4, 5], "anchors": False, "fixed": "BKS"}
        store.set_meta(LANDSCAPE, about)
    assert "0 of 20 points" in words(client(own)) and "20 not run yet" in words(client(own))
    glasses = tmp_path / "glasses"
    glasses.mkdir()
    with Store.create(glasses) as store:
        store.set_meta("settings", {"title": "many glasses"})
        one = samples.failed("k", "too-hot")
        store.put_outcome("k", "80 SiO2, run 1", {}, False, "too-hot", 2.0, one.to_bytes())
    text = words(client(glasses))
    assert "many glasses" in text and "1 of 1 MD runs failed: 1 too-hot" in text and "80 SiO2, run 1" in text


def test_a_folder_of_several_runs_names_them_and_the_commands(fit: Path, tmp_path: Path) -> None:
    shutil.copytree(fit, tmp_path / "four")
    samples.make_store(tmp_path / "seven 7", validated=True, state="finished")
    text = words(client(tmp_path))
    assert "2 runs stand in this folder" in text
    assert re.search(r"four Interrupted Interrupted: 12 MD runs, best R_?.* glasspot watch \S+/four", text)
    assert "seven 7&#x27;" in text  # a command that a shell takes


def test_what_a_user_wrote_is_shown_and_not_run(own: Path) -> None:
    nasty = "<script>alert(1)</script>"
    with Store.create(own) as store:
        store.set_meta("plan", {**store.get_meta("plan"), "title": nasty, "description": nasty, "cautions": [nasty]})
        store.put_outcome("x", nasty, {}, False, nasty, 1.0, samples.failed("x", nasty).to_bytes())
    page = client(own)
    for text in (
        page.get("/").text,
        page.get("/part/failures").json()["tables"],
        page.get("/part/failures").json()["top"],
    ):
        assert nasty not in text and "&lt;script&gt;" in text


# What goes wrong


def test_a_folder_that_vanishes_leaves_what_was_read(own: Path) -> None:
    page = client(own)
    assert "12 finished" in words(page)
    own.rename(own.with_name("away"))
    text = words(page)
    assert "is gone, or cannot be reached" in text and "12 finished" in text
    own.with_name("away").rename(own)
    assert "is gone" not in words(page)


def test_a_damaged_store_is_told_with_its_remedy(own: Path) -> None:
    page = client(own)
    assert "12 finished" in words(page)
    path = own / STORE_FILE
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)
    text = words(page)
    assert "glasspot repair" in text and "12 finished" in text
    fresh = words(client(own))
    assert "The run cannot be read" in fresh and "glasspot repair" in fresh


def test_a_store_that_another_program_holds_is_waited_for(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = client(own)
    monkeypatch.setattr(access, "READER_PATIENCE_S", 0.05)
    monkeypatch.setattr("glasspot.store.connect.READER_PATIENCE_S", 0.05)
    holder = sqlite3.connect(own / STORE_FILE, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    text = words(page)
    assert "cannot be read" in text and "12 finished" in text
    holder.rollback()
    holder.close()
    assert "cannot be read" not in words(page)


def test_another_store_in_the_same_place_is_read_anew(own: Path) -> None:
    page = client(own)
    assert "12 finished" in words(page)
    samples.make_store(own.with_name("other"))  # as many evaluations
    with Store.create(own.with_name("other")) as store:
        store.set_meta("page", "another-token-for-the-tests")
        store.put_record("step", 11, samples.step(11) | {"run": 99})
    for path in own.glob(f"{STORE_FILE}*"):
        path.unlink()
    (own.with_name("other") / STORE_FILE).rename(own / STORE_FILE)
    assert "99 of at most 200 MD runs" in words(page)


@pytest.mark.parametrize("driven", [True, False])
def test_nothing_is_written(own: Path, driven: bool) -> None:
    (own / "driver.lock").touch()
    writer = Store.create(own)
    if not driven:
        writer.close()
    before = content(own)
    page = client(own)
    words(page)
    page.get("/")
    assert content(own) == before
    assert driven == ("store.sqlite-wal" in before)
    writer.close()
