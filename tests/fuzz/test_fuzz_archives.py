"""Archives of arrays that nobody expects: models, sets of curves, outcomes, parities; bombs and pickles among them."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import fuzz_samples
import numpy as np
import pytest
from fuzz_targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspot.errors import GlasspotError

HEADED = {"model-file": "header", "curve-set": "header", "outcome": "__header__"}
NAMES = (*HEADED, "parity")


@pytest.mark.parametrize("name", HEADED)
@settings(max_examples=150)
@given(chance=st.randoms(use_true_random=False))
def test_a_header_with_some_values_changed(name: str, case: Path, chance: Random) -> None:
    target = TARGETS[name]
    header = next(sample for sample in target.samples() if sample[:2] != b"PK")
    changed = target.change(header, chance)
    if changed is not None:
        target.try_one(changed, case)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(data=st.data())
def test_an_archive_with_some_bytes_changed(name: str, case: Path, data: st.DataObject) -> None:
    sample = bytearray(next(sample for sample in TARGETS[name].samples() if sample[:2] == b"PK"))
    for _ in range(data.draw(st.integers(1, 8))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    TARGETS[name].try_one(bytes(sample[: data.draw(st.integers(2, len(sample)))]), case)


def packed(**members: bytes) -> bytes:
    """Return an archive of members that are what they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npy(descr: str, shape: str, content: bytes = b"") -> bytes:
    """Return an .npy that says what it likes of itself."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


class Harm:
    """Would make a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, ("owned", "w"))


def pickled() -> bytes:
    array = np.empty(1, dtype=object)
    array[0] = Harm()
    return npy("'|O'", "(1,)", pickle.dumps(array))


STRANGE = {
    "a pickle": pickled(),
    "more than memory": npy("'<f8'", "(1000000000000,)"),
    "a count that overflows": npy("'<f8'", "(9223372036854775807, 9223372036854775807)"),
    "below zero": npy("'<f8'", "(-1,)"),
    "texts without end": npy("'<U1000000000'", "(1,)"),
    "deep": npy("(" * 500 + ")" * 500, "(1,)"),
    "code": npy("__import__('os').system('touch owned')", "(1,)"),
    "complex": npy("'<c16'", "(1,)", bytes(16)),
    "nothing": b"",
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("name", NAMES)
def test_strange_arrays_are_refused(name: str, what: str, case: Path) -> None:
    member = HEADED.get(name, "use")
    data = packed(**{member: STRANGE[what]})
    assert isinstance(TARGETS[name].try_one(data, case), GlasspotError)
    assert not Path("owned").exists()


@pytest.mark.parametrize("what", STRANGE)
def test_strange_arrays_of_deepmd_are_refused(what: str, case: Path) -> None:
    parts = fuzz_samples.deepmd()[0].split(fuzz_samples.BETWEEN)
    data = fuzz_samples.BETWEEN.join([*parts[:2], STRANGE[what], *parts[3:]])
    assert isinstance(TARGETS["data-deepmd"].try_one(data, case), GlasspotError)


@pytest.mark.parametrize("name", NAMES)
def test_a_bomb_is_refused_before_it_is_unpacked(name: str, case: Path) -> None:
    header = HEADED.get(name, "use")
    bomb = packed(**{header: npy("'|u1'", "(3000000000,)", bytes(10**6))})
    bomb = bomb.replace((10**6 + 128).to_bytes(4, "little"), (3 * 10**9).to_bytes(4, "little"))
    assert isinstance(TARGETS[name].try_one(bomb, case), GlasspotError)
