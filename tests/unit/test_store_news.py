"""What is new in a store: outcomes in the order of storing, from any of them on, in stores of today and of before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from glasspot.store import Store
from glasspot.store.news import News
from store_samples import Written, made, write, write_old


@pytest.mark.parametrize("writer", [write, write_old])
@pytest.mark.parametrize("number", [-1, 0, 1, 7, 17, 18, 99])
def test_the_outcomes_after_one_are_told(tmp_path: Path, writer: Callable[[Path, Written], Path], number: int) -> None:
    content = made(runs=18)
    writer(tmp_path, content)
    with Store.open(tmp_path) as store:
        found = News(store).runs_after(number)
    labels = [label for label, *_ in content.rows.values()]
    assert [run.label for run in found] == labels[max(0, number) :]
    assert [run.number for run in found] == list(range(max(0, number) + 1, 19))
    assert [run.key for run in found] == list(content.rows)[max(0, number) :]
