"""Which engine runs a fit or a quench: what the file says, what is chosen where it is silent, what is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasspot.campaign.folder import check_same_run
from glasspot.config import EngineTable, FitConfig, parse_table
from glasspot.engine.native import variant
from glasspot.errors import GlasspotError
from glasspot.evaluate import engines
from glasspot.evaluate.engines import System, choose_engine, make_engine, prepare_engine
from glasspot.evaluate.job import EngineChoice
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.store import Store

BKS = load_potential("BKS")
FIT: dict[str, Any] = {
    "title": "t",
    "potential": {"free": ["Si-O.A"]},
    "system": {"composition": "SiO2", "atoms": 60, "temperature": 3600.0},
    "target": [{"pair": "total", "file": "g.csv", "range": [0.0, 8.0]}],
}


def system(*potentials: Potential) -> System:
    return System(potentials, ("Si", "O"), np.eye(3) * 20.0)


def engine_of(text: Any) -> EngineChoice:
    return parse_table(FitConfig, {**FIT, "engine": text}, "fit.toml").engine.choice()


def test_the_name_alone_is_a_table_of_its_own() -> None:
    assert engine_of("lammps") == engine_of({"name": "lammps"}) == EngineChoice("lammps")
    assert engine_of({"command": "lmp", "threads": 2}).command == "lmp"
    with pytest.raises(GlasspotError, match=r"engine\.name.*native.*Did you mean .lammps.*lamps"):
        engine_of("lamps")
    for wrong in (3, True, ["native"]):
        with pytest.raises(GlasspotError, match=r'engine = "lammps", or a table \[engine\] \(given: '):
            engine_of(wrong)
    assert EngineTable(name="native").choice("lammps").name == "lammps", "the command line has precedence"


def test_keys_of_older_files_are_taken_from_md() -> None:
    old = parse_table(FitConfig, {**FIT, "md": {"command": "lmp", "time_limit_s": 60.0}}, "fit.toml")
    assert old.engine.choice() == EngineChoice("auto", "lmp", 60.0)
    with pytest.raises(GlasspotError, match="command stands in"):
        parse_table(FitConfig, {**FIT, "md": {"command": "lmp"}, "engine": {"command": "lmp"}}, "fit.toml")
    both = parse_table(FitConfig, {**FIT, "md": {"command": "lmp"}, "engine": "lammps"}, "fit.toml")
    assert both.engine.command == "lmp"


def test_what_is_left_open_is_native_where_it_can_be() -> None:
    open_choice = EngineChoice("auto", time_limit_s=60.0)
    assert choose_engine(open_choice, system(BKS)) == (EngineChoice("native", time_limit_s=60.0), "")
    assert choose_engine(open_choice, system(BKS, load_potential("BMP")))[0].name == "native"
    small = System((BKS, load_potential("BMP")), ("Si", "O"), np.eye(3) * 14.0)
    choice, note = choose_engine(open_choice, small)
    assert choice == EngineChoice("lammps", time_limit_s=60.0)
    assert "LAMMPS runs this" in note and "three-body" in note
    assert "Take a larger cell" not in note, "it has been chosen"


@pytest.mark.parametrize("settings", [{"command": "mpirun -np 8 lmp"}, {"threads": 4}])
def test_who_names_an_lmp_wants_it(settings: dict[str, Any]) -> None:
    assert choose_engine(EngineChoice("auto", **settings), system(BKS)) == (EngineChoice("lammps", **settings), "")


def test_native_is_refused_what_it_cannot_run() -> None:
    assert choose_engine(EngineChoice("native"), system(BKS))[0].name == "native"
    small = System((load_potential("BMP"),), ("Si", "O"), np.eye(3) * 14.0)
    with pytest.raises(GlasspotError, match=r"three-body.*lammps"):
        choose_engine(EngineChoice("native"), small)


@pytest.mark.parametrize(
    ("cell", "message"),
    [(np.diag([20.0, 4.0, 20.0]), "shortest side"), (np.eye(3) * 20 + np.eye(3, k=-1), "right angles")],
)
def test_a_cell_that_native_cannot_run_goes_to_lammps(cell: np.ndarray, message: str) -> None:
    with pytest.raises(GlasspotError, match=rf"{message}.*lammps"):
        choose_engine(EngineChoice("native"), System((BKS,), ("Si", "O"), cell))
    choice, note = choose_engine(EngineChoice("auto"), System((BKS,), ("Si", "O"), cell))
    assert choice.name == "lammps" and message in note


def test_angles_that_are_right_but_for_rounding_are_right() -> None:
    rounded = np.eye(3) * 20.0 + np.eye(3, k=1) * 20.0 * 6e-17
    assert choose_engine(EngineChoice("native"), System((BKS,), ("Si", "O"), rounded))[0].name == "native"


def test_avx512_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM would end the whole process."""
    monkeypatch.setattr(variant, "has_avx512", lambda: False)
    with pytest.raises(GlasspotError, match=r'instructions is "avx512".*give "auto" or "portable"'):
        variant.choose("avx512")
    assert isinstance(variant.choose("auto"), variant.Portable)


@pytest.mark.parametrize("settings", [{"command": "lmp"}, {"threads": 2}])
def test_native_has_no_command_and_no_threads(settings: dict[str, Any]) -> None:
    with pytest.raises(GlasspotError, match=r'is for LAMMPS.*choose the engine "lammps"'):
        make_engine(EngineChoice("native", **settings))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(GlasspotError, match=r'engine\.name is "gromacs"; expected one of native, lammps'):
        make_engine(EngineChoice("gromacs"))


def test_the_hash_of_a_job_in_lammps_is_what_it_was() -> None:
    assert EngineChoice().spec() == {"name": "lammps", "command": None}
    assert EngineChoice("lammps", threads=2).spec() != EngineChoice().spec()
    assert EngineChoice("native", time_limit_s=5.0).spec() == {"name": "native", "command": None}


def test_a_run_made_before_there_was_a_choice_goes_on_with_lammps(tmp_path: Path) -> None:
    """The settings of an older store have the command in [md] and no engine."""
    with Store.create(tmp_path) as store:
        store.set_meta("settings", {"md": {"sample_ps": 1.0, "command": None}})
        check_same_run(store, {"md": {"sample_ps": 1.0}, "engine": EngineChoice("lammps").spec()})
        with pytest.raises(GlasspotError, match=r"'lammps' -> 'native'.*--engine lammps"):
            check_same_run(store, {"md": {"sample_ps": 1.0}, "engine": EngineChoice("native").spec()})
        with pytest.raises(GlasspotError, match=r"engine\.command: None -> 'lmp'"):
            check_same_run(store, {"md": {"sample_ps": 1.0}, "engine": EngineChoice("lammps", "lmp").spec()})


@pytest.mark.parametrize(("seconds", "lines"), [(0.0, []), (0.2, [engines.COMPILING])])
def test_compiling_is_said_when_it_takes_more_than_a_moment(
    seconds: float, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(engines, "TELL_AFTER_S", 0.05)
    monkeypatch.setattr("glasspot.engine.native.engine.compile_kernels", lambda *_: time.sleep(seconds))
    prepare_engine(EngineChoice("native"), system(BKS), said.append)
    assert said == lines
    prepare_engine(EngineChoice("lammps"), system(BKS), said.append)
    assert said == lines
