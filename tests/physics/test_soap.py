"""SOAP against dscribe, and what it must not change with."""

from __future__ import annotations

import numpy as np
import pytest

from distill_samples import made_up
from glasspot.distill.soap import REACH_OF_DSCRIBE, Soap, power_spectra, soap_kernel
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame

pytest.importorskip("featomic", reason="featomic is not installed")
SMALL = Soap(n_max=4, l_max=4, r_cut=4.0)


def frames(n: int = 3) -> list[Frame]:
    return [labelled.frame for labelled in made_up(each=1, seed=5).frames[:n]]


def test_vectors_are_those_of_dscribe_term_by_term() -> None:
    """To 1e-5 of the length: dscribe's own sums of spherical harmonics and its quadrature are no better than that."""
    dscribe = pytest.importorskip("dscribe.descriptors", reason="dscribe is not installed")
    soap = Soap(reach=REACH_OF_DSCRIBE)
    theirs = dscribe.SOAP(
        r_cut=5.0, n_max=8, l_max=8, sigma=1.0, rbf="polynomial", average="outer", species=["B", "O"], periodic=True
    ).create([frame.to_ase() for frame in frames()])
    ours = power_spectra(frames(), ("B", "O"), soap)
    assert ours.shape == theirs.shape == (3, 1224)
    assert np.linalg.norm(ours - theirs, axis=1) == pytest.approx(0.0, abs=1e-5 * np.linalg.norm(theirs, axis=1).min())


def test_the_shorter_reach_changes_distances_by_less_than_a_hundredth() -> None:
    """Gaussians that begin beyond 2.5 sigma are left out: a hundredth of 1 - K is far below what clusters differ by."""
    near, far = (1 - kernel(Soap(reach=reach)) for reach in (2.5, REACH_OF_DSCRIBE))
    pairs = np.triu_indices(3, 1)
    assert near[pairs] == pytest.approx(far[pairs], rel=0.01)


def kernel(soap: Soap) -> np.ndarray:
    spectra = power_spectra(frames(), ("B", "O"), soap)
    return soap_kernel(spectra, spectra, soap)


def test_nothing_changes_with_wrapping_origin_rotation_or_order() -> None:
    """To 1e-8, the accuracy of the splines."""
    frame = frames()[1]
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    shuffled = np.random.default_rng(2).permutation(frame.n_atoms)
    others = [
        Frame(frame.positions + frame.cell[0] * np.arange(24)[:, None] - 1.3, frame.cell, frame.species, frame.types),
        Frame(frame.positions @ turn, frame.cell @ turn, frame.species, frame.types),
        Frame(frame.positions[shuffled], frame.cell, frame.species, frame.types[shuffled]),
    ]
    spectra = power_spectra([frame, *others], ("B", "O"), SMALL)
    assert np.abs(spectra[1:] - spectra[0]).max() < 1e-8 * np.abs(spectra[0]).max()


def test_an_average_does_not_change_with_a_supercell() -> None:
    """The mean over atoms of a doubled cell is that of the cell: to 1e-8, the accuracy of the splines."""
    frame = frames()[1]
    doubled = Frame(
        np.concatenate([frame.positions, frame.positions + frame.cell[0]]),
        frame.cell * np.array([[2.0], [1.0], [1.0]]),
        frame.species,
        np.concatenate([frame.types, frame.types]),
    )
    one, two = power_spectra([frame, doubled], ("B", "O"), SMALL)
    assert np.abs(two - one).max() < 1e-8 * np.abs(one).max()


def test_other_elements_of_the_data_set_only_add_zeros() -> None:
    two = power_spectra(frames(1), ("B", "O"), SMALL)
    three = power_spectra(frames(1), ("B", "Si", "O"), SMALL)
    assert three.shape[1] == SMALL.n_features(3)
    assert np.sort(three[three != 0]) == pytest.approx(np.sort(two[two != 0]), rel=1e-12)


def test_an_element_outside_the_data_set_is_refused() -> None:
    with pytest.raises(GlasspotError, match="holds B, which is not among"):
        power_spectra(frames(1), ("O",), SMALL)


def test_a_kernel_of_a_frame_with_itself_is_one_and_others_are_below() -> None:
    found = kernel(SMALL)
    assert np.diag(found) == pytest.approx(1.0, abs=1e-12)
    assert (found[np.triu_indices(3, 1)] < 1).all()


@pytest.mark.parametrize("wrong", [{"r_cut": 0.5}, {"n_max": 0}, {"sigma": 9.0}, {"degree": 0}])
def test_settings_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(GlasspotError, match="expected"):
        Soap(**wrong)


def test_too_many_polynomials_are_refused() -> None:
    with pytest.raises(GlasspotError, match="smaller n_max"):
        power_spectra(frames(1), ("B", "O"), Soap(n_max=12))
