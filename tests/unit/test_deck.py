"""The text given to LAMMPS: nothing a user typed reaches it raw, numbers are exact, every stage is what was asked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from glasspot.engine import deck
from glasspot.engine.cell import LammpsCell, data_file
from glasspot.errors import GlasspotError
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential, ThreeBody
from glasspot.presets import preset
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame


def potential(**changes: object) -> Potential:
    return Potential.from_dict(
        {
            "name": "test",
            "r_cut": 6.0,
            "charges": {"Si": 2.4, "O": -1.2},
            "coulomb": {"style": "dsf", "alpha": 0.25, "r_cut": 6.0},
            "pair": [
                {"elements": list(pair), "term": [{"form": "inverse-power", "coefficient": 50.0, "n": 12}]}
                for pair in (("Si", "O"), ("O", "O"))
            ],
            **changes,
        }
    )


def frame(velocities: np.ndarray | None = None, cell: object = 12.3) -> Frame:
    positions = [[0.1, 0.2, 0.3], [3, 3, 3], [6.000000000000001, 6, 6]]
    return Frame.from_symbols(["O", "Si", "O"], positions, cell, ("Si", "O"), velocities)


def script(*stages: Stage, **numbers: float) -> str:
    return deck.input_script(Protocol("p", stages, **numbers), frame(), seed=1, threads=1, skin=0.6)


def test_a_whole_protocol_is_one_script() -> None:
    text = deck.input_script(preset("melt-quench"), frame(), seed=1, threads=2, skin=0.6)
    assert '"package omp 2" "suffix omp"' in text
    assert "fix motion0 all npt temp 3000.0 300.0 0.1 iso 0.0 0.0 1.0\nrun 2700000" in text
    assert f"iso {40000 * 1.01325!r} {40000 * 1.01325!r}" in text
    assert text.count("velocity all create") == 1, "drawn once, at the first stage that moves"
    assert text.count("dump samples all custom 1000 samples-8.bin id type x y z") == 1
    assert len(re.findall(r"^run ", text, re.M)) == 8
    assert [int(k) for k in re.findall(r'^print "GLASSPOT stage (\d+)"', text, re.M)] == list(range(9))


def test_gentle_stages_limit_the_moves() -> None:
    text = script(Stage("nvt", 1.0, (500.0, 600.0), gentle=True))
    assert "nve/limit" in text and "langevin 500.0 600.0 0.05" in text
    assert text.index("run 1000") < text.index("velocity all zero linear")


def test_velocities_are_drawn_only_where_asked_or_needed() -> None:
    moving = frame(np.ones((3, 3)))
    stages = (Stage("nvt", 1.0, 300.0), Stage("nvt", 1.0, 400.0, new_velocities=True), Stage("nve", 1.0))
    text = deck.input_script(Protocol("p", stages), moving, seed=1, threads=1, skin=0.6)
    assert re.findall(r"velocity all create (\S+)", text) == ["400.0"]
    assert "fix motion0 all nve\n" in text


def test_other_seeds_give_other_numbers_that_lammps_accepts() -> None:
    seeds = {
        int(re.findall(r"create \S+ (\d+)", deck.input_script(preset("liquid-pdf"), frame(), seed, 1, 0.6))[0])
        for seed in range(50)
    }
    assert len(seeds) == 50
    assert all(0 < seed <= 900_000_000 for seed in seeds)


def test_names_a_user_typed_cannot_become_commands() -> None:
    with pytest.raises(GlasspotError, match="one line"):
        Stage("nve", 1.0, name="x\nshell rm -rf /")
    evil = 'x shell rm -rf / " & $(exec) ${HOME}'
    text = deck.input_script(Protocol(evil, (Stage("nve", 1.0, name=evil),)), frame(), 1, 1, 0.6)
    lines = [line for line in text.splitlines() if "shell" in line]
    assert len(lines) == 2 and all(line.startswith("#") for line in lines)
    assert "$(exec)" not in text and "${HOME}" not in text and "&" not in text
    assert '"' not in "".join(lines)


@pytest.mark.parametrize("name", ["Si O", "Si;", "si", "", "Silicon", "$x"])
def test_a_name_that_is_no_species_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(GlasspotError, match="no name of a species"):
        deck.write_lammps_potential(potential(), ["O", name], tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_include_names_what_the_table_holds(tmp_path: Path) -> None:
    text = deck.write_lammps_potential(potential(), ["O", "Si"], tmp_path)
    assert text == (tmp_path / deck.INCLUDE).read_text()
    n_points = int(re.findall(r"^pair_style table linear (\d+)$", text, re.M)[0])
    table = (tmp_path / deck.TABLE).read_text()
    for i, j, name in re.findall(r"^pair_coeff (\d) (\d) potential.table (\S+)$", text, re.M):
        assert name == f"{['O', 'Si'][int(i) - 1]}_{['O', 'Si'][int(j) - 1]}"
        assert f"\n{name}\nN {n_points} RSQ " in table
    assert "set type 1 charge -1.2\nset type 2 charge 2.4\n" in text
    assert "kspace" not in text and "hybrid" not in text


def test_pppm_has_one_g_ewald(tmp_path: Path) -> None:
    with_mesh = potential(coulomb={"style": "pppm", "r_cut": 6.0, "accuracy": 1e-5})
    text = deck.write_lammps_potential(with_mesh, ["Si", "O"], tmp_path)
    assert re.search(r"^pair_style table linear \d+ pppm$", text, re.M)
    assert f"kspace_modify gewald {with_mesh.coulomb.g_ewald!r} order" in text
    assert "kspace_style pppm 1e-05" in text


def test_three_body_entries_are_complete() -> None:
    terms = (ThreeBody("O", ("Si", "B"), 30.0, 60.0, 1.0, 3.3), ThreeBody("O", ("B", "B"), 12.5, 60.0, 1.0, 3.3))
    lines = deck.three_body_file(terms, ["Si", "B", "O"]).splitlines()[1:]
    entries = {tuple(line.split()[:3]): [float(x) for x in line.split()[3:]] for line in lines}
    assert len(entries) == len(lines) == 27
    assert entries["O", "Si", "B"] == entries["O", "B", "Si"] == [30.0, 60.0, 1.0, 3.3]
    # O-Si-Si has no energy, but LAMMPS reads the reach of the arm O-Si from it.
    assert entries["O", "Si", "Si"] == [0.0, 0.0, 1.0, 3.3]
    assert entries["Si", "O", "O"][0] == 0.0 and entries["Si", "O", "O"][3] == 0.0


def test_three_body_cutoffs_that_lammps_cannot_tell_apart_are_refused() -> None:
    terms = (ThreeBody("O", ("Si", "Si"), 30.0, 60.0, 1.0, 3.3), ThreeBody("O", ("Si", "B"), 12.5, 60.0, 1.0, 2.0))
    with pytest.raises(GlasspotError, match="one cut-off for each arm"):
        deck.three_body_file(terms, ["Si", "B", "O"])


def test_three_body_terms_of_absent_species_are_left_out(tmp_path: Path) -> None:
    term = {"centre": "O", "ends": ["B", "B"], "K": 1.0, "theta0": 60.0, "rho": 1.0, "r_cut": 3.3}
    with_boron = potential(charges={"Si": 2.4, "B": 1.8, "O": -1.2}, three_body=[term])
    assert "nb3b" not in deck.write_lammps_potential(with_boron, ["Si", "O"], tmp_path)
    assert not (tmp_path / deck.THREE_BODY).exists()


def test_the_data_file_is_exact() -> None:
    velocities = np.array([[1.0, 2.0, 3.0], [1e-17, 0.1 + 0.2, -4.0], [0.0, 0.0, 1 / 3]])
    moving = frame(velocities)
    text = data_file(moving, LammpsCell.of(moving), {"Si": 2.4, "O": -1.2}, {"Si": 28.085, "O": 15.999})
    assert "3 atoms\n2 atom types\n0.0 12.3 xlo xhi" in text
    assert "1 28.085  # Si\n2 15.999  # O" in text
    atoms = text.split("Atoms  # charge\n\n")[1].split("\n\n")[0].splitlines()
    assert atoms[0].split()[:3] == ["1", "2", "-1.2"] and atoms[1].split()[:3] == ["2", "1", "2.4"]
    np.testing.assert_array_equal([[float(x) for x in line.split()[3:]] for line in atoms], moving.positions)
    lines = text.split("Velocities\n\n")[1].splitlines()
    np.testing.assert_array_equal([[float(x) for x in line.split()[1:]] for line in lines], velocities)


def test_a_box_is_left_as_it_is_and_any_cell_is_turned() -> None:
    np.testing.assert_array_equal(LammpsCell.of(frame()).rotation, np.eye(3))
    rng = np.random.default_rng(3)
    for _ in range(20):
        tilted = frame(cell=rng.normal(size=(3, 3)) * 5 + np.eye(3))
        turned = LammpsCell.of(tilted)
        np.testing.assert_array_equal(turned.cell, np.tril(turned.cell))
        assert np.all(np.diag(turned.cell) > 0) and not turned.is_orthogonal
        # 1e-12: a rotation of numbers of order ten.
        np.testing.assert_allclose(turned.into(tilted.cell), turned.cell, atol=1e-12)
        np.testing.assert_allclose(turned.back(turned.into(tilted.positions)), tilted.positions, atol=1e-12)


def test_labels_of_oxidation_states_have_the_mass_of_their_element() -> None:
    pair = Frame(np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), np.eye(3) * 8.0, ("Fe3", "O"), np.array([0, 1]))
    text = deck.data_text(load_potential("Guillot-Sator"), pair)
    lines = text.partition("Masses")[2].partition("Atoms")[0].split("\n")
    rows = [line.split() for line in lines if line.strip()]
    assert {row[-1]: float(row[1]) for row in rows} == {"Fe3": pytest.approx(55.845), "O": pytest.approx(15.999)}
