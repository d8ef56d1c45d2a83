"""The profile of hypothesis, and the folder in which the targets work."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_targets import make_folder
from hypothesis import HealthCheck, settings

# The same examples every time: what is new is looked for by guided.py, not by the tests.
settings.register_profile(
    "glasspot", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("glasspot")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for the inputs of the targets of a file."""
    return make_folder(tmp_path_factory.mktemp("fuzz"))
