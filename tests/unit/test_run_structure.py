"""What a run tells of the structure: numbers and curves of crystals whose answer is known, and their names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.spacegroup import crystal

from glasspot.evaluate.job import Observe
from glasspot.evaluate.structure import structure_arrays
from glasspot.structure.analysis import Options, analyse
from glasspot.structure.frames import Frame, species_order
from glasspot.structure.quantities import ELASTIC, quantity_names

OBSERVE = Observe(7.0, 560, structure=True)


def cristobalite(former: str = "Si", bond: float = 1.6, frames: int = 6, swell: float = 0.0) -> list[Frame]:
    """Ideal beta-cristobalite, 192 atoms, shaken by 0.04 A; ``swell``: relative growth of the edge frame by frame."""
    sites = [(0, 0, 0), (1 / 8, 1 / 8, 1 / 8)]
    edge = bond * 8 / np.sqrt(3)
    atoms = crystal([former, "O"], sites, spacegroup=227, cellpar=[edge] * 3 + [90] * 3).repeat(2)
    rng = np.random.default_rng(1)
    base = Frame.from_ase(atoms)
    return [
        replace(
            base,
            cell=base.cell * (1 + swell * n),
            positions=(base.positions + rng.normal(0, 0.04, base.positions.shape)) * (1 + swell * n),
        )
        for n in range(frames)
    ]


def test_a_crystal_of_silica() -> None:
    numbers, arrays = structure_arrays(cristobalite(), OBSERVE)
    for one in ("fraction_Si4", "Q4 Si", "oxygen bridging"):
        assert numbers[one] == 1.0, one
    for none in ("fraction_Si3", "fraction_Si5", "Q3 Si", "Q0 Si", "oxygen non-bridging"):
        assert numbers[none] == 0.0, none
    assert numbers["coordination Si-O"] == 4.0
    assert numbers["coordination O-Si"] == 2.0
    assert arrays["coordination Si-O|y"][4] == 1.0
    # Two rings of six for each silicon, and shaking opens no bond.
    assert dict(zip(arrays["rings|x"], arrays["rings|y"], strict=True))[6] == 2.0
    for curve in ("S(Q) xray", "S(Q) neutron"):
        assert arrays[f"{curve}|x"].shape == arrays[f"{curve}|y"].shape
        # Beyond the first peaks S(Q) goes to 1; its ripples at 18-20 1/A stay within 0.3 for this hot crystal.
        assert arrays[f"{curve}|y"][-20:] == pytest.approx(np.ones(20), abs=0.3)
    assert np.abs(arrays["S(Q) xray|y"] - arrays["S(Q) neutron|y"]).max() > 0.1  # other probes, other curves


def test_four_fold_boron_is_told_by_1_8_a_and_not_by_the_first_minimum() -> None:
    near, _ = structure_arrays(cristobalite("B", 1.55), OBSERVE)
    far, _ = structure_arrays(cristobalite("B", 2.05), OBSERVE)
    assert near["fraction_B4"] == near["Q4 B"] == far["Q4 B"] == 1.0
    assert far["coordination B-O"] == near["coordination B-O"] == 4.0
    assert far["fraction_B4"] == 0.0
    assert far["fraction_B0"] == 1.0


def test_the_density_is_the_mean_over_frames_of_different_volume() -> None:
    frames = cristobalite(frames=8, swell=0.002)
    numbers, _ = structure_arrays(frames, OBSERVE)
    densities = np.array([frame.density for frame in frames])
    assert numbers["density"] == pytest.approx(densities.mean(), rel=1e-12)
    assert 0.2 * densities.std() < numbers["density error"] < densities.std()
    still, _ = structure_arrays(cristobalite(frames=8), OBSERVE)
    assert still["density error"] < 1e-12  # one volume: rounding only
    few, _ = structure_arrays(frames[:3], OBSERVE)
    assert "density error" not in few  # no blocks to take it from


def test_what_a_run_gives_and_the_names_that_may_be_asked_agree() -> None:
    """Every name is given by a run, and no number of a run is without a name, but its own cut-offs and error."""
    frames = cristobalite()
    # Half the silicon becomes aluminium: two formers, all pairs.
    types = np.array([{"Si": 0, "O": 2}[s] for s in frames[0].symbols])
    types[np.flatnonzero(types == 0)[::2]] = 1
    mixed = [replace(frame, species=("Si", "Al", "O"), types=types) for frame in frames]
    numbers, _ = structure_arrays(mixed, OBSERVE)
    names = quantity_names(species_order(["Si", "Al", "O"]))
    given = {name for name in numbers if not name.startswith("cut-off") and name != "density error"}
    assert given == set(names) - set(ELASTIC)
    assert len(set(names)) == len(names)


def test_names_of_a_borosilicate_and_of_a_metal() -> None:
    names = quantity_names(species_order(["O", "Na", "Si", "B", "Ca"]))
    asked = "density", "fraction_B4", "fraction_B3", "Q3 Si", "coordination Na-O", "angle B-O-Si", "youngs_modulus"
    assert set(asked) <= set(names)
    assert not any(name.startswith(("fraction_Na", "Q4 Na")) for name in names)
    assert quantity_names(["Cu"]) == ["density", "coordination Cu-Cu", "angle Cu-Cu-Cu", *ELASTIC]


def test_coordination_and_angles_are_those_of_analyse() -> None:
    frames = cristobalite()
    numbers, _ = structure_arrays(frames, OBSERVE)
    found = analyse(frames, Options(r_max=7.0))
    assert numbers["cut-off Si-O"] == found.cutoffs["Si-O"].value
    angle = next(a for a in found.angles if a.name == "O-Si-O")
    assert numbers["angle O-Si-O"] == pytest.approx(angle.mean, abs=0.2)  # bins of 2 and of 1 degree
