"""A glass against reference frames: R_X with its error and noise, the same cut-offs for both, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ase.spacegroup import crystal

from glasspot.errors import GlasspotError
from glasspot.structure.against import compare, r_x
from glasspot.structure.analysis import Options
from glasspot.structure.frames import Frame
from glasspot.structure.pdf import pair_distribution
from glasspot.structure.sides import Line, side_of, xray_weights


def silica(n: int, seed: int, shake: float = 0.08, size: int = 2, stretch: float = 1.0) -> list[Frame]:
    """Return cristobalite, its atoms shaken."""
    rng = np.random.default_rng(seed)
    edge = 7.16 * stretch
    base = crystal(["Si", "O"], [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)], spacegroup=227, cellpar=[edge] * 3 + [90] * 3)
    frames = []
    for _ in range(n):
        atoms = base * (size, size, size)
        atoms.positions += rng.normal(scale=shake, size=atoms.positions.shape)
        frames.append(Frame.from_ase(atoms))
    return frames


def test_the_same_frames_agree_and_are_sound() -> None:
    frames = silica(8, 1)
    found = compare(("reference", frames), [("glass", frames)])
    (glass,) = found.glasses
    assert all(misfit.value == 0.0 for misfit in glass.misfits.values())
    assert {"X-ray g(r)", "X-ray S(Q)", "neutron S(Q)", "g(r) Si-O", "S(Q) O-O"} <= set(glass.misfits)
    assert glass.soundness.sound and found.cautions == ()
    assert found.r_max == pytest.approx(7.15)  # half of the box of 14.32 A, in whole bins


def test_independent_frames_of_one_glass_differ_by_their_noise() -> None:
    found = compare(("reference", silica(16, 1)), [("glass", silica(16, 2)), ("hotter", silica(16, 3, shake=0.16))])
    same, hotter = (glass.misfits["X-ray g(r)"] for glass in found.glasses)
    assert same.noise is not None and hotter.error is not None
    # Errors come from eight blocks: each is known to a quarter, their sum over the curve far better.
    assert same.value == pytest.approx(same.noise, rel=0.3)
    assert hotter.value > 5 * hotter.noise  # type: ignore[operator]
    assert hotter.value - same.value > 5 * hotter.error


def test_error_of_r_x_is_its_scatter() -> None:
    rng = np.random.default_rng(5)
    x = np.linspace(1.0, 10.0, 180)
    truth, other = 1.0 + np.sin(x) / x, 1.0 + np.sin(1.03 * x) / x

    def line(y: np.ndarray) -> Line:
        blocks = y + rng.normal(scale=0.05, size=(8, len(x)))
        return Line(x, blocks.mean(axis=0), blocks)

    found = [r_x(line(truth), line(other), 1.0, 10.0) for _ in range(200)]
    scatter = np.std([misfit.value for misfit in found])
    errors = np.array([misfit.error for misfit in found], dtype=float)
    # The scatter of 200 values is known to 5 %, and the jackknife of a curved function of noise is rough: within 30 %.
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(scatter, rel=0.3)


def test_x_ray_weights_by_hand() -> None:
    pdf = pair_distribution(silica(1, 1), 5.0)
    # Z = 14 and 8; fractions 1/3, 2/3: <Z> = 10. Si-Si 1/9 196/100, Si-O 2 (2/9) 112/100, O-O 4/9 64/100.
    assert xray_weights(pdf) == pytest.approx([196 / 900, 448 / 900, 256 / 900])
    assert xray_weights(pdf).sum() == pytest.approx(1.0)


def test_local_environments_count_bonds_of_all_kinds() -> None:
    side = side_of("glass", silica(4, 1), Options(cutoffs={"Si-O": 2.2, "Si-Si": 3.6}, r_max=6.0))
    # Each Si has four O and, within 3.6 A, four Si; each O two Si.
    assert side.folds["Si"].mean == pytest.approx(8.0) and side.folds["Si"].distribution == {8: 1.0}
    assert side.folds["O"].distribution == {2: 1.0}
    assert side.folds["O"].error == pytest.approx(0.0)


def test_peaks_have_places_and_errors() -> None:
    side = side_of("glass", silica(16, 1), Options(r_max=6.0))
    peak = side.peaks["g(r) Si-O"]
    assert peak.place_error is not None and 0 < peak.place_error < 0.01
    # For a bond r0 with both ends shaken by s, g(r) goes as exp(-(r - r0)^2 / 4 s^2) / r: a top at r0 - 2 s^2 / r0.
    bond = 7.16 * np.sqrt(3) / 8
    assert peak.place == pytest.approx(bond - 2 * 0.08**2 / bond, abs=0.01)  # three standard errors
    assert 1.0 < side.peaks["X-ray S(Q)"].place < 2.5


def test_cut_offs_are_those_of_the_reference() -> None:
    found = compare(("reference", silica(4, 1)), [("wide", silica(4, 2, shake=0.2))], Options(cutoffs={"Si-O": 2.0}))
    assert found.cutoffs["Si-O"] == 2.0
    assert {c.cutoff for c in found.glasses[0].side.analysis.coordination} == {2.0}
    unasked = compare(("reference", silica(4, 1)), [("wide", silica(4, 2, shake=0.2))])
    own = unasked.glasses[0].side.analysis.cutoffs["Si-O"]
    assert own.source == "given" and own.value == unasked.reference.analysis.cutoffs["Si-O"].value


def test_isolated_atoms_and_other_sizes_are_left_out_and_said() -> None:
    lone = Frame.from_symbols(["Si"], [[0.0, 0.0, 0.0]], 25.0)
    small = silica(1, 3, size=1)
    found = compare(("reference", [lone, *silica(4, 1), *small]), [("glass", silica(2, 2))])
    assert found.reference.n_frames == 4
    assert any("1 of Si8 O16" in caution or "1 of O16 Si8" in caution for caution in found.cautions)


def test_another_density_or_composition_is_said() -> None:
    light = compare(("reference", silica(4, 1)), [("light", silica(4, 2, stretch=1.02))])
    assert any("density" in caution for caution in light.cautions)
    rich = [Frame(f.positions[:-8], f.cell, f.species, f.types[:-8]) for f in silica(4, 2)]
    assert any("another composition" in c for c in compare(("r", silica(4, 1)), [("rich", rich)]).cautions)


def test_other_elements_are_refused() -> None:
    other = [Frame(f.positions, f.cell, ("Ge", "O"), f.types) for f in silica(1, 2)]
    with pytest.raises(GlasspotError, match="made of Ge, O, but the reference dft of Si, O"):
        compare(("dft", silica(1, 1)), [("glass", other)])
    with pytest.raises(GlasspotError, match="nothing to compare with"):
        compare(("dft", [Frame.from_symbols(["Si"], [[0.0, 0.0, 0.0]], 25.0)]), [("glass", silica(1, 1))])
