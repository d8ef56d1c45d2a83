"""POD models: sums of frames against LAMMPS itself, fits against fitpod's, and what a folder of a model holds."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from glasspot.engine.process import find_program
from glasspot.errors import GlasspotError
from glasspot.mlip.linear import Form, Sums, Weights, solve
from glasspot.mlip.model import errors
from glasspot.mlip.pod import mean_energies, weights_of
from glasspot.mlip.pod_basis import PodBasis
from glasspot.mlip.pod_descriptors import MOST_ATOMS, describe, strain_derivatives
from glasspot.mlip.pod_trials import cross_validate, folds
from glasspot.mlip.points import members, single_points
from glasspot.mlip.prior import like, make_prior, packings
from glasspot.potential.io import load_any, load_potential
from glasspot.structure.frames import Frame
from pod_samples import ELEMENTS, SETTINGS, alloy_set, model_of


@pytest.fixture(scope="module")
def sums_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sums")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, sums_folder: Path):
    data = alloy_set()
    model = model_of(data, sums_folder, prior=0.0)
    return model, data, model.fit(data.frames[:7], SETTINGS, tmp_path_factory.mktemp("model"))


def test_errors_from_sums_are_those_of_lammps(fitted) -> None:
    """Energies, forces and stresses in a cell without right angles: nothing turned or wrapped the wrong way."""
    model, data, potential = fitted
    test = data.frames[7:]
    by_lammps = errors(test, model.predict(potential, test))
    solution = solve(model.sums(data.frames[:7], SETTINGS), weights_of(SETTINGS))
    by_sums = model.sums(test, SETTINGS).errors(solution)
    # The strain derivatives are central differences: 1e-6 of a stress of some GPa. The rest is the same arithmetic.
    assert by_sums.energy_rmse_meV_per_atom == pytest.approx(by_lammps.energy_rmse_meV_per_atom, rel=1e-5)
    assert by_sums.force_rmse_eV_per_A == pytest.approx(by_lammps.force_rmse_eV_per_A, rel=1e-7)
    assert by_sums.stress_rmse_GPa == pytest.approx(by_lammps.stress_rmse_GPa, rel=1e-3)


def test_the_model_learns(fitted) -> None:
    """Better by far than saying the mean: EMT of an alloy is easy. Measured: 0.9 meV/atom and 0.03 eV/A."""
    model, data, potential = fitted
    found = errors(data.frames[7:], model.predict(potential, data.frames[7:]))
    spread = np.std([1e3 * f.energy / f.n_atoms for f in data.frames])
    force = np.sqrt(np.mean([np.mean(f.forces**2) for f in data.frames]))
    assert found.energy_rmse_meV_per_atom < 0.3 * spread
    assert found.force_rmse_eV_per_A < 0.2 * force


def test_without_stresses_and_prior_the_fit_is_fitpods(tmp_path: Path) -> None:
    """fitpod of LAMMPS minimises the same sum: its own test errors, printed with six digits, are ours."""
    data = alloy_set(stress=False)
    model = model_of(data, tmp_path / "sums", prior=0.0)
    weights = Weights(energy=100.0, stress=0.0, ridge=1e-10)
    ours = model.sums(data.frames[7:], SETTINGS).errors(solve(model.sums(data.frames[:7], SETTINGS), weights))
    for name, frames in (("train", data.frames[:7]), ("tests", data.frames[7:])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.xyz").write_text("".join(_for_fitpod(frame, model.offsets) for frame in frames))
    (tmp_path / "p.pod").write_text(PodBasis(ELEMENTS, 4.0, 1).text)
    (tmp_path / "d.pod").write_text(
        'file_format extxyz\nfile_extension xyz\npath_to_training_data_set "train"\npath_to_test_data_set "tests"\n'
        "fitting_weight_energy 100\nfitting_weight_force 1\nfitting_regularization_parameter 1e-10\n"
        "error_analysis_for_test_data_set 1\nrandomize_training_data_set 0\nrandomize_test_data_set 0\n"
    )
    (tmp_path / "in").write_text("units metal\nfitpod p.pod d.pod\n")
    program = find_program(None)
    subprocess.run([*program.argv, "-in", "in"], cwd=tmp_path, env=program.environment, check=True, capture_output=True)
    found = re.findall(r"All files\s+3\s+96\s+(.*)", (tmp_path / "log.lammps").read_text())
    _, energy, _, force = (float(x) for x in found[-1].split())
    # fitpod's ridge is not scaled as ours: both are far too small to matter.
    assert 1e-3 * ours.energy_rmse_meV_per_atom == pytest.approx(energy, abs=2e-5)
    assert ours.force_rmse_eV_per_A == pytest.approx(force, rel=0.01)


def _for_fitpod(frame, offsets) -> str:
    cell = " ".join(f"{x!r}" for x in frame.frame.cell.ravel().tolist())
    energy = float(frame.energy - sum(offsets[name] for name in frame.symbols))
    lines = [
        str(frame.n_atoms),
        f'Lattice="{cell}" energy={energy!r} stress="0 0 0 0 0 0 0 0 0" Properties=species:S:1:pos:R:3:forces:R:3',
    ]
    for name, place, force in zip(frame.symbols, frame.frame.positions.tolist(), frame.forces.tolist(), strict=True):
        lines.append(f"{name} {' '.join(repr(x) for x in (*place, *force))}")
    return "\n".join(lines) + "\n"


def test_strain_derivatives_follow_the_energy() -> None:
    """Along a finite strain the change of the values is the integral of their derivatives (trapezium: third order)."""
    frame = alloy_set().frames[0].frame
    basis = PodBasis(ELEMENTS, 4.0, 1)
    shear = np.zeros((3, 3))
    shear[0, 1] = shear[1, 0] = 0.002
    bend = scipy.linalg.expm(shear)  # so that every step of the way is the same shear
    bent = Frame(frame.positions @ bend, frame.cell @ bend, frame.species, frame.types)
    before, after = (d.values for d in describe(basis, [frame, bent], derivatives=False))
    slopes = [s[5] for s in strain_derivatives(basis, [frame, bent])]
    assert after - before == pytest.approx(0.004 * 0.5 * (slopes[0] + slopes[1]), rel=1e-3, abs=2e-5)


def test_sums_of_repeated_frames(fitted) -> None:
    model, data, _ = fitted
    design = model.design(SETTINGS)
    drawn = Sums.of(design.rows(data.frames[:3]), [2, 0, 1])
    listed = Sums.of(design.rows([data.frames[0], data.frames[0], data.frames[2]]))
    assert drawn.frames == 3
    assert np.allclose(drawn.force.matrix, listed.force.matrix, rtol=1e-12)
    assert np.allclose(drawn.energy.right, listed.energy.right, rtol=1e-12)
    taken_out = listed.plus(Sums.of(design.rows(data.frames[:1])), -2)
    assert np.allclose(taken_out.force.matrix, Sums.of(design.rows(data.frames[2:3])).force.matrix, rtol=1e-6)


def test_cross_validation_is_fits_without_a_part(fitted) -> None:
    model, data, _ = fitted
    design = model.design(SETTINGS)
    weights = weights_of(SETTINGS)
    prior = make_prior(design.basis, model.like, design.folder)
    parts = folds(data.frames)
    # Taking a part out of the sums costs some digits; so does an ill-conditioned system.
    quick = cross_validate([Sums.of(design.rows(part)) for part in parts], weights, prior, 2.0, 1.0)
    squares, count = 0.0, 0
    for k, part in enumerate(parts):
        rest = Sums.of(design.rows([f for j, other in enumerate(parts) if j != k for f in other]))
        left = model.sums(part, SETTINGS).errors(solve(prior.added(rest, 2.0, 1.0), weights))
        squares += len(part) * left.energy_rmse_meV_per_atom**2
        count += len(part)
    assert sorted(f.key for part in parts for f in part) == sorted(f.key for f in data.frames)
    assert quick.energy_rmse_meV_per_atom == pytest.approx(np.sqrt(squares / count), rel=1e-4)


def test_sums_are_kept_and_belong_to_their_labels(tmp_path: Path) -> None:
    data = alloy_set(4)
    model = model_of(data, tmp_path)
    model.sums(data.frames, SETTINGS)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert len(kept) == 4
    model.sums(data.frames, SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")} == kept
    other = replace(data.frames[0], forces=data.frames[0].forces + 0.1)
    model.sums([other], SETTINGS)
    assert len(list(tmp_path.rglob("*.npy"))) == 5


def test_frames_a_fit_cannot_take(tmp_path: Path) -> None:
    data = alloy_set(4)
    model = model_of(data, tmp_path)
    with pytest.raises(GlasspotError, match="emt:0 has no energy or no forces"):
        model.sums([replace(data.frames[0], forces=None)], SETTINGS)
    with pytest.raises(GlasspotError, match="too few for a cross-validation"):
        model.assess(data.frames[:3], SETTINGS)
    many = MOST_ATOMS + 1
    crowd = Frame(np.zeros((many, 3)), np.eye(3) * 50, ("Cu",), np.zeros(many, dtype=int))
    with pytest.raises(GlasspotError, match="up to 2000"):
        describe(PodBasis(("Cu",), 4.0, 1), [crowd])


def test_atoms_that_do_not_see_each_other_are_refused() -> None:
    frame = Frame(np.array([[0.0, 0, 0], [6, 0, 0]]), np.eye(3) * 12, ("Cu",), np.array([0, 0]))
    with pytest.raises(GlasspotError, match="no two closer than r_cut, 4 A"):
        describe(PodBasis(("Cu",), 4.0, 1), [frame])


def test_a_fit_to_nothing_is_singular() -> None:
    nothing = Form(np.zeros((3, 3)), np.zeros(3), 0.0, 0.0)
    with pytest.raises(GlasspotError, match="singular"):
        solve(Sums(nothing, nothing, nothing, 1), Weights())
    twice = Form(np.ones((2, 2)), np.ones(2), 1.0, 1.0)
    with pytest.raises(GlasspotError, match="1 frames do not determine 2 coefficients"):
        solve(Sums(twice, twice, twice, 1), Weights(ridge=-1.0))


def test_the_committee_spreads_where_data_are_few(fitted) -> None:
    """Members agree on a frame they were fitted to, and differ more on a squeezed one that none has seen."""
    _, data, potential = fitted
    assert len(members(potential)) == 8
    known = data.frames[0].frame
    squeezed = Frame(known.positions * 0.93, known.cell * 0.93, known.species, known.types)
    said = single_points(potential, [known, squeezed], members(potential))
    spread = [np.std([labels.forces for labels in frame], axis=0).mean() for frame in said]
    assert spread[1] > 2 * spread[0] > 0


def test_a_potential_is_found_again_by_its_file(fitted) -> None:
    _, _, potential = fitted
    path = potential.files["coefficients"].parent / "potential.toml"
    again = load_any(path)
    assert again == potential
    assert again.potential_id == potential.potential_id
    assert again.closest["Cu-Au"] == pytest.approx(potential.closest["Cu-Au"], abs=0)
    with pytest.raises(GlasspotError, match="machine-learned potential"):
        load_potential(path)


def test_the_prior_lifts_packings_and_is_no_error(fitted) -> None:
    model, data, _ = fitted
    design = model.design(SETTINGS)
    prior = make_prior(design.basis, model.like, design.folder)
    sums = Sums.of(design.rows(data.frames[:7]))
    level = prior.level(sums)
    with_it = prior.added(sums, 50.0, level)
    assert (with_it.force.count, with_it.force.square) == (sums.force.count, sums.force.square)
    free, held = (prior.energies @ solve(one, weights_of(SETTINGS)) for one in (sums, with_it))
    assert np.std(held) < 0.5 * np.std(free)
    assert abs(held.mean() - level) < 0.2 * level
    assert prior.added(sums, 0.0, level) is sums


def test_packings_are_like_the_data_and_always_the_same() -> None:
    data = like(alloy_set().frames, ELEMENTS)
    assert data.shares == {"Cu": 0.75, "Au": 0.25}
    one, two = packings(data), packings(data)
    assert len(one) > 30
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(one, two, strict=True))
    thick = [frame.n_atoms / abs(np.linalg.det(frame.cell)) / data.density for frame in one]
    assert 0.55 < min(thick) < 0.8
    assert 1.3 < max(thick) < 2.3


def test_mean_energies_of_one_and_of_several_compositions() -> None:
    data = alloy_set()
    energies = mean_energies(data.frames, ELEMENTS)
    per_atom = np.mean([f.energy / f.n_atoms for f in data.frames])
    assert 0.75 * energies["Cu"] + 0.25 * energies["Au"] == pytest.approx(per_atom, rel=1e-9)
