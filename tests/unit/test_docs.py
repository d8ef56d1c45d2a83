"""The documentation says what the code does: keys and their defaults, examples that load, links that lead somewhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from glasspot import quench_settings
from glasspot.config import FitConfig, load_fit_config
from glasspot.engine.base import REASONS
from glasspot.fit_settings.ladder import rungs_of
from glasspot.fit_settings.plan import fit_plan
from glasspot.pcf_settings import load_dataset_plan
from glasspot.potential.io import load_potential
from glasspot.quench_settings import QuenchConfig, load_quench_plan
from glasspot.report.status import status
from glasspot.store import Store

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for f in ("docs", "examples", "benchmarks") for page in (ROOT / f).rglob("*.md"))]
)
RESULTS = sorted((ROOT / "examples").rglob("result/*.toml"))
EXAMPLES = sorted(set((ROOT / "examples").rglob("*.toml")) - set(RESULTS))
FIT_PAGE = (ROOT / "docs" / "fit.md").read_text(encoding="utf-8")
SECTIONS = {"At the top": FitConfig} | {
    name: next(
        kind
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    )
    for name, field in FitConfig.model_fields.items()
    if name not in ("title", "description", "seed", "cautions", "scales")
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def rows(section: str) -> dict[str, str]:
    """Return key -> default as the table under a heading of docs/fit.md gives them."""
    heading = re.search(rf"^### \[*{re.escape(section)}\]*$", FIT_PAGE, re.MULTILINE)
    assert heading, f"docs/fit.md has no heading for {section}"
    text = re.split(r"^##", FIT_PAGE[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    table = re.search(r"^\| key \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table, f"docs/fit.md has no table of keys for {section}"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]
    return {row[0].strip("`"): row[1] for row in cells}


def as_printed(default: Any) -> str:
    """Return a default as the tables print it."""
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "-"
    return f"`{json.dumps(default)}`" if isinstance(default, str | list | dict) else f"`{default!r}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_fit_is_documented_with_its_default(section: str) -> None:
    model = SECTIONS[section]
    fields = {key: field for key, field in model.model_fields.items() if model is not FitConfig or key not in SECTIONS}
    assert rows(section) == {key: as_printed(field.default) for key, field in fields.items()}


def test_every_key_of_a_quench_is_documented() -> None:
    page = (ROOT / "docs" / "quench.md").read_text(encoding="utf-8")
    models = (QuenchConfig, quench_settings.EngineTable, quench_settings.AnalysisTable)
    missing = [key for model in models for key in model.model_fields if not re.search(rf"\b{key}\b", page)]
    assert missing == []


def test_every_key_of_status_is_documented(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        store.set_meta("state", "interrupted")
    answer = status(tmp_path)
    keys = set(answer) - {"best", "validation"}
    keys |= {f"{table}.{key}" for table in ("best", "validation") for key in answer[table]}
    text = FIT_PAGE.split("## Keys of `glasspot status --json`")[1].split("\n## ")[0]
    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_every_reason_of_a_failure_is_documented() -> None:
    assert [reason for reason in REASONS if f"`{reason}`" not in FIT_PAGE] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_examples_load(path: Path) -> None:
    if re.search(r"^\[\[fill\]\]", path.read_text(encoding="utf-8"), re.MULTILINE):
        assert len(load_dataset_plan(path)[0].glasses) >= 40
    elif re.search(r"^\[\[?(target|system)\]\]?", path.read_text(encoding="utf-8"), re.MULTILINE):
        config = load_fit_config(path)
        fits = [of_rung for _, of_rung in rungs_of(config, path)] if config.rung else [config]
        for fit in fits:
            plan, _ = fit_plan(fit, path.parent)
            assert all(state.targets for state in plan.states)
    else:
        assert load_quench_plan(path).n_atoms >= 50


@pytest.mark.parametrize("path", RESULTS, ids=name)
def test_results_of_examples_are_potentials(path: Path) -> None:
    assert load_potential(str(path)).elements


def leads_somewhere(page: Path, target: str) -> bool:
    """Return whether a link is to a file that is there and, where it names one, to a heading in it."""
    file, _, anchor = target.partition("#")
    path = page.parent / file if file else page
    if not path.exists() or not anchor:
        return path.exists()
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    local = [t for t in targets if not re.match(r"[a-z]+:", t)]
    assert [t for t in local if not leads_somewhere(path, t)] == []


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=name)
def test_no_path_of_a_machine_is_in_a_text(path: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:root|work|home|tmp|Users)/\S*", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_toml_in_a_text_is_toml(path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert all(tomllib.loads(block) for block in blocks)


def test_pages_name_commands_that_exist() -> None:
    from glasspot.cli import build_parser

    parser = build_parser()
    commands = next(a for a in parser._actions if a.dest == "command").choices
    assert commands is not None
    for path in PAGES:
        for word in re.findall(r"(?:^|`|\$ )glasspot ([a-z][a-z-]*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert word in commands, f"{name(path)} names the command glasspot {word}"


def test_the_design_names_every_module_and_the_layers_that_are_checked() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "glasspot"
    parts = [p.name for p in source.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()]
    assert [p for p in parts if not p.startswith("__") and not re.search(rf"^  {re.escape(p)}/?\s", text, re.M)] == []
    native = re.search(r"^engine/native/\n(.*?)^```", text, re.M | re.S)
    assert native
    modules = [path.stem for path in (source / "engine" / "native").glob("[a-z]*.py")]
    assert [module for module in modules if not re.search(rf"\b{module}\b", native[1])] == []
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert "```\n" + "\n".join(layers) + "\n```" in text
