"""Damage every page of a store in turn, ask it everything, repair it: a drill with figures, and a part of the tests.

    python tests/store_drill.py DIR [--every 1] [--seed 1]

DIR is the folder of a finished run; only a copy of its store is damaged. After each damage: whatever the store answers
must be what was written, what it refuses must be told as damage, and a repair must save every run that does not lie on
the damaged page, so that the store is whole again.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError
from glasspot.evaluate.stored import verified
from glasspot.store import STORE_FILE, Store
from glasspot.store.pages import Pages
from glasspot.store.repair import check, repair
from store_samples import PAGE, Written, answers, truth

Harm = Callable[[bytearray, random.Random], None]


def zeros(page: bytearray, chance: random.Random) -> None:
    """Let a page be zeros."""
    page[:] = bytes(len(page))


def noise(page: bytearray, chance: random.Random) -> None:
    """Let a page be noise."""
    page[:] = chance.randbytes(len(page))


def flips(page: bytearray, chance: random.Random) -> None:
    """Turn eight bits of a page."""
    for _ in range(8):
        page[chance.randrange(len(page))] ^= 1 << chance.randrange(8)


def sector(page: bytearray, chance: random.Random) -> None:
    """Let a sector of 512 bytes be zeros."""
    at = 512 * chance.randrange(len(page) // 512)
    page[at : at + 512] = bytes(512)


def header(page: bytearray, chance: random.Random) -> None:
    """Turn a bit of what tells where the rows of a page are."""
    page[chance.randrange(40)] ^= 1 << chance.randrange(8)


HARMS: tuple[Harm, ...] = (zeros, noise, flips, sector, header)


def harmed(data: bytes, number: int, harm: Harm, chance: random.Random) -> bytes:
    """Return the bytes of a store with one page harmed; numbers begin at 1."""
    page = bytearray(data[PAGE * (number - 1) : PAGE * number])
    harm(page, chance)
    return data[: PAGE * (number - 1)] + bytes(page) + data[PAGE * number :]


def look(folder: Path, content: Written) -> tuple[dict[str, Any], bool]:
    """Return what a store answers, and whether it refused anything, telling that it is damaged."""
    try:
        with Store.open(folder) as store:
            found = answers(store, content)
    except GlasspotError as error:
        assert "glasspot repair" in str(error), error
        return {}, True
    return found, len(found) < len(truth(content))


def drill(
    whole: Path, work: Path, content: Written, harm: Harm, chance: random.Random, pages: Iterable[int]
) -> Counter[str]:
    """Harm these pages of the store ``whole`` in turn, in the empty folder ``work``; return what was counted."""
    data, expected = whole.read_bytes(), truth(content)
    count: Counter[str] = Counter()
    with Pages(whole) as sound:
        lies_on = {str(c.values()[0]): c.on() for c in sound.cells() if c.columns == 8}
    for number in pages:
        damaged = harmed(data, number, harm, chance)
        (work / STORE_FILE).write_bytes(damaged)
        found, refused = look(work, content)
        assert found == {name: expected[name] for name in found}, f"page {number}: a wrong answer"
        faults = check(work, verified).faults
        assert faults or not refused, f"page {number}: refused, and the check finds nothing"
        count += Counter({"pages": 1, "refused": int(refused), "found by a check": int(bool(faults))})
        if not faults:
            continue
        saved, kept = repair(work, verified)
        assert kept is not None and kept.read_bytes() == damaged
        with Store.open(work) as store:
            again = answers(store, content)
        there = again["all"]
        assert {key for key, on in lies_on.items() if number not in on} <= set(there), f"page {number}: a run is lost"
        assert there == {key: expected["all"][key] for key in there} and saved.runs[0] == len(there)
        assert all(again[f"run {key}"] == expected[f"run {key}"] for key in there)
        for kind, records in content.records.items():
            assert again[f"records {kind}"] == records[: len(again[f"records {kind}"])]
        assert check(work, verified).faults == ()
        lost = len(lies_on) - len(there)
        count += Counter({"runs saved": len(there), "runs lost": lost, "nothing lost": int(saved.everything)})
        for file in work.iterdir():
            file.unlink()
    return count


def content_of(folder: Path) -> Written:
    """Return what a whole store holds."""
    with Store.open(folder) as store:
        rows = {
            o["key"]: (o["label"], o["ok"], o["reason"], o["seconds"], store.get_outcome(o["key"]) or b"")
            for o in store.outcomes()
        }
        connection = sqlite3.connect(store.path)
        kinds = [kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM records")]
        names = [name for (name,) in connection.execute("SELECT key FROM meta")]
        connection.close()
        records = {kind: store.records(kind) for kind in kinds}
        # A repair that lost something writes over the one and leaves the other out.
        return Written(rows, records, {n: store.get_meta(n) for n in names if n not in ("state", "now")})


def main() -> None:
    """Do the drill and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--every", type=int, default=1, help="of so many pages one")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    whole, content = args.folder / STORE_FILE, content_of(args.folder)
    print(f"{whole}: {whole.stat().st_size // PAGE} pages, {len(content.rows)} runs")
    for harm in HARMS:
        with tempfile.TemporaryDirectory() as work:
            chance = random.Random(args.seed)
            pages = range(1, whole.stat().st_size // PAGE + 1, args.every)
            print(harm.__name__, dict(drill(whole, Path(work), content, harm, chance, pages)), flush=True)


if __name__ == "__main__":
    main()
