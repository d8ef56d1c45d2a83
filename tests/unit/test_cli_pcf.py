"""``glasspot pcf`` train, score and next as a user meets them: files, a second run, each mistake in one sentence."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from glasspot.cli import main
from glasspot.composition import Composition
from glasspot.pcf import model_file
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model_file import load_model, save_model
from glasspot.pcf_settings import load_dataset_plan
from pcf_fake import FakeModel
from pcf_samples import sample_set

GLASS = "60 SiO2 20 B2O3 20 Na2O"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set of 16 glasses, as glasspot pcf dataset leaves it, and a curve model of it."""
    folder = tmp_path_factory.mktemp("pcf")
    made = sample_set(16)
    settings = {"potential": "BMP", "atoms": 900, "runs": 2, "r_max": 10.0, "bin_width": 0.05, "seed": 1}
    protocol = {"preset": "melt-quench-then-npt", "rate": 60}
    CurveSet(made.r, made.glasses, {"settings": {**settings, "protocol": protocol}}).save(folder / "set" / "curves.npz")
    assert pcf("train", folder / "set", "--out", folder / "model") == 0
    return folder


def pcf(*words: str | Path | int) -> int:
    return main(["pcf", *(str(word) for word in words)])


def test_training_leaves_a_model_and_its_page(place: Path) -> None:
    names = {path.name for path in (place / "model").iterdir()}
    assert names >= {"model.npz", "index.html", "train.json", "coverage.png", "curve-map.svg", "oxides.png"}
    told = json.loads((place / "model" / "train.json").read_text())
    assert (told["kind"], told["glasses"], told["state"]) == ("curve", 16, "finished")
    assert told["oxides"]["SiO2"]["most_mol_percent"] == 100.0
    assert load_model(place / "model").kind == "curve"


def test_the_same_seed_gives_the_same_model(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pcf("train", place / "set" / "curves.npz", "--out", tmp_path / "again", "--json") == 0
    assert json.loads(capsys.readouterr().out)["curves"] == sample_set(16).n_curves
    one, two = (
        load_model(folder).predict(Composition.parse(GLASS)) for folder in (place / "model", tmp_path / "again")
    )
    np.testing.assert_array_equal(one.g, two.g)


def test_sets_are_joined_when_their_grids_are_one(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = sample_set(20)
    more = made.only(range(16, 20))
    more.save(tmp_path / "more.npz")
    assert pcf("train", place / "set", tmp_path / "more.npz", "--out", tmp_path / "both", "--json") == 0
    assert json.loads(capsys.readouterr().out)["glasses"] == 20
    assert pcf("train", place / "set", place / "set", "--out", tmp_path / "twice") == 2
    assert 'two glasses of the data are named "glass-0"; is a set given twice?' in capsys.readouterr().err
    shorter = CurveSet(more.r[:150], (), {})
    shorter.save(tmp_path / "short.npz")
    assert pcf("train", place / "set", tmp_path / "short.npz", "--out", tmp_path / "x") == 2
    assert "has g(r) to 7.5 A by 0.05 A, but" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "there is no file or folder nowhere; expected a folder of glasspot pcf dataset"),
        (("{folder}",), "holds no curves.npz; give a folder that glasspot pcf dataset has finished"),
        (("{folder}/text.npz",), "is no set of pair curves of glasspot"),
        (("{folder}/empty.npz",), "holds no glass; nothing can be trained on it"),
        (("{set}", "--epochs", "3"), "--epochs is of the paper model; the curve model has none"),
        (("{set}", "--model", "paper", "--epochs", "0"), "--epochs is 0; expected a whole number from 1"),
        (("{set}", "--seed", "-1"), "--seed is -1; expected a whole number from 0"),
        (("{set}", "--out", "{folder}"), "holds files that glasspot pcf train has not made"),
    ],
)
def test_mistakes_in_training_are_one_sentence(
    place: Path, tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.npz").write_text("r,g\n")
    CurveSet(np.array([0.05, 0.15]), (), {}).save(tmp_path / "empty.npz")
    given = [word.format(folder=tmp_path, set=place / "set") for word in words]
    if "--out" not in given:
        given += ["--out", str(tmp_path / "out")]
    assert pcf("train", *given) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_prediction_far_from_the_data_says_how_far(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pcf("predict", place / "model", "10 SiO2 90 Na2O", "--out", tmp_path / "far") == 0
    assert "times as far from the nearest glass" in capsys.readouterr().out
    assert pcf("predict", place / "model", "80 SiO2 20 CaO", "--out", tmp_path / "lime") == 0
    assert "warning: CaO is not in the data" in capsys.readouterr().out


def test_scores_stand_beside_the_baselines(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("score", place / "model", place / "set", "--folds", 2, "--learning-curve")
    assert pcf(*words) == 0
    said = capsys.readouterr().out.splitlines()
    rows = [line.split()[0] for line in said[2:6]]
    assert rows == ["curve", "nearest", "mixing", "noise"]
    folder = place / "model" / "score-glass"
    names = {path.name for path in folder.iterdir()}
    assert names >= {"index.html", "curves.csv", "score.json", "cases.png", "calibration.svg", "learning-curve.png"}
    told = json.loads((folder / "score.json").read_text())
    assert [one["model"] for one in told["scores"]] == ["curve", "nearest", "mixing"]
    refused = {(row["glass"], row["pair"]) for one in told["scores"] for row in one["refused"]}
    assert told["on_common_curves"]["curve"]["relative"]["n"] + len(refused) == told["curves"]
    assert pcf(*words[:-1], "--json") == 0, "a second run takes the place of the first"
    assert json.loads(capsys.readouterr().out)["learning"] is None


def test_scores_of_what_cannot_be_scored(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pcf("score", tmp_path, place / "set") == 2
    assert "holds no model.npz" in capsys.readouterr().err
    assert pcf("score", place / "model", place / "set", "--folds", "1", "--out", tmp_path / "out") == 2
    assert "1 folds of 16 glasses were asked for; expected from 2 to 16" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_to_simulate_next_is_a_dataset(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ("--within", "SiO2=50-70", "B2O3=12-30", "Na2O=10-30", "--add", "BaO=2-20")
    assert pcf("next", place / "model", "--budget", 3, *limits, "--out", tmp_path / "next.toml") == 0
    plan, _ = load_dataset_plan(tmp_path / "next.toml")
    assert len(plan.glasses) == 3 and plan.runs == 2
    table = tomllib.loads((tmp_path / "next.toml").read_text())
    assert table["atoms"] == 900 and table["protocol"] == {"preset": "melt-quench-then-npt", "rate": 60}
    capsys.readouterr()
    assert pcf("next", place / "model", "--budget", 2) == 0
    assert len(tomllib.loads(capsys.readouterr().out)["glasses"]) == 2, "what is printed is TOML too"
    assert pcf("next", place / "model", "--budget", 2, "--json") == 0
    chosen = json.loads(capsys.readouterr().out)["glasses"]
    assert chosen[0]["worth"] >= chosen[1]["worth"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--budget", "0"), "--budget is 0; expected from 1 to 100"),
        (("--within", "SiO2:50"), '--within takes an oxide and its mol%, such as SiO2=45-75; given "SiO2:50"'),
        (("--within", "SiO2=10-20", "Na2O=10-20"), "no glass has its base inside these ranges"),
        (("--within", "SiO2=10-200"), "expected 0 <= least <= most <= 100"),
        (("--within", "Xx2O=10-100"), 'unknown oxide "Xx2O"'),
    ],
)
def test_mistakes_in_what_comes_next(
    place: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pcf("next", place / "model", *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_model_that_does_not_know_its_data_has_no_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(model_file.KINDS, "fake", ("pcf_fake", "FakeModel.from_state"))
    save_model(FakeModel(), tmp_path)
    assert pcf("next", tmp_path) == 2
    assert "does not say what it was trained on; train it again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "module"), [("curve", "threadpoolctl"), ("paper", "torch"), ("paper", "sklearn.ensemble")]
)
def test_a_missing_extra_is_told_before_anything_is_written(
    place: Path,
    tmp_path: Path,
    kind: str,
    module: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert pcf("train", place / "set", "--model", kind, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert f"the training of a {kind} model needs" in error and 'pip install "glasspot[pcf]"' in error
    assert not (tmp_path / "out").exists()
