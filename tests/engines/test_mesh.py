"""The mesh of the native engine: against the plain Ewald sum; its transform against numpy's; its error as estimated.

Systems are charges at random places: what the estimate of the error speaks of, and the worst that can be asked. Forces
are compared in units of the typical force <q^2> / d^2 of glasspot.engine.native.accuracy, energies and virials in
units of the self energy, the largest number that enters; float32 leaves both with an error of some 1e-7.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import BSpline

from glasspot.engine import ewald
from glasspot.engine.native import accuracy, influence, mesh, spline, transform
from glasspot.engine.native.variant import choose, has_avx512
from glasspot.errors import GlasspotError
from glasspot.units import COULOMB_CONSTANT

ALPHA = 0.3085
VARIANTS = [
    pytest.param("avx512", marks=pytest.mark.skipif(not has_avx512(), reason="this processor has no AVX-512")),
    "portable",
]
variants = pytest.mark.parametrize("variant", VARIANTS)


class System:
    """Neutral charges at random places, as fractions of the cell, and a mesh for them."""

    def __init__(
        self, n: int, lengths: Any, alpha: float = ALPHA, error: float = 1e-5, shifts: Any = (0, 0, 0)
    ) -> None:
        rng = np.random.default_rng(n)
        self.fractions = rng.random((n, 3))
        self.charges = rng.permutation(np.resize([2.0, -1.0, -1.0], n))
        self.lengths = np.full(3, lengths, dtype=float)
        self.alpha = alpha
        self.shifts = np.array(shifts, dtype=np.int64)
        self.mesh = mesh.make_mesh(self.charges, self.lengths, alpha, error)

    @property
    def shape(self) -> tuple[int, int, int]:
        t = self.mesh.transform
        return t.nx, t.ny, t.nz

    @property
    def typical_force(self) -> float:
        n = len(self.charges)
        return COULOMB_CONSTANT * (self.charges**2).mean() * (n / self.lengths.prod()) ** (2 / 3)

    def points(self) -> np.ndarray:
        """Return fixed-point rows; along a doubled axis some atoms stand in the second half, as their images do."""
        rows = np.zeros((len(self.fractions), 4))
        rows[:, :3] = (self.fractions + np.arange(len(rows))[:, None] % 2**self.shifts) / 2.0**self.shifts
        whole = np.floor(rows * 2.0**32).astype(np.int64) % 2**32
        points = transform.aligned(rows.size, np.int32)
        points[:] = whole.ravel().astype(np.uint32).view(np.int32)
        return points

    def run(self, variant: str, want: int = 2, lengths: Any = None) -> tuple[float, float, np.ndarray]:
        """Return (energy, virial, forces (n, 3)) of the mesh."""
        n = len(self.charges)
        forces = transform.aligned(4 * n)
        cell = self.lengths if lengths is None else np.asarray(lengths, dtype=float)
        energy, virial = mesh.add_mesh_forces(
            choose(variant), self.mesh, self.points(), self.shifts, n, cell, forces, want
        )
        assert np.all(forces[3::4] == 0)
        return energy, virial, forces.reshape(n, 4)[:, :3].astype(float)

    def exact(self, lengths: Any = None) -> tuple[float, float, np.ndarray]:
        """Return the same of the Ewald sum, with no waves left out that matter."""
        cell = self.lengths if lengths is None else np.asarray(lengths, dtype=float)
        energy, forces, strain = ewald.reciprocal_space(
            self.fractions * cell, np.diag(cell), self.charges, self.alpha, 1e-13
        )
        return energy, -float(np.trace(strain)), forces


def rms(vectors: np.ndarray) -> float:
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


SYSTEMS = {
    "cube": (300, 15.0, ALPHA, 1e-5, (0, 0, 0)),
    "a small cell, taken four times along each axis": (12, 5.2, ALPHA, 1e-5, (2, 2, 2)),
    "right angles, doubled and not": (150, (10.1, 12.4, 16.7), ALPHA, 1e-5, (1, 1, 0)),
    "all sides different": (201, (16.0, 22.0, 9.0), 0.4, 3e-5, (1, 0, 2)),
    "two blocks of kz": (240, (12.0, 14.0, 55.0), ALPHA, 1e-5, (1, 0, 0)),
    "many points in x and y": (150, (56.0, 44.0, 9.0), ALPHA, 1e-5, (0, 0, 2)),
    "waves left out": (999, (17.0, 17.0, 33.4), ALPHA, 2e-5, (0, 0, 0)),
}


@variants
@pytest.mark.parametrize("name", SYSTEMS)
def test_energy_forces_and_virial_are_those_of_the_ewald_sum(name: str, variant: str) -> None:
    n, lengths, alpha, error, shifts = SYSTEMS[name]
    system = System(n, lengths, alpha, error, shifts)
    energy, virial, forces = system.run(variant)
    exact_energy, exact_virial, exact_forces = system.exact()
    scale = abs(system.mesh.self_energy)
    # The estimate takes all neighbours for far ones; in a thin gas, where a charge is its own nearest, it is low.
    assert rms(forces - exact_forces) < 2.0 * mesh.mesh_error(system.mesh, system.lengths) * system.typical_force
    # Energies are sums of squares with errors of both signs: better than forces by far.
    assert abs(energy - exact_energy) < 2e-6 * scale
    assert abs(virial - exact_virial) < 5e-6 * scale


def test_the_systems_above_try_what_their_names_say() -> None:
    assert System(*SYSTEMS["two blocks of kz"]).mesh.transform.blocks == 2
    left_out = System(*SYSTEMS["waves left out"]).mesh.transform
    assert left_out.modes < left_out.nz // 2
    assert len(set(System(*SYSTEMS["all sides different"]).shape)) == 3


@variants
def test_forces_are_the_slope_of_the_energy(variant: str) -> None:
    system = System(60, (9.0, 10.0, 12.0), error=1e-6)
    _, _, forces = system.run(variant)
    step = 0.01  # A; the third order of so long a wave is below 1e-4 of the slope, float32 leaves 1e-4 too
    for atom, axis in ((0, 0), (17, 1), (59, 2)):
        energies = []
        for sign in (1.0, -1.0):
            system.fractions[atom, axis] += sign * step / system.lengths[axis]
            energies.append(system.run(variant)[0])
            system.fractions[atom, axis] -= sign * step / system.lengths[axis]
        slope = (energies[1] - energies[0]) / (2.0 * step)
        assert slope == pytest.approx(forces[atom, axis], abs=1e-3 * system.typical_force)


@variants
def test_the_virial_is_the_slope_of_the_mesh_energy_with_the_volume(variant: str) -> None:
    # So coarse a mesh that the exact virial is another one: the slope of the energy that the mesh really has.
    system = System(120, (9.0, 12.0, 14.0), alpha=0.6, error=1e-2)
    _, virial, _ = system.run(variant)
    step = 0.02
    e = {k: system.run(variant, lengths=system.lengths * np.exp(k * step))[0] for k in (-2, -1, 1, 2)}
    slope = (8.0 * (e[1] - e[-1]) - (e[2] - e[-2])) / (12.0 * step)
    scale = abs(system.mesh.self_energy)
    # Energies are good to 1e-7, divided by 0.02; the fourth order leaves less.
    assert abs(virial + slope) < 1e-5 * scale
    assert abs(system.exact()[1] + slope) > 1e-4 * scale


@variants
def test_the_forces_add_up_to_zero_and_are_added_to_what_is_there(variant: str) -> None:
    system = System(99, 14.0, alpha=0.8, error=2e-2)
    n = len(system.charges)
    _, _, forces = system.run(variant)
    # Rounding of a sum of 99 float32, against an error of the splines of some 1e-3.
    assert np.abs(forces.sum(axis=0)).max() < 1e-5 * np.abs(forces).sum()
    there = np.random.default_rng(1).standard_normal(4 * n).astype(np.float32)
    both = transform.aligned(4 * n + 8)
    both[: 4 * n], both[4 * n :] = there, 5.0
    mesh.add_mesh_forces(
        choose(variant), system.mesh, system.points(), system.shifts, n, system.lengths, both[: 4 * n], 0
    )
    added = (both[: 4 * n] - there).reshape(n, 4)
    np.testing.assert_allclose(added[:, :3], forces, atol=2e-6 * np.abs(both).max())
    assert np.all(added[:, 3] == 0)
    assert np.all(both[4 * n :] == 5.0)


@variants
def test_what_is_wanted_changes_no_force_and_the_rest_is_zero(variant: str) -> None:
    system = System(150, (9.0, 11.0, 14.0))
    energy, virial, forces = system.run(variant, 2)
    only_virial, only_forces = system.run(variant, 1), system.run(variant, 0)
    assert (only_virial[0], only_virial[1]) == (0.0, virial)
    assert only_forces[:2] == (0.0, 0.0)
    assert energy != 0.0
    np.testing.assert_array_equal(only_virial[2], forces)
    np.testing.assert_array_equal(only_forces[2], forces)


@variants
def test_a_mesh_follows_a_cell_that_changes(variant: str) -> None:
    system = System(201, (10.0, 12.0, 14.0))
    before = system.run(variant)
    for factors in ((0.8, 0.8, 0.8), (1.1, 1.1, 1.1), (1.2, 0.9, 1.05), (1.2, 1.1, 1.05), (1.2, 1.1, 0.9)):
        cell = system.lengths * factors
        energy, virial, forces = system.run(variant, lengths=cell)
        exact_energy, exact_virial, exact_forces = system.exact(cell)
        typical = system.typical_force / np.prod(factors) ** (2 / 3)
        assert rms(forces - exact_forces) < 2.0 * mesh.mesh_error(system.mesh, cell) * typical
        assert abs(energy - exact_energy) < 1e-5 * abs(system.mesh.self_energy)
        assert abs(virial - exact_virial) < 2e-5 * abs(system.mesh.self_energy)
    after = system.run(variant)
    assert before[:2] == after[:2]
    np.testing.assert_array_equal(before[2], after[2])


def test_both_variants_give_the_same() -> None:
    if not has_avx512():
        pytest.skip("this processor has no AVX-512")
    system = System(300, (12.0, 14.0, 19.0), error=1e-6)
    fast, plain = system.run("avx512"), system.run("portable")
    assert fast[0] == pytest.approx(plain[0], abs=3e-7 * abs(system.mesh.self_energy))
    assert fast[1] == pytest.approx(plain[1], abs=3e-7 * abs(system.mesh.self_energy))
    assert rms(fast[2] - plain[2]) < 2.0 * accuracy.ROUNDING * system.typical_force


# the transform


def _shapes() -> list[tuple[int, int, int]]:
    sizes = [n for n in accuracy.sizes() if n <= 128]
    turned = sizes[7:] + sizes[:7]
    # Each size along x and y once; those of z take turns.
    return [
        (nx, ny, nz) for nx, ny, nz in zip(sizes, turned, np.resize([16, 30, 28, 42, 36, 70], len(sizes)), strict=True)
    ]


@variants
@pytest.mark.parametrize("shape", _shapes(), ids=str)
def test_the_transform_there_and_back_is_that_of_numpy(shape: tuple[int, int, int], variant: str) -> None:
    nx, ny, nz = shape
    t = transform.make_transform(shape, nz // 2)
    rng = np.random.default_rng(nx + ny + nz)
    grid = t.grid.reshape(nx + 5, ny + 5, t.row)
    grid[:, :, : nz + 5] = rng.standard_normal((nx + 5, ny + 5, nz + 5))
    folded = grid.astype(float)
    folded[:5] += folded[nx:]
    folded[:, :5] += folded[:, ny:]
    folded[:, :, :5] += folded[:, :, nz : nz + 5]
    folded = folded[:nx, :ny, :nz]
    transform.planes_forward(choose(variant), t)
    found = t.spectrum.reshape(nx, ny + 1, t.blocks, 2, 16)[:, :ny]
    found = (found[..., 0, :] + 1j * found[..., 1, :]).reshape(nx, ny, -1)
    expected = np.fft.rfftn(folded, axes=(1, 2))[:, :, : nz // 2]
    close = {"rtol": 0, "atol": 1e-6 * np.abs(expected).max()}  # float32, and some dozen additions
    np.testing.assert_allclose(found[:, :, : nz // 2], expected, **close)
    assert np.all(found[:, :, nz // 2 :] == 0)

    # An influence function of any values, even in k as that of a real potential is.
    table = influence.make_influence(ALPHA, t)
    table.tables[0], table.tables[1] = 0.0, 1.0
    factors = [1.0 + rng.random(n) for n in (nx, ny)] + [1.0 + rng.random(nz // 2)]
    for axis in (0, 1):
        factors[axis] = factors[axis] + np.roll(factors[axis][::-1], 1)
    for axis, values in enumerate(factors):
        table.tables[0, axis, : len(values)] = values
        table.tables[1, axis, : len(values)] = values**2
    influence.apply_influence(choose(variant), t, table, False)
    transform.planes_backward(choose(variant), t)
    x, y, z = np.ix_(*factors)
    spectrum = np.fft.rfftn(folded)
    spectrum[:, :, nz // 2] = 0
    spectrum[:, :, : nz // 2] *= x * y * z / (x**2 + y**2 + z**2)
    spectrum[0, 0, 0] = 0
    expected = np.fft.irfftn(spectrum, folded.shape, axes=(0, 1, 2)) * folded.size
    expected = np.pad(expected, ((0, 5), (0, 5), (0, 8)), mode="wrap")
    np.testing.assert_allclose(grid[:, :, : nz + 8], expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_sizes_are_even_and_have_factors_that_the_transform_knows() -> None:
    assert transform.factors(36) == (6, 6)
    assert transform.factors(98) == (7, 7, 2)
    assert transform.factors(22) == ()
    for n in accuracy.sizes():
        assert n % 2 == 0
        assert np.prod(transform.factors(n)) == n
    assert {16, 36, 64, 70, 98, 108, 500} <= set(accuracy.sizes())
    assert not {22, 26, 34} & set(accuracy.sizes())


# the splines


def test_weights_are_cardinal_b_splines_and_their_slopes() -> None:
    t = np.linspace(-0.5, 0.5, 41)
    powers = t[:, None] ** np.arange(6)
    basis = BSpline.basis_element(np.arange(7.0), extrapolate=False)
    u = t[:, None] + 0.5 + (5 - np.arange(6))
    np.testing.assert_allclose((powers @ spline.WEIGHTS)[:, :6], np.nan_to_num(basis(u)), atol=1e-15)
    np.testing.assert_allclose((powers @ spline.SLOPES)[:, :6], np.nan_to_num(basis.derivative()(u)), atol=1e-14)
    assert np.all(spline.WEIGHTS[:, 6:] == 0)


# the error, and the choice of a mesh


@pytest.mark.parametrize("alpha", [0.2, 0.3085, 0.45])
@pytest.mark.parametrize("size", [16, 20, 28])
def test_the_estimated_error_is_the_measured_one(alpha: float, size: int) -> None:
    lengths = np.array([14.0, 16.0, 18.0])
    shape = (size, size, size + 4)
    error = accuracy.relative_error(shape, shape[2] // 2, 201, lengths, alpha)
    system = System(201, lengths, alpha, error=1e-2)
    t = transform.make_transform(shape, shape[2] // 2)
    system.mesh = system.mesh._replace(transform=t, influence=influence.make_influence(alpha, t))
    _, _, forces = system.run("portable")
    _, _, exact = system.exact()
    assert mesh.mesh_error(system.mesh, lengths) == error
    assert 0.5 < rms(forces - exact) / system.typical_force / error < 1.6


def test_the_error_is_smaller_where_neighbours_have_opposite_charges() -> None:
    system = System(216, 16.8, error=2e-5)
    places = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    system.charges = 1.0 - 2.0 * (places.sum(axis=1) % 2)
    system.fractions = (places + 0.25 * np.random.default_rng(5).random(places.shape)) / 6.0
    system.mesh = mesh.make_mesh(system.charges, system.lengths, ALPHA, 2e-5)
    _, _, forces = system.run("portable")
    _, _, exact = system.exact()
    assert rms(forces - exact) < 0.6 * mesh.mesh_error(system.mesh, system.lengths) * system.typical_force


def test_the_mesh_is_the_coarsest_that_is_good_enough() -> None:
    for lengths in ((18.4, 18.4, 18.4), (12.0, 17.0, 40.0)):
        n = int(0.08 * np.prod(lengths))
        cell = np.array(lengths)
        shape = accuracy.choose_shape(n, cell, ALPHA, 1e-5)
        assert accuracy.relative_error(shape, shape[2] // 2, n, cell, ALPHA) <= 1e-5
        spacing = (cell / shape).max()
        coarser = [
            max(k for k in accuracy.sizes() if k < m) if h == spacing else m
            for m, h in zip(shape, cell / shape, strict=True)
        ]
        assert accuracy.relative_error(tuple(coarser), coarser[2] // 2, n, cell, ALPHA) > 1e-5
    # The sizes at which a borosilicate melt was measured to have an error of 4e-6 of its RMS force.
    assert accuracy.choose_shape(500, np.full(3, 18.4), ALPHA, accuracy.FORCE_ERROR) == (20, 20, 20)
    assert accuracy.choose_shape(3000, np.full(3, 33.4), ALPHA, accuracy.FORCE_ERROR) == (36, 36, 36)


def test_a_mesh_becomes_too_coarse_for_a_cell_that_grows() -> None:
    system = System(300, (16.0, 17.0, 32.0))
    errors = [mesh.mesh_error(system.mesh, system.lengths * factor) for factor in (0.8, 1.0, 1.2, 1.4)]
    assert errors == sorted(errors)
    assert errors[1] <= 1e-5 < errors[2]


# bad input


def test_charges_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(GlasspotError, match=r"net charge of \+0\.1 e"):
        mesh.make_mesh([1.0, -0.9], [10.0] * 3, ALPHA, 1e-5)
    with pytest.raises(GlasspotError, match="net charge"):
        mesh.make_mesh([1.0, np.nan], [10.0] * 3, ALPHA, 1e-5)


def test_an_error_that_no_mesh_can_promise_is_refused() -> None:
    for error in (1e-8, 0.0, np.nan):
        with pytest.raises(GlasspotError, match="single precision"):
            mesh.make_mesh([1.0, -1.0], [10.0] * 3, ALPHA, error)
    with pytest.raises(GlasspotError, match="needs more than 512 points"):
        mesh.make_mesh([1.0, -1.0], [1000.0, 10.0, 10.0], ALPHA, 1e-6)
