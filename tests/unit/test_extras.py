"""What a missing extra says."""

import sys

import numpy as np
import pytest

from glasspot.cli.fit import fit_in
from glasspot.errors import GlasspotError
from glasspot.execute.place import here
from glasspot.extras import need
from linear_world import plan


def test_what_is_installed_is_imported():
    assert need("numpy", "NumPy", "fast", "counting") is np


def test_a_missing_extra_is_one_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "botorch", None)
    from glasspot.search.bayes import Bayes

    with pytest.raises(GlasspotError) as told:
        Bayes(start=np.array([0.5, 0.5]), seed=1)
    assert str(told.value) == 'method "bayes" needs BoTorch: pip install "glasspot[bayes]"'


def test_a_fit_is_refused_before_anything_is_run_whatever_the_place_of_the_method(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "botorch", None)
    folder = tmp_path / "fit"
    with pytest.raises(GlasspotError, match="needs BoTorch"):
        fit_in(folder, plan(methods=("gauss-newton", "bayes")), [], tmp_path, here(1), resume=False)
    assert not folder.exists()
