"""What the survey says of data that are right (nothing) and of data with one thing wrong (that thing)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dataset_samples import alloy, labels, trajectory
from glasspot.dataset.check_units import temperature_from_forces
from glasspot.dataset.checks import require, survey
from glasspot.dataset.doubts import Doubt
from glasspot.dataset.isolated import atom_energies
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.dataset.reading import read_dataset
from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.units import BOHR, ENERGY_UNITS, GPA_PER_EV_A3

HARTREE = ENERGY_UNITS["Hartree"]


@cache
def samples(kind: str) -> tuple[LabelledFrame, ...]:
    """Return frames of MD at about 900 K, 14 fs ("near") or 100 fs ("far") apart, or independent ones ("random")."""
    made = {
        "near": lambda: trajectory(20, step=14.0),
        "far": lambda: trajectory(30, step=100.0),
        "random": lambda: alloy(12),
    }[kind]()
    frames = []
    for number, atoms in enumerate(made):
        # EMT has zero where the atoms of its own crystals are; ab initio energies are large and negative.
        energy, forces, stress = labels(atoms)
        frame = Frame.from_symbols(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array, ("Cu", "Au"))
        frames.append(LabelledFrame(frame, energy - 3.0 * len(atoms), forces, stress, "hot", None, f"a.xyz:{number}"))
    return tuple(frames)


def changed(kind: str, change: Callable[[LabelledFrame], LabelledFrame], only: set[int] | None = None) -> Dataset:
    frames = samples(kind)
    return Dataset(tuple(change(f) if only is None or i in only else f for i, f in enumerate(frames)), ("Cu", "Au"), {})


def kinds(dataset: Dataset) -> list[str]:
    return sorted({d.kind for d in survey(dataset).doubts})


def only(dataset: Dataset, kind: str) -> Doubt:
    """Return the one doubt there is; nothing else may be doubted."""
    doubts = survey(dataset).doubts
    assert [d.kind for d in doubts] == [kind], [str(d) for d in doubts]
    return doubts[0]


def moved(frame: LabelledFrame, factor: float, cell: float | None = None) -> LabelledFrame:
    """Return the frame with positions and cell multiplied, or each by its own factor."""
    lattice = frame.frame.cell * (factor if cell is None else cell)
    return replace(frame, frame=replace(frame.frame, positions=frame.frame.positions * factor, cell=lattice))


def scaled(label: str, factor: float) -> Callable[[LabelledFrame], LabelledFrame]:
    return lambda frame: replace(frame, **{label: getattr(frame, label) * factor})


@pytest.mark.parametrize("kind", ["near", "far", "random"])
def test_right_data_raise_no_doubt(kind: str) -> None:
    found = survey(changed(kind, lambda f: f))
    assert [str(d) for d in found.doubts] == []
    assert any("sign and unit of the stress agree" in fact for fact in found.facts)
    if kind == "near":
        assert any("energies and forces agree" in fact for fact in found.facts)


def test_forces_tell_the_temperature() -> None:
    """900 K at the start becomes less: half goes into the potential energy, less what the rattled start had.

    MD in NVE; the pair fit of a metal is rough, so a factor of two is all that is asked.
    """
    kelvin = temperature_from_forces(samples("far"))
    assert kelvin is not None
    assert 300.0 < kelvin < 1800.0


@pytest.mark.parametrize(
    ("label", "factor", "words"),
    [
        ("energy", 1 / HARTREE, "energies are in Hartree"),
        ("energy", 2 / HARTREE, "energies are in Rydberg"),
        ("energy", 96.485, "energies are in kJ/mol"),
        ("forces", BOHR / HARTREE, "forces are in Hartree/Bohr"),
        ("forces", 2 * BOHR / HARTREE, "forces are in Rydberg/Bohr"),
        ("forces", -1.0, "wrong sign"),
        ("forces", -1.0, "turn their sign"),
        ("forces", BOHR, "eV/Bohr"),
        ("stress", GPA_PER_EV_A3, "it is in GPa"),
        ("stress", 10 * GPA_PER_EV_A3, "it is in kbar"),
        ("stress", -1.0, "its sign is that of a pressure"),
        ("stress", -10 * GPA_PER_EV_A3, "its sign is that of a pressure, .* and it is in kbar"),
    ],
)
def test_a_wrong_unit_is_named(label: str, factor: float, words: str) -> None:
    import re

    texts = [str(d) for d in survey(changed("near", scaled(label, factor))).doubts]
    assert any(re.search(words, text) for text in texts), texts


def test_a_virial_as_a_stress_is_named() -> None:
    assert "it is a virial" in str(only(changed("random", scaled("stress", samples("random")[0].volume)), "stress"))


def test_all_in_atomic_units_is_seen_by_the_distances() -> None:
    def atomic(frame: LabelledFrame) -> LabelledFrame:
        return replace(scaled("forces", BOHR / HARTREE)(scaled("energy", 1 / HARTREE)(moved(frame, 1 / BOHR))))

    doubts = survey(changed("near", atomic)).doubts
    assert any("look like Bohr" in str(d) for d in doubts), [str(d) for d in doubts]
    nano = survey(changed("random", lambda f: moved(f, 0.1))).doubts
    assert any("look like nm" in str(d) for d in nano)


def test_cold_forces_of_a_known_temperature() -> None:
    hot = changed("far", lambda f: replace(f, temperature=900.0))
    assert survey(hot).doubts == ()
    wrong = changed("far", lambda f: replace(scaled("forces", BOHR / HARTREE)(f), temperature=900.0, stress=None))
    texts = [str(d) for d in survey(wrong).doubts]
    assert any("where 900 K is given" in text and "Hartree/Bohr" in text for text in texts), texts


def test_mixed_units_in_one_file() -> None:
    mixed = only(changed("random", scaled("energy", 1 / HARTREE), {3, 7}), "mixed-units")
    assert "eV and Hartree" in mixed.what
    assert mixed.origins == ("a.xyz:3", "a.xyz:7")
    half = only(changed("random", scaled("energy", 1 / HARTREE), set(range(6))), "mixed-units")
    assert len(half.origins) == 6
    other = survey(changed("random", scaled("energy", 17.0), {0})).doubts
    assert [(d.origins, "another zero of energy" in d.what) for d in other if d.kind == "mixed-units"] == [
        (("a.xyz:0",), True)
    ]
    found = survey(changed("random", scaled("forces", BOHR / HARTREE), {2})).doubts
    assert [(d.kind, d.origins) for d in found] == [("mixed-units", ("a.xyz:2",))]
    assert "Hartree/Bohr" in found[0].advice


def test_an_outlier_and_a_net_force_and_zeros() -> None:
    far = only(changed("random", lambda f: replace(f, energy=(f.energy or 0.0) + 16.0), {5}), "energy-outlier")
    assert far.origins == ("a.xyz:5",)

    def pushed(frame: LabelledFrame) -> LabelledFrame:
        assert frame.forces is not None
        return replace(frame, forces=frame.forces + 0.3)

    assert only(changed("random", pushed, {1}), "net-force").origins == ("a.xyz:1",)
    zero = only(changed("random", scaled("forces", 0.0), {4}), "zero-forces")
    assert zero.origins == ("a.xyz:4",)


def test_duplicates() -> None:
    frames = samples("random")
    again = Dataset((*frames, replace(frames[0], origin="b.xyz:0")), ("Cu", "Au"))
    assert only(again, "duplicates").origins == ("b.xyz:0",)
    other = replace(frames[0], origin="b.xyz:0", energy=(frames[0].energy or 0.0) + 0.1)
    assert kinds(Dataset((*frames, other), ("Cu", "Au"))) == ["contradiction", "duplicates"]
    # 2 fs apart: 0.01 A
    close = frames[0].frame.positions + np.random.default_rng(0).normal(0, 0.005, (32, 3))
    nearly = replace(frames[0], frame=replace(frames[0].frame, positions=close), origin="b.xyz:0")
    assert "near-duplicates" in kinds(Dataset((frames[0], nearly, *frames[1:]), ("Cu", "Au")))


def test_cells() -> None:
    def struck(frame: LabelledFrame) -> LabelledFrame:
        places = frame.frame.positions.copy()
        places[3] = places[4] + [0.0, 0.0, 0.8]
        return replace(frame, frame=replace(frame.frame, positions=places))

    assert only(changed("random", struck, {2}), "too-close").origins == ("a.xyz:2",)
    # The cell of another frame: positions reach out of it and fall on images of others.
    small = survey(changed("random", lambda f: moved(f, 1.0, 0.78), {2})).doubts
    assert any(d.kind == "cell" and "through the faces" in d.what for d in small), [str(d) for d in small]
    huge = survey(changed("random", lambda f: moved(f, 1.0, 4.0), {2})).doubts
    assert {"more than twice" in d.what or "nearly empty" in d.what for d in huge if d.kind == "cell"} == {True}


def test_missing_labels_are_counted_by_kind_and_refused_where_needed() -> None:
    lacking = changed("random", lambda f: replace(f, forces=None, config_type="cold"), {0, 1})
    found = only(lacking, "missing")
    assert "no forces (cold: 2)" in found.what
    require(lacking, forces=False)
    with pytest.raises(GlasspotError, match=r"2 of 12 frames have no forces \(cold: 2; 2 frames: a.xyz:0, a.xyz:1\)"):
        require(lacking)
    none = changed("random", lambda f: replace(f, energy=None))
    assert "no frame has an energy" in only(none, "missing").what
    with pytest.raises(GlasspotError, match="12 of 12 frames have no energies"):
        require(none)
    require(none, energies=False)
    with pytest.raises(GlasspotError, match="no frames"):
        survey(Dataset((), ()))


def test_the_table() -> None:
    found = survey(changed("random", lambda f: replace(f, stress=None, config_type="cold_300K", temperature=300), {0}))
    first, second = found.groups
    assert (first.config_type, first.frames, first.labels, first.temperature) == ("cold_300K", 1, "EF-", 300)
    assert (second.frames, second.atoms, second.composition, second.labels) == (11, "32", "Cu3Au", "EFS")
    frames = samples("random")[1:]
    assert second.energy == pytest.approx(np.mean([f.energy for f in frames]) / 32)
    assert second.energy_sd == pytest.approx(1000 * np.std([f.energy for f in frames]) / 32)  # type: ignore[arg-type]
    pressure = -np.mean([np.trace(f.stress) for f in frames]) / 3 * 160.21766  # type: ignore[arg-type]
    assert second.pressure == pytest.approx(pressure, rel=1e-5)
    assert found.rows()[0]["frames"] == 1
    assert found.lines()[0].startswith("config_type")
    assert len({len(line.split()) for line in found.lines()[:3]}) == 1


def composed(*fractions: float, energies: tuple[float, float] = (-10.0, -20.0), noise: float = 0.0) -> Dataset:
    """Return frames of n Cu and 32 - n Au whose energies are sums over atoms and noise (eV/atom)."""
    rng = np.random.default_rng(3)
    frames = []
    for fraction in fractions:
        n = round(32 * fraction)
        base = samples("random")[0].frame
        frame = replace(base, types=np.array([0] * n + [1] * (32 - n)))
        energy = n * energies[0] + (32 - n) * energies[1] + 32 * rng.normal(0, noise)
        frames.append(LabelledFrame(frame, energy))
    return Dataset(tuple(frames), ("Cu", "Au"))


def test_energies_of_atoms_are_fitted_where_the_compositions_tell() -> None:
    fitted = atom_energies(composed(0.25, 0.5, 0.75))
    assert fitted.values == pytest.approx({"Cu": -10.0, "Au": -20.0})
    assert set(fitted.how.values()) == {"fitted"}
    # One composition: each atom gets its share, and that is said.
    mean = atom_energies(composed(0.25, 0.25, noise=0.01))
    assert mean.values["Cu"] == pytest.approx(mean.values["Au"])
    assert set(mean.how.values()) == {"mean"}
    assert "do not tell the elements apart" in mean.sentence()
    # The other element is what the given one leaves.
    half = atom_energies(replace(composed(0.25, 0.25), isolated={"Cu": -10.0}))
    assert half.values == pytest.approx({"Cu": -10.0, "Au": -20.0})
    assert half.how == {"Cu": "found", "Au": "fitted"}
    with pytest.raises(GlasspotError, match="no frame has an energy"):
        atom_energies(Dataset((LabelledFrame(samples("random")[0].frame),), ("Cu", "Au")))


def test_isolated_atoms_of_another_code_and_rare_elements() -> None:
    frames = samples("random")
    assert survey(Dataset(frames, ("Cu", "Au"), {"Cu": -0.1, "Au": -0.1})).doubts == ()
    assert only(Dataset(frames, ("Cu", "Au"), {"Cu": -100.0, "Au": -0.1}), "isolated").origins
    lead = replace(frames[0].frame, species=("Cu", "Au", "Pb"), types=np.where(np.arange(32) == 9, 2, 0))
    rare = survey(Dataset((*frames, LabelledFrame(lead, origin="b.xyz:0")), ("Cu", "Au", "Pb"))).doubts
    assert [d.origins for d in rare if d.kind == "rare-element"] == [("b.xyz:0",)]


@pytest.mark.parametrize("name", ["aste3", "b2o3"])
def test_real_data_are_consistent_and_their_stress_has_the_right_sign(shared_data: Path, name: str) -> None:
    """The stress of B2O3 is ASE's as it stands; that of AsTe3 is -virial / V. Neither raises a doubt."""
    dataset = read_dataset(shared_data / f"{name}_dft.extxyz.gz")
    found = survey(dataset)
    assert [str(d) for d in found.doubts] == []
    assert sum("sign and unit of the stress agree" in fact for fact in found.facts) == 1
    wrong = replace(dataset, frames=tuple(scaled("stress", -1.0)(f) for f in dataset.frames))
    assert any("sign is that of a pressure" in str(d) for d in survey(wrong).doubts)
    for group in found.groups:
        if group.temperature is not None:
            # The forces tell the thermostat's temperature: 1600, 3000 and 300 K, to a quarter.
            assert group.temperature_from_forces == pytest.approx(group.temperature, rel=0.25)
