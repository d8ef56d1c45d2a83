"""Protocols: what is refused, what the presets contain, and that they survive a round trip through JSON."""

from __future__ import annotations

import json

import pytest

from glasspot.errors import GlasspotError
from glasspot.presets import PRESETS, preset
from glasspot.protocol import Protocol, Stage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "nvtt", "duration": 1}, 'Did you mean "nvt"'),
        ({"kind": "nvt", "duration": 1}, "needs a temperature"),
        ({"kind": "nvt", "duration": 0, "temperature": 300}, "more than 0"),
        ({"kind": "nvt", "duration": float("nan"), "temperature": 300}, "finite"),
        ({"kind": "nvt", "duration": 1, "temperature": -5}, "more than 0"),
        ({"kind": "nvt", "duration": 1, "temperature": (300, 200, 100)}, "3 values"),
        ({"kind": "nvt", "duration": 1, "temperature": "hot"}, "finite number"),
        ({"kind": "nvt", "duration": 1, "temperature": 300, "pressure": 0}, "has no pressure"),
        ({"kind": "npt", "duration": 1, "temperature": 300}, "needs a pressure"),
        ({"kind": "npt", "duration": 1, "temperature": 300, "pressure": 0, "gentle": True}, "gentle"),
        ({"kind": "nve", "duration": 1, "temperature": (300, 400)}, "no ramp"),
        ({"kind": "minimise", "duration": 1}, "no duration"),
        ({"kind": "minimise", "temperature": 300}, "no temperature"),
        ({"kind": "nvt", "duration": 1, "temperature": 300, "sample_every": 2}, "at most"),
        ({"kind": "nve", "duration": 1, "new_velocities": True}, "new_velocities"),
        ({"kind": "nvt", "duration": 1, "temperature": 1e300}, "at most 100000 K"),
        ({"kind": "nvt", "duration": 1, "temperature": 300, "gentle": "no"}, "expected true or false"),
        ({"kind": "nvt", "duration": 1, "temperature": 300, "name": 5}, "expected text"),
    ],
)
def test_a_stage_that_means_nothing_is_refused(arguments, message):
    with pytest.raises(GlasspotError, match=message):
        Stage(**arguments)


def test_times_must_be_whole_steps_and_whole_samples():
    with pytest.raises(GlasspotError, match="whole number of steps"):
        Protocol("p", (Stage("nvt", 1.0005, 300),))
    with pytest.raises(GlasspotError, match="whole number of samples"):
        Protocol("p", (Stage("nvt", 1.0, 300, sample_every=0.3),))
    with pytest.raises(GlasspotError, match="no stage"):
        Protocol("p", ())
    with pytest.raises(GlasspotError, match=r"1 fs is 0\.001"):
        Protocol("p", (Stage("nvt", 10.0, 300),), timestep=1.0)
    # 8.1 / 0.001 is 8100 only to within rounding; 2700 ps at 1 fs must be exact as well.
    assert Protocol("p", (Stage("nvt", 8.1, 300), Stage("nvt", 2700.0, 300))).total_steps == 2_708_100


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_survive_json(name):
    protocol = preset(name)
    assert Protocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol
    assert ("quick" in name) == bool(protocol.note), "a quick version says what it gives up"


def test_the_same_numbers_give_the_same_text_whatever_their_type():
    as_integers = Protocol("p", (Stage("npt", 1, 300, 0),))
    as_floats = Protocol("p", (Stage("npt", 1.0, 300.0, 0.0),))
    assert json.dumps(as_integers.to_dict()) == json.dumps(as_floats.to_dict())


def test_liquid_pdf_is_that_of_the_paper():
    protocol = preset("liquid-pdf")
    equilibrate, sample = protocol.stages[-2:]
    assert protocol.stages[0].kind == "minimise" and protocol.timestep == 0.001
    assert (equilibrate.kind, equilibrate.duration, equilibrate.temperature) == ("nvt", 10.0, 3600.0)
    assert (sample.kind, sample.duration, sample.sample_every) == ("nvt", 10.0, 0.02)
    assert protocol.n_samples == 500
    hot = [stage for stage in protocol.stages if stage.temperature == 5600.0]
    assert sum(stage.duration for stage in hot) == pytest.approx(2.0)
    assert hot[0].gentle and not any(stage.gentle for stage in hot[1:])


def test_a_warm_start_skips_the_melt():
    keep = preset("liquid-pdf", start="warm", velocities="keep")
    draw = preset("liquid-pdf", start="warm", temperature=4000)
    assert [stage.name for stage in keep.stages] == ["equilibrate", "sample"]
    assert not keep.stages[0].new_velocities
    assert draw.stages[0].new_velocities and draw.stages[0].temperature == 4000.0


def test_melt_quench_is_that_of_the_paper():
    stages = preset("melt-quench").stages
    by_name = {stage.name: stage for stage in stages}
    assert by_name["settle"].duration + by_name["relax the packing"].duration == 20.0
    assert by_name["compress"].pressure == pytest.approx(40000 * 1.01325)
    assert by_name["melt under pressure"].pressure == pytest.approx(20000 * 1.01325)
    assert by_name["melt"].pressure == 0.0
    assert by_name["quench"].temperature == (3000.0, 300.0)
    assert by_name["quench"].duration == 2700.0  # 1 K/ps
    assert (by_name["relax"].duration, by_name["sample"].duration) == (200.0, 100.0)
    assert by_name["sample"].sample_every == 1.0


def test_a_rate_that_gives_no_whole_number_of_steps_is_rounded_to_one():
    quench = next(stage for stage in preset("melt-quench", rate=7.0).stages if stage.name == "quench")
    assert quench.duration == pytest.approx(2700 / 7, abs=0.001)


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("melt-qench", {}, 'Did you mean "melt-quench"'),
        ("melt-quench", {"ratee": 10}, 'Did you mean "rate"'),
        ("melt-quench", {"rate": 0}, "more than 0"),
        ("melt-quench", {"rate": "fast"}, "expected a number"),
        ("melt-quench", {"melt_temperature": 200}, "more than the final"),
        ("liquid-pdf", {"start": "cold"}, "one of packing, warm"),
        ("melt-quench", {"melt_temperature": float("inf")}, "finite"),
        ("melt-quench", {"timestep": float("nan")}, "finite"),
        ("melt-quench", {"timestep": 0}, "timestep is 0 ps"),
        ("melt-quench", {"melt_ps": 1e300}, "more than 2147483647 steps"),
    ],
)
def test_wrong_presets_are_refused(name, numbers, message):
    with pytest.raises(GlasspotError, match=message):
        preset(name, **numbers)


def test_a_misspelt_key_is_refused():
    with pytest.raises(GlasspotError, match='Did you mean "temperature"'):
        Protocol.from_dict({"name": "p", "stages": [{"kind": "nvt", "duration": 1, "temprature": 300}]})
    with pytest.raises(GlasspotError, match="a stage is not a table"):
        Protocol.from_dict({"name": "p", "stages": ["melt"]})
    with pytest.raises(GlasspotError, match='"stages" is missing'):
        Protocol.from_dict({"name": "p"})
