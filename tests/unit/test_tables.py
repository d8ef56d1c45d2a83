"""Tables: spacing, accuracy against the closed forms, and the file that LAMMPS reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential
from glasspot.potential.tables import points_for, table_error, tabulate, write_lammps_table


def test_nodes_are_even_in_the_square_and_hit_the_ends() -> None:
    tables = tabulate(load_potential("BKS"), ("Si", "O"), 1001, r_inner=0.4)
    assert tables.r[0] == 0.4 and tables.r[-1] == 8.0 == tables.r_max
    np.testing.assert_allclose(np.diff(tables.r**2), (64.0 - 0.16) / 1000.0, rtol=1e-9)
    assert tables.pairs == (("Si", "Si"), ("Si", "O"), ("O", "O"))
    assert tables.energy.shape == tables.force.shape == (3, 1001)


def test_a_table_converges_to_the_closed_forms_with_the_square_of_the_spacing() -> None:
    potential = load_potential("BKS")
    errors = [table_error(potential, tabulate(potential, ("Si", "O"), n))["Si", "O"] for n in (2001, 4001, 8001)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)


def test_nodes_by_least_squares_beat_plain_values() -> None:
    """RMS sqrt(1/720) against sqrt(1/120) of h'' d^2: a factor of 2.45."""
    potential = load_potential("BKS")
    tables = tabulate(potential, ("Si", "O"), 4001)
    r = np.linspace(1.3, 2.2, 20001)
    exact = potential.pair_force("Si", "O", r)
    plain = np.interp(r * r, tables.r**2, potential.pair_force("Si", "O", tables.r) / tables.r) * r
    fitted = tables.force_at("O", "Si", r)
    ratio = np.sqrt(np.mean((plain - exact) ** 2) / np.mean((fitted - exact) ** 2))
    assert ratio == pytest.approx(6.0**0.5, rel=0.05)
    energy = np.interp(r * r, tables.r**2, tables.energy[1])
    np.testing.assert_allclose(energy, potential.pair_energy("Si", "O", r), rtol=2e-5)


@pytest.mark.parametrize("name", ["BKS", "ML", "Wang-2018"])
def test_points_for_meets_its_tolerance(name: str) -> None:
    potential = load_potential(name)
    for tolerance in (1e-5, 1e-4):
        n_points = points_for(potential, tolerance)
        assert n_points % 1000 == 0
        errors = table_error(potential, tabulate(potential, potential.elements, n_points))
        # The estimate allows for melts being 2.6 times harder than the model of visited distances (rounded up to 1000).
        assert max(errors.values()) < tolerance / 2.0


def test_points_follow_the_steepest_pair_that_is_present() -> None:
    potential = load_potential("Wang-2018")
    assert points_for(potential, 3e-5, ("Na", "O")) < points_for(potential, 3e-5, ("B", "O"))
    assert points_for(potential, 3e-5) == points_for(potential, 3e-5, ("B", "O"))
    with pytest.raises(GlasspotError, match="above zero"):
        points_for(potential, 0.0)


def test_the_file_holds_the_numbers_exactly_enough(tmp_path: Path) -> None:
    potential = load_potential("BKS")
    tables = tabulate(potential, ("Si", "O"), 500)
    path = tmp_path / "silica.table"
    write_lammps_table(path, tables)
    lines = path.read_text().splitlines()
    assert lines[0] == "# UNITS: metal"
    for row, name in enumerate(("Si_Si", "Si_O", "O_O")):
        start = lines.index(name)
        assert lines[start + 1] == "N 500 RSQ 0.3 8.0" and lines[start + 2] == ""
        block = np.array([line.split() for line in lines[start + 3 : start + 503]], dtype=float)
        np.testing.assert_array_equal(block[:, 0], np.arange(1, 501))
        np.testing.assert_allclose(block[:, 1], tables.r, rtol=1e-8)
        np.testing.assert_allclose(block[:, 2], tables.energy[row], rtol=1e-13)
        np.testing.assert_allclose(block[:, 3], tables.force[row], rtol=1e-13)


def test_nonsense_is_refused() -> None:
    potential = load_potential("BKS")
    with pytest.raises(GlasspotError, match="at least 3 points"):
        tabulate(potential, ("Si", "O"), 2)
    with pytest.raises(GlasspotError, match="inner radius"):
        tabulate(potential, ("Si", "O"), 100, r_inner=9.0)
    with pytest.raises(GlasspotError, match='does not know "Na"'):
        tabulate(potential, ("Na", "O"), 100)
