"""Tables and records that nobody expects: TOML of fits, quenches, sets and potentials, JSON, compositions, curves."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from fuzz_mutate import deep, toml_text
from fuzz_targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspot.errors import GlasspotError

TABLES = ("fit-toml", "compare-toml", "glass-toml", "dataset-toml", "potential-toml", "learned-toml")
TEXTS = ("composition", "trust-json", "mlip-record", "csv", "own-curves", "lammps-log")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=10), inside, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", [*TABLES, *TEXTS])
@settings(max_examples=150)
@given(chance=st.randoms(use_true_random=False))
def test_a_sample_with_some_values_changed(name: str, case: Path, chance: Random) -> None:
    target = TARGETS[name]
    changed = target.change(chance.choice(target.samples()), chance)
    if changed is not None:
        target.try_one(changed, case)


@pytest.mark.parametrize("name", [*TABLES, *TEXTS])
@settings(max_examples=30)
@given(data=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_bytes_and_texts_that_are_no_table(name: str, case: Path, data: bytes) -> None:
    TARGETS[name].try_one(data, case)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=40)
@given(table=st.dictionaries(st.text(max_size=10), values, max_size=4))
def test_tables_of_anything(name: str, case: Path, table: dict[str, object]) -> None:
    assert isinstance(TARGETS[name].try_one(toml_text(table).encode("utf-8", "replace"), case), GlasspotError)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("key", ["system", "target", "protocol", "potential", "pair", "charges", "fill", "files"])
def test_brackets_nested_deeply(name: str, key: str, case: Path) -> None:
    for levels in (50, 300, 100_000):
        text = f"{key} = {'[' * levels}{']' * levels}\n" if levels > 1000 else toml_text({key: deep(levels)})
        assert isinstance(TARGETS[name].try_one(text.encode(), case), GlasspotError)


WORDS = ["70", "30", " ", "SiO2", "Na2O", "B2O3", "Te", "GeSe2", "%", "mol%", "wt %", "at%", "-", "+", "e", "1e9", "0",
         ".", "O", "₂", "٣", "\u202e", "\0", "9" * 30, "Xx"]  # fmt: skip


@settings(max_examples=300)
@given(text=st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=12).map("".join))
def test_compositions_of_words(case: Path, text: str) -> None:
    TARGETS["composition"].try_one(text.encode("utf-8", "surrogateescape"), case)


OXIDES = st.sampled_from(["SiO2", "Na2O", "B2O3", "Al2O3", "CaO"])


@settings(max_examples=100)
@given(shares=st.lists(st.tuples(OXIDES, st.floats(0, 1e6)), min_size=1, max_size=5))
def test_a_composition_that_is_read_is_read_again_the_same(shares: list[tuple[str, float]]) -> None:
    from glasspot.composition import Composition

    try:
        found = Composition.parse(" ".join(f"{share!r} {oxide}" for oxide, share in shares))
    except GlasspotError:
        return
    assert sum(found.fractions.values()) == pytest.approx(1)
    again = Composition.parse(str(found))
    assert again.fractions == pytest.approx(found.fractions, abs=1e-5)
