"""Changes that know what they change: one value of a TOML or JSON tree, one word or line of a text.

Bytes changed at random rarely get beyond the first parser; these do. ``chance`` is a ``random.Random``, or what
hypothesis gives in its place, so that a failure is shrunk.
"""

from __future__ import annotations

import copy
import datetime
import json
import tomllib
from random import Random
from typing import Any

NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 7, 50, 100, 1000, 30000, 2**31 - 1, 2**31, 2**63, 10**12, 10**30, 10**400, -(10**400), 1 << 20000,
    0.0, -0.0, 0.5, 1.5, -1.5, 1e-9, 1e-300, 5e-324, 1e9, 1e150, 1e300, -1e300, 1.7976931348623157e308,
    float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
TEXTS = (
    "", " ", ".", "..", "/", "\0", "a\nb", "a\r\nb", "\t", "../../outside", "/etc/passwd", "/dev/null", "/dev/zero",
    "$(touch owned)", "`touch owned`", "; rm -rf x", "| cat", "&& ls", "'", '"', "\\", "<script>alert(1)</script>",
    "</title>", "\u202eabc", "\u200f", "\x1b[31mred\x1b[0m", "\x07", "\ufeff", "\u2028", "é", "硅", "𝕊", "x" * 3000,
    "-", "--help", "-1", "nan", "inf", "True", "None", "{}", "{0}", "%s", "%n", "~", "~root", "CON", "NUL", "x.toml",
    "Si", "O", "B", "Na", "Fe2", "Fe3", "Xx", "Si-O", "O-O", "Si-Si", "SiO2", "70 SiO2 30 Na2O", "GeSe2", "1e999 SiO2",
    "SiO" + "9" * 400, "BKS", "ML", "BMP", "SHIK", "native", "lammps", "ase", "auto", "liquid", "glass", "total",
    "charge.Si", "Si-O.A", "g(r)", "S(Q)", "density", "pressure", "coordination Si-O", "fraction_B4", "Q4 Si", ":",
    "::2", "-1", "::0", "0:10:0", "99999999999999999999",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    True, False, [], [[]], {}, {"": ""}, [0.9, 8.0], [8.0, 0.9], [1], [1, 2, 3], ["a", 1], [None], [{}], [[1, 2], [3]],
    datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1, 12), datetime.time(12), ["Si", "O"], {"Si": 1.0},
)  # fmt: skip
WORDS = tuple(str(number) for number in NUMBERS if not isinstance(number, int) or abs(number) < 10**99) + TEXTS


def nasty(chance: Random) -> Any:
    """Return a value that nobody expects."""
    return copy.deepcopy(chance.choice((NUMBERS, TEXTS, OTHERS)[chance.randrange(3)]))


def deep(levels: int) -> list[Any]:
    """Return lists within lists."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


def changed_tree(tree: Any, chance: Random) -> Any:
    """Return a copy of a tree of dicts and lists with a few changes: values, keys, entries twice or gone."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        _change_one(tree, chance)
    return tree


def _change_one(tree: Any, chance: Random) -> None:
    here = tree
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = chance.choice(keys)
        inside = here[key]
        if isinstance(inside, dict | list) and inside and chance.random() < 0.8:
            here = inside
            continue
        break
    kind = chance.randrange(8)
    if kind == 0:
        del here[key]
    elif kind == 1 and isinstance(here, dict):
        here[str(chance.choice(TEXTS))] = here.pop(key)
    elif kind == 2 and isinstance(here, list):
        here.insert(chance.randrange(len(here) + 1), copy.deepcopy(chance.choice(here)))
    elif kind == 3 and type(inside) in (int, float) and abs(inside) < 1e300:
        here[key] = inside * chance.choice((-1, 0.1, 0.999, 1.001, 2, 10, 1000, 1e6))
    elif kind == 4 and isinstance(inside, str) and inside:
        place = chance.randrange(len(inside) + 1)
        here[key] = inside[:place] + chance.choice(TEXTS) + inside[place + chance.randrange(2) :]
    else:
        here[key] = nasty(chance)


def changed_text(text: str, chance: Random) -> str:
    """Return a text with a few changes of words and lines: another word, a line gone, twice, cut, swapped."""
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        k = min(chance.randrange(len(lines)), chance.randrange(len(lines)))  # heads matter more than rows
        kind = chance.randrange(8)
        if kind == 0 and len(lines) > 1:
            del lines[k]
        elif kind == 1:
            lines.insert(k, lines[chance.randrange(len(lines))])
        elif kind == 2:
            lines[k] = lines[k][: chance.randrange(len(lines[k]) + 1)]
        elif kind == 3:
            del lines[k + 1 :]
        else:
            words = lines[k].split(" ")
            words[chance.randrange(len(words))] = chance.choice(WORDS)
            lines[k] = " ".join(words)
    return "\n".join(lines)


def toml_text(tree: dict[str, Any]) -> str:
    """Return a tree as TOML; tables within it are written inline."""
    return "".join(f"{json.dumps(str(key), ensure_ascii=False)} = {_inline(value)}\n" for key, value in tree.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(str(key), ensure_ascii=False)} = {_inline(v)}" for key, v in value.items())
        return "{ " + inside + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return '""'
    if isinstance(value, int):
        return hex(value) if value > 10**99 else str(value)  # Python shows no number of more than 4300 digits
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def changed_toml(data: bytes, chance: Random) -> bytes | None:
    """Return a TOML text with some values changed; None for what is no TOML."""
    try:
        tree = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return toml_text(changed_tree(tree, chance)).encode("utf-8", "replace")


def changed_json(data: bytes, chance: Random) -> bytes | None:
    """Return a JSON text with some values changed; None for what is no JSON."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict | list):
        return None
    try:
        return json.dumps(changed_tree(tree, chance), default=str).encode("utf-8", "replace")
    except ValueError:  # a number of more digits than Python shows
        return None


def changed_lines(data: bytes, chance: Random) -> bytes:
    """Return a text with some words or lines changed."""
    return changed_text(data.decode("utf-8", "replace"), chance).encode("utf-8", "replace")
