"""Files of atoms that nobody expects: structures, trajectories, ab initio data, what LAMMPS writes."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random

import numpy as np
import pytest
from fuzz_mutate import changed_lines
from fuzz_targets import TARGETS
from fuzz_watch import said_or_done
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame

NAMES = ("structure", "data-extxyz", "data-outcar", "data-cp2k", "data-deepmd", "lammps-dump")
PACKED = {"structure-gz": "structure", "data-extxyz-gz": "data-extxyz"}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(chance=st.randoms(use_true_random=False))
def test_a_sample_with_some_words_changed(name: str, case: Path, chance: Random) -> None:
    target = TARGETS[name]
    changed = target.change(chance.choice(target.samples()), chance)
    assert changed is not None
    target.try_one(changed, case)


@pytest.mark.parametrize("name", [*NAMES, *PACKED])
@settings(max_examples=40)
@given(chance=st.randoms(use_true_random=False), data=st.data())
def test_a_sample_with_some_bytes_changed(name: str, case: Path, chance: Random, data: st.DataObject) -> None:
    sample = bytearray(chance.choice(TARGETS[name].samples()))
    for _ in range(data.draw(st.integers(1, 8))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    TARGETS[name].try_one(bytes(sample[: data.draw(st.integers(1, len(sample)))]), case)


@pytest.mark.parametrize("name", PACKED)
@settings(max_examples=30)
@given(chance=st.randoms(use_true_random=False))
def test_a_packed_sample_with_some_words_changed(name: str, case: Path, chance: Random) -> None:
    text = changed_lines(chance.choice(TARGETS[PACKED[name]].samples()), chance)
    TARGETS[name].try_one(gzip.compress(text, 1), case)


@settings(max_examples=100)
@given(
    cell=st.lists(st.floats(-1e12, 1e12) | st.floats(-3, 3), min_size=9, max_size=9),
    places=st.lists(st.floats() | st.floats(-5, 5), min_size=9, max_size=9),
)
def test_a_frame_has_neighbours_in_no_time_or_is_refused(cell: list[float], places: list[float]) -> None:
    """A cell as thin as nothing has no end of images within reach."""
    from glasspot.structure.pairs import compile_kernels, fine_histogram, neighbour_list

    compile_kernels()  # numba keeps what it compiled in pickles of its own

    def look() -> None:
        frame = Frame.from_symbols(["Si", "O", "O"], np.reshape(places, (3, 3)), np.reshape(cell, (3, 3)))
        fine_histogram(frame, 3.0, 10)
        neighbour_list(frame, np.full((2, 2), 3.0))

    said_or_done(look)


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/full", "/dev", "x" * 5000, "a\0b"])
@pytest.mark.parametrize("name", ["structure", "data"])
def test_what_is_no_file_is_refused(name: str, place: str) -> None:
    from glasspot.dataset.reading import read_dataset
    from glasspot.structure.readers import read_frames

    read = read_frames if name == "structure" else read_dataset
    assert isinstance(said_or_done(lambda: read(Path(place))), GlasspotError)


@pytest.mark.parametrize("place", ["/dev/zero", "/proc", "a\0b", "x" * 5000])
def test_tables_and_curves_from_what_is_no_file_are_refused(place: str) -> None:
    from glasspot.config import load_fit_config
    from glasspot.curves import read_columns
    from glasspot.potential.io import load_any

    for read in (load_fit_config, read_columns, lambda path: load_any(f"{path}/x.toml")):
        assert isinstance(said_or_done(lambda read=read: read(Path(place))), GlasspotError)


@settings(max_examples=40)
@given(
    length=st.sampled_from([2.0, 3.0, 6.0, 12.0, 40.0]),
    places=st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=1, max_size=24),
    symbols=st.sampled_from([("Si", "O"), ("As", "Te"), ("H",), ("O", "Na", "Si")]),
)
def test_a_heap_of_atoms_is_analysed_or_refused(
    length: float, places: list[tuple[int, int, int]], symbols: tuple[str, ...]
) -> None:
    """Atoms in one place, on a lattice, alone, without bonds: what `glasspot analyse` is given at times."""
    from glasspot.report.analysis import csv_files, summary_document, text_report
    from glasspot.structure.analysis import analyse

    names = [symbols[k % len(symbols)] for k in range(len(places))]
    try:
        found = analyse(Frame.from_symbols(names, np.array(places) * length / 13.0, length))
    except GlasspotError:
        return
    assert text_report(found, "x") and summary_document([("x", found)]) and csv_files(found)
