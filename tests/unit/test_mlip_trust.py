"""How far to trust a machine-learned potential: spreads, their calibration, when a run is looked at, and verdicts."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_samples import alloy
from glasspot.dataset.reading import read_dataset
from glasspot.engine.base import Sample as Snapshot
from glasspot.engine.base import ThermoRow
from glasspot.errors import GlasspotError
from glasspot.mlip import following, trust
from glasspot.mlip.following import Follower, Judged
from glasspot.mlip.labelling import ASTRAY, Candidate, choose, write_candidates
from glasspot.mlip.looking import first_that_counts, is_due, looked_at, temperature_at
from glasspot.mlip.model import errors
from glasspot.mlip.predict import predict
from glasspot.mlip.trust import Bin, Calibration, calibrate, has_committee, spreads
from glasspot.mlip.trust_file import calibration_of, with_trust
from glasspot.mlip.verdict import (
    NOT,
    TRUSTED,
    WITH_CARE,
    StageTrust,
    failure_meaning,
    judge_record,
    summarise,
    verdict,
)
from glasspot.potential.io import load_any
from glasspot.potential.learned import LearnedPotential
from glasspot.presets import preset
from glasspot.protocol import Protocol, Stage
from glasspot.structure.faults import Finding
from glasspot.structure.frames import Frame
from glasspot.structure.soundness import Soundness
from mlip_samples import Sample, make_sample

CALIBRATION = Calibration(3.0, 1.0, 0.2, 0.3, 1e-4, 10, 2400, (Bin(2400, 0.2, 0.2),))
PROTOCOL = Protocol(
    "p",
    (
        Stage("minimise"),
        Stage("nvt", 1.0, 300.0, name="settle"),
        Stage("nvt", 5.0, 1000.0, name="melt"),
        Stage("nvt", 7.0, (1000.0, 300.0), name="quench"),
        Stage("nvt", 2.0, 300.0, name="sample", sample_every=0.1),
    ),
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    yield make_sample(tmp_path_factory.mktemp("alloy"))


@pytest.fixture(scope="module")
def calibrated(fitted: Sample) -> Calibration:
    return calibrate(fitted.potential, fitted.test)


# the spread and its calibration


def test_the_spread_is_the_distance_of_the_members_from_their_mean() -> None:
    # Two members, forces (1, 0, 0) and (-1, 0, 0): each is 1 from the mean. The second atom: both the same.
    forces = np.array([[[1.0, 0, 0], [2.0, 1.0, 0]], [[-1.0, 0, 0], [2.0, 1.0, 0]]])
    np.testing.assert_allclose(trust._spread(forces), [1.0, 0.0], atol=1e-15)


def test_the_factor_is_found_where_it_is_known() -> None:
    rng = np.random.default_rng(1)
    s = [rng.uniform(0.05, 0.3, 500) for _ in range(8)]
    # An error of three times the spread in each direction: the RMS of a vector is sqrt(3) as large.
    e = [np.linalg.norm(3.0 * one[:, None] * rng.standard_normal((500, 3)), axis=1) for one in s]
    found = trust._calibration(s, e, None)
    assert found.factor == pytest.approx(3.0 * math.sqrt(3.0), rel=0.03)  # 4000 atoms: 1 to 2 %
    assert 0.5 < found.rank < 0.9
    for one in found.bins:
        assert one.error == pytest.approx(one.uncertainty, rel=0.12)  # 400 atoms: 3 to 4 %
    assert [one.uncertainty for one in found.bins] == sorted(one.uncertainty for one in found.bins)
    assert sum(one.atoms for one in found.bins) == found.atoms == 4000 and found.frames == 8


def test_frames_like_those_of_the_calibration_raise_next_to_no_alarm() -> None:
    rng = np.random.default_rng(2)
    s = [rng.lognormal(0.0, 0.4, 1000) for _ in range(20)]
    found = trust._calibration(s, [one.copy() for one in s], None)
    fresh = rng.lognormal(0.0, 0.4, 200_000)
    # 1.5 times the quantile 0.999 is beyond 4.1 sigma: 2e-5 of the atoms, five times that as a bound.
    assert float((found.factor * fresh > found.threshold).mean()) < 1e-4
    assert found.false_alarms < 1e-3
    assert math.isnan(trust._calibration(s[:1], s[:1], None).false_alarms)


def test_the_calibration_of_a_fit(fitted: Sample, calibrated: Calibration) -> None:
    u = [calibrated.factor * one for one in spreads(fitted.potential, [frame.frame for frame in fitted.test])]
    rms = float(np.sqrt(np.mean(np.square(np.concatenate(u)))))
    assert rms == pytest.approx(calibrated.error, rel=1e-9)  # what the factor is made for
    wrong = errors(fitted.test, predict(fitted.potential, fitted.test)).force_rmse_eV_per_A
    assert calibrated.error == pytest.approx(math.sqrt(3.0) * wrong, rel=1e-9)  # of a vector, from that of a component
    assert calibrated.frames == len(fitted.test) and calibrated.atoms == 32 * len(fitted.test)
    assert calibrated.threshold > max(float(one.max()) for one in u)
    assert calibrated.reference is not None and calibrated.reference.n_frames == len(fitted.test)


def test_atoms_unlike_the_data_are_uncertain(fitted: Sample, calibrated: Calibration) -> None:
    squeezed = [Frame.from_ase(atoms, fitted.potential.elements) for atoms in alloy(2, seed=9, scale=0.85)]
    for one in spreads(fitted.potential, squeezed):
        assert float((calibrated.factor * one > calibrated.threshold).mean()) > 0.5


def test_batches_do_not_change_the_spreads(fitted: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [frame.frame for frame in fitted.test[:3]]
    whole = spreads(fitted.potential, frames)
    monkeypatch.setattr(trust, "BATCH_ATOMS", 33)  # batches of two frames and of one
    for one, other in zip(spreads(fitted.potential, frames), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_frames_without_forces_and_models_without_committee_are_refused(fitted: Sample) -> None:
    with pytest.raises(GlasspotError, match="no held-out frame has forces"):
        calibrate(fitted.potential, [replace(frame, forces=None) for frame in fitted.test])
    lone = alone(fitted.potential)
    assert not has_committee(lone)
    with pytest.raises(GlasspotError, match="has no committee"):
        calibrate(lone, fitted.test)
    gap = replace(fitted.potential, kind="gap")
    assert not has_committee(gap)


def alone(potential: LearnedPotential) -> LearnedPotential:
    """Return the model without its committee."""
    keep = ("parameters", "coefficients")
    return replace(
        potential,
        files={role: potential.files[role] for role in keep},
        hashes={role: potential.hashes[role] for role in keep},
    )


# its file


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_calibration_stays_with_the_model(
    elsewhere: bool, fitted: Sample, calibrated: Calibration, tmp_path: Path
) -> None:
    here = with_trust(fitted.potential, calibrated, tmp_path / "a")
    assert {path.parent for path in here.files.values()} == {tmp_path / "a"}
    folder = tmp_path / ("b" if elsewhere else "a")
    again = with_trust(here, calibrated, folder)
    read = load_any(folder / "potential.toml")
    assert isinstance(read, LearnedPotential)
    assert calibration_of(read) == calibrated
    assert read.potential_id == again.potential_id == here.potential_id != fitted.potential.potential_id
    assert calibration_of(fitted.potential) is None


def test_what_is_not_known_is_kept_as_such(fitted: Sample, calibrated: Calibration, tmp_path: Path) -> None:
    kept = with_trust(fitted.potential, replace(calibrated, false_alarms=math.nan, reference=None), tmp_path)
    found = calibration_of(kept)
    assert found is not None and math.isnan(found.false_alarms) and found.reference is None
    assert "NaN" not in kept.files["trust"].read_text()


@pytest.mark.parametrize("text", ["{}", "no json", '{"unit": "meV"}', "[1]"])
def test_a_broken_calibration_is_one_clear_error(text: str, fitted: Sample, tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_text(text)
    broken = replace(fitted.potential, files={**fitted.potential.files, "trust": path})
    with pytest.raises(GlasspotError, match="no calibration of a committee"):
        calibration_of(broken)


def test_a_threshold_of_nothing_is_refused(fitted: Sample, calibrated: Calibration, tmp_path: Path) -> None:
    kept = with_trust(fitted.potential, replace(calibrated, threshold=0.0), tmp_path)
    with pytest.raises(GlasspotError, match=r"threshold is 0\.0"):
        calibration_of(kept)


# when a run is looked at


def test_every_stage_of_dynamics_is_looked_at() -> None:
    for protocol in (PROTOCOL, preset("melt-quench"), preset("melt-quench-quick", melt_temperature=1000.0)):
        watched, added = looked_at(protocol)  # whole steps and whole numbers of samples: Protocol checks them
        for index, (before, after) in enumerate(zip(protocol.stages, watched.stages, strict=True)):
            assert (index in added) == (before != after)
            if before.kind == "minimise" or before.sample_every:
                assert before == after
                continue
            assert replace(after, sample_every=None) == before
            steps, between = watched.steps(after), watched.steps_between_samples(after)
            assert between >= min(250, steps) and steps // between <= 40
            if steps >= 5000:
                assert 10 <= steps // between <= 40


def test_a_stage_that_samples_often_is_looked_at_some_twenty_times() -> None:
    stage = PROTOCOL.stages[-1]
    due = [k for k in range(1, 21) if is_due(PROTOCOL, stage, 0.1 * k)]
    assert due[-1] == 20 and np.diff(due).min() * 100 >= 250  # steps
    dense = Stage("nvt", 100.0, 300.0, sample_every=0.1)
    number = sum(is_due(PROTOCOL, dense, 0.1 * k) for k in range(1, 1001))
    assert number == 20


def test_the_way_to_the_melt_does_not_count() -> None:
    assert first_that_counts(PROTOCOL) == 2
    assert first_that_counts(Protocol("p", (Stage("nvt", 1.0, 300.0), Stage("nvt", 1.0, 300.0)))) == 0
    settled = Protocol("p", (Stage("nvt", 0.3, 1000.0, gentle=True), Stage("nvt", 1.0, 1000.0)))
    assert first_that_counts(settled) == 1  # a packing that is being parted is unlike all data
    assert temperature_at(PROTOCOL.stages[3], 3.5) == pytest.approx(650.0)
    assert temperature_at(Stage("nve", 1.0), 0.5) is None


# frames to label


def candidate(stage: int, time_ps: float, largest: float) -> Candidate:
    frame = Frame.from_symbols(["Cu", "Au"], [[0, 0, 0], [12.5, 2, 2]], 10.0)
    return Candidate(frame, stage, f"stage {stage}", time_ps, 300.0, np.array([0.1, largest]), threshold=1.0)


def test_the_worst_of_each_stage_are_chosen_and_none_close_in_time() -> None:
    given = [candidate(stage, 0.1 * k, 2.0 + stage + 0.01 * k) for stage in (1, 2, 3) for k in range(1, 41)]
    chosen = choose(given, first=2, most=9)
    assert [one.stage for one in chosen] == [1, 1, 2, 2, 2, 3, 3, 3, 3]  # of the way to the melt two are enough
    for stage in (2, 3):
        times = [one.time_ps for one in chosen if one.stage == stage]
        assert times[-1] == pytest.approx(4.0)  # the worst
        assert np.diff(times).min() > 0.29
    assert choose([]) == []


def test_frames_that_the_model_led_astray_come_last() -> None:
    given = [candidate(2, 1.0, 1.1 * ASTRAY), candidate(2, 2.0, 30 * ASTRAY), candidate(2, 3.0, 2.0)]
    assert [one.time_ps for one in choose(given, most=1)] == [3.0]
    assert [one.time_ps for one in choose(given, most=2)] == [1.0, 3.0]


def test_frames_to_label_hold_no_label(tmp_path: Path) -> None:
    import ase.io

    path = tmp_path / "to-label.extxyz"
    write_candidates([candidate(2, 1.0, 2.5)], path)
    (atoms,) = ase.io.read(path, ":")
    assert atoms.calc is None and set(atoms.info) == {"config_type", "time_ps", "temperature"}
    np.testing.assert_allclose(atoms.arrays["force_uncertainty"], [0.1, 2.5])
    np.testing.assert_allclose(atoms.positions[1], [2.5, 2, 2], atol=1e-8)  # in the cell
    (frame,) = read_dataset(path).frames
    assert frame.energy is None and frame.forces is None and frame.temperature == 300.0


# following a run


def snapshots(sample: Sample, stage: int, count: int, scale: float = 1.0) -> list[Snapshot]:
    frames = [Frame.from_ase(atoms, sample.potential.elements) for atoms in alloy(count, seed=5, scale=scale)]
    return [Snapshot(frame, stage, 0.25 * (k + 1), 0.0, 300.0, 0.0) for k, frame in enumerate(frames)]


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / following.TABLE).open() as handle:
        return list(csv.DictReader(handle))


def test_an_interrupted_run_keeps_what_was_met(fitted: Sample, calibrated: Calibration, tmp_path: Path) -> None:
    potential = with_trust(fitted.potential, calibrated, tmp_path / "model")
    told: list[Judged] = []
    with pytest.raises(KeyboardInterrupt), Follower(potential, PROTOCOL, tmp_path, told.append) as follower:
        for sample in snapshots(fitted, 2, 4, scale=0.85):
            follower.take(sample)
        raise KeyboardInterrupt
    rows = rows_of(tmp_path)
    assert len(rows) == len(told) == 4 and {row["name"] for row in rows} == {"melt"}
    assert [float(row["time_ps"]) for row in rows] == [1.25, 1.5, 1.75, 2.0]
    assert all(one.above == int(row["atoms_above"]) > 16 for one, row in zip(told, rows, strict=True))
    assert len(read_dataset(tmp_path / "to-label.extxyz").frames) == len(follower.chosen) > 0


def test_frames_like_the_data_are_not_written(fitted: Sample, calibrated: Calibration, tmp_path: Path) -> None:
    potential = with_trust(fitted.potential, calibrated, tmp_path / "model")
    with Follower(potential, PROTOCOL, tmp_path) as follower:
        for sample in snapshots(fitted, 2, 2):
            follower.take(sample)
    assert [row["atoms_above"] for row in rows_of(tmp_path)] == ["0", "0"]
    assert not (tmp_path / "to-label.extxyz").exists()
    (stage,) = summarise(follower.judged, PROTOCOL)
    assert stage.above == 0 and stage.frames == 2 and 0 < stage.rms < stage.largest < calibrated.threshold


def test_one_frame_that_cannot_be_judged_does_not_take_the_others(
    fitted: Sample, calibrated: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    potential = with_trust(fitted.potential, calibrated, tmp_path / "model")
    samples = snapshots(fitted, 2, 3)

    def failing(potential: LearnedPotential, frames: list[Frame], work: Path) -> list[np.ndarray]:
        if any(frame is samples[1].frame for frame in frames):
            raise GlasspotError("LAMMPS failed")
        return [np.full(frame.n_atoms, 0.01) for frame in frames]

    monkeypatch.setattr(following, "spreads", failing)
    with Follower(potential, PROTOCOL, tmp_path) as follower:
        follower._rest = math.inf  # all three in one batch
        for sample in samples:
            follower.take(sample)
    assert [row["atoms_above"] for row in rows_of(tmp_path)] == ["0", "", "0"]
    assert follower.problem == "LAMMPS failed"


def test_a_model_without_a_committee_is_judged_by_its_frames(fitted: Sample, tmp_path: Path) -> None:
    with Follower(alone(fitted.potential), PROTOCOL, tmp_path) as follower:
        for sample in snapshots(fitted, 2, 2):
            follower.take(sample)
    assert [row["rms_uncertainty_eV_A"] for row in rows_of(tmp_path)] == ["", ""]
    assert follower.judged[0].above is None and math.isnan(follower.judged[0].largest)


def test_judging_waits_for_its_share_of_the_time(
    fitted: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(following.time, "monotonic", lambda: now[0])
    batches: list[int] = []

    def slow(potential: LearnedPotential, frames: list[Frame], work: Path) -> list[np.ndarray]:
        now[0] += 1.0 + 0.2 * len(frames)
        batches.append(len(frames))
        return [np.full(frame.n_atoms, 0.01) for frame in frames]

    monkeypatch.setattr(following, "spreads", slow)
    monkeypatch.setattr(following, "is_due", lambda *_: True)
    sample = snapshots(fitted, 2, 1)[0]
    with Follower(fitted.potential, PROTOCOL, tmp_path) as follower:
        for _ in range(100):
            now[0] += 5.0
            follower.take(sample)
        spent = follower.seconds / now[0]
    assert batches[0] == 1 and sum(batches) == 100
    assert spent < 0.08 and batches[3] > 1


# verdicts


def stage(above: float, largest: float = 1.2, unsound: int = 0, counts: bool = True) -> StageTrust:
    return StageTrust("melt", 20, 0.2, largest, above, unsound, counts)


SOUND = Soundness(())
TORN = Soundness((Finding("void", "failure", "there is a hole."),))
DOUBTFUL = Soundness((Finding("density", "warning", "the density is off."),))


@pytest.mark.parametrize(
    ("stages", "glass", "level", "words"),
    [
        ((stage(0.0),), SOUND, TRUSTED, "0 % of the atoms"),
        ((stage(5e-4),), SOUND, TRUSTED, "0.05 %"),
        ((stage(5e-3),), SOUND, WITH_CARE, "0.5 % of the atoms"),
        ((stage(0.5),), SOUND, NOT, "50 % of the atoms"),
        ((stage(0.5, counts=False), stage(0.0)), SOUND, TRUSTED, ""),
        ((stage(1e-4, largest=4.0),), SOUND, WITH_CARE, "far from all"),
        ((stage(0.0, unsound=3),), SOUND, WITH_CARE, "3 of 20 frames"),
        ((stage(0.0),), TORN, NOT, "there is a hole"),
        ((stage(0.0),), DOUBTFUL, WITH_CARE, "density is off"),
        ((replace(stage(math.nan, math.nan), rms=math.nan),), SOUND, WITH_CARE, "no uncertainty is known"),
        ((), SOUND, WITH_CARE, "no uncertainty is known"),
        ((replace(stage(0.0), rms=0.6),), SOUND, WITH_CARE, "3 times as much as on the held-out frames"),
        ((replace(stage(0.0), rms=1.2),), SOUND, NOT, "6 times as much"),
    ],
)
def test_verdicts(stages: tuple[StageTrust, ...], glass: Soundness, level: str, words: str, fitted: Sample) -> None:
    found = verdict(fitted.potential, CALIBRATION, stages, glass, to_label=7)
    assert found.level == level and words in " ".join(found.reasons)
    assert found.reasons and (("7 frames of to-label.extxyz" in found.advice) == (level != TRUSTED))
    assert found.to_dict()["level"] == level


def test_what_is_not_known_is_said(fitted: Sample) -> None:
    unknown = (replace(stage(math.nan, math.nan), rms=math.nan),)
    gap = replace(fitted.potential, kind="gap")
    found = verdict(gap, None, unknown, SOUND, 0)
    assert found.level == WITH_CARE and "a GAP has no committee" in found.reasons[0]
    assert found.to_dict()["stages"][0]["rms"] is None and found.to_dict()["threshold_eV_A"] is None
    found = verdict(fitted.potential, None, (stage(math.nan),), SOUND, 0)
    assert found.level == WITH_CARE and "not calibrated" in found.reasons[0]
    cautious = replace(fitted.potential, cautions=("it fell.",))
    found = verdict(cautious, CALIBRATION, (stage(0.0),), SOUND, 0, problem="LAMMPS failed")
    assert found.level == WITH_CARE and "it fell." in found.reasons[0] and "LAMMPS failed" in found.reasons[1]


def test_a_run_that_gets_hot_is_seen_in_its_record() -> None:
    def rows(temperature: float) -> list[ThermoRow]:
        early = [ThermoRow(1, 100 * k, 5000.0, 0.0, -100.0, 0.0, 5.0, -90.0) for k in range(10)]
        return early + [ThermoRow(3, 100 * k, temperature, 0.0, -100.0, 0.0, 5.0, -90.0) for k in range(71)]

    assert judge_record(rows(600.0), PROTOCOL, 32).sound  # what is before the melt does not count
    assert judge_record(rows(3000.0), PROTOCOL, 32).failed
    assert judge_record([], PROTOCOL, 32).sound


@pytest.mark.parametrize("reason", ["lost-atoms", "nan", "crash", "too-hot", "boiled"])
def test_a_failure_says_what_it_means(reason: str) -> None:
    assert "12 frames of to-label.extxyz" in failure_meaning(reason, 12)
    assert "fit again" in failure_meaning(reason, 0)
    assert failure_meaning("time-limit", 3) == ""
