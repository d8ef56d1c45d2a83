"""What a missing extra says."""

import sys

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.extras import need


def test_what_is_installed_is_imported():
    assert need("numpy", "NumPy", "fast", "counting") is np


def test_a_missing_extra_is_one_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "botorch", None)
    from glasspot.search.bayes import Bayes

    with pytest.raises(GlasspotError) as told:
        Bayes(start=np.array([0.5, 0.5]), seed=1)
    assert str(told.value) == 'method "bayes" needs BoTorch: pip install "glasspot[bayes]"'
