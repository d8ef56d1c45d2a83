"""``glasspot pcf next``: which glasses to simulate next, as a DATASET.toml for ``glasspot pcf dataset``."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.cli.progress import Progress
from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from glasspot.composition import Composition
    from glasspot.pcf.next_glass import Proposal
    from glasspot.pcf.space import Ranges

HELP = "which glasses to simulate next"
DESCRIPTION = """\
Choose the glasses that a model would learn most from: where its bands are widest, and none too near one
that is simulated or chosen already. What is printed is a DATASET.toml, made as the data of the model
were; only the curve model can do it, since the paper's has no bands."""
EPILOG = """\
examples:
  glasspot pcf next model --budget 5 --out next.toml
  glasspot pcf next model --within SiO2=45-75 B2O3=8-35 Na2O=10-30 --add BaO=2-20
  glasspot pcf dataset next.toml && glasspot pcf train shipped runs/next --out better

--within: mol% of the base, least and most; --add: mol% of the whole glass, of which each takes one. Without
them: the ranges of the data, SiO2, B2O3 and Na2O being the base."""
RANGE = re.compile(r"([A-Za-z0-9]+)=(\d+\.?\d*)-(\d+\.?\d*)")
CANDIDATES = 120
MOST = 100  # glasses at once
USUAL = {"potential": "BMP", "atoms": 1000, "runs": 3, "r_max": 10.0, "bin_width": 0.04}
USUAL_PROTOCOL = {"preset": "melt-quench-then-npt"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action's arguments to its parser."""
    add = parser.add_argument
    add("model", metavar="DIR", type=Path, help="folder of glasspot pcf train")
    add("--budget", metavar="N", type=int, default=5, help="glasses to choose (default: 5)")
    add("--within", metavar="OXIDE=A-B", nargs="+", help="base of the glasses in mol%%, such as SiO2=45-75")
    add("--add", metavar="OXIDE=A-B", nargs="+", help="what is added to the base, such as BaO=2-20")
    add("--seed", metavar="N", type=int, default=0, help="of the candidates (default: 0)")
    add("--out", metavar="FILE", type=Path, help="write the DATASET.toml there, not to the terminal")
    add("--json", action="store_true", help="print the choice as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from glasspot.files import write_text
    from glasspot.pcf.model_file import about_model, load_model
    from glasspot.pcf.next_glass import next_glass

    if not 1 <= args.budget <= MOST:
        raise GlasspotError(f"--budget is {args.budget}; expected from 1 to {MOST}.")
    model = load_model(args.model)
    about = about_model(args.model)["about"]
    known = known_glasses(about, args.model)
    made = dict(about.get("made", {}))
    with Progress(args.json) as tell:
        tell("candidates", 0, 0)
        candidates = candidates_of(ranges_of(args.within, args.add, known), known, made, args.budget, args.seed)
        tell("choosing", 0, 0)
        chosen = next_glass(model, candidates, known, args.budget)
    if args.json:
        print(json.dumps({"format": 1, "glasses": [_plain(one) for one in chosen]}, indent=2))
    text = toml_of(chosen, str(about.get("data", args.model)), made)
    if args.out is not None:
        write_text(args.out, text)
    if args.json:
        return 0
    if args.out is None:
        print(text, end="")
        return 0
    for one in chosen:
        print(f"{one.composition}: {_why(one)}")
    print(f"written to {args.out}; simulate them: glasspot pcf dataset {args.out}")
    return 0


def known_glasses(about: Mapping[str, Any], folder: Path) -> list[Composition]:
    """Return the glasses that a model has learnt from; GlasspotError where its file does not say."""
    from glasspot.composition import Composition

    listed = about.get("compositions")
    if not listed:
        raise GlasspotError(f"the model in {folder} does not say what it was trained on; train it again.")
    return [Composition(tuple((str(name), float(share)) for name, share in parts)) for parts in listed]


def ranges_of(within: Sequence[str] | None, add: Sequence[str] | None, known: Sequence[Composition]) -> Ranges:
    """Return the ranges of the command line, or those of the data."""
    from glasspot.pcf.scoring.splits import BASE, base_of
    from glasspot.pcf.space import Ranges

    if within:
        return Ranges(_ranges(within, "--within"), _ranges(add or (), "--add"))
    bases = [base for base in (base_of(one) for one in known) if base is not None]
    if not bases:
        raise GlasspotError(f"no glass of the data holds {', '.join(BASE)}; give the range of the base with --within.")
    base = {name: _least_most([one.fractions.get(name, 0.0) for one in bases]) for name in BASE}
    if add:
        return Ranges({name: ends for name, ends in base.items() if ends[1] > 0}, _ranges(add, "--add"))
    others = dict.fromkeys(name for one in known for name in one.fractions if name not in BASE)
    added = {name: _least_most([one.fractions[name] for one in known if name in one.fractions]) for name in others}
    return Ranges({name: ends for name, ends in base.items() if ends[1] > 0}, added)


def _least_most(shares: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most of fractions in mol%, widened to the next hundredth: rounding leaves none out."""
    return max(0.0, int(10000 * min(shares)) / 100), min(100.0, int(10000 * max(shares) + 1) / 100)


def _ranges(words: Sequence[str], option: str) -> dict[str, tuple[float, float]]:
    found = {}
    for word in words:
        match = RANGE.fullmatch(word)
        if match is None:
            raise GlasspotError(f'{option} takes an oxide and its mol%, such as SiO2=45-75; given "{word}".')
        found[match[1]] = float(match[2]), float(match[3])
    return found


def candidates_of(
    ranges: Ranges, known: Sequence[Composition], made: Mapping[str, Any], budget: int, seed: int
) -> list[Composition]:
    """Return glasses that fill the ranges, with what is added and without; only those that the potential takes."""
    from glasspot.pcf.space import Ranges, fill

    suits = _suits(made)
    number = max(CANDIDATES, 4 * budget)
    found = fill(ranges, number, known, seed, suits)
    if ranges.added and any(least == 0 or most > least for least, most in ranges.base.values()):
        found += fill(Ranges(ranges.base), number // 4, [*known, *found], seed, suits)
    return found


def _suits(made: Mapping[str, Any]) -> Callable[[Composition], bool]:
    """Return a test whether the potential of the data takes a glass: rules of composition have a domain."""
    from glasspot.potential.io import load_potential

    try:
        published = load_potential(str(made.get("potential", USUAL["potential"])))
    except GlasspotError:
        return lambda composition: True  # a file of the user's that is not here; glasspot pcf dataset will say
    atoms = int(made.get("atoms", USUAL["atoms"]))

    def suits(composition: Composition) -> bool:
        try:
            counts = composition.atom_counts(atoms, published.counting_charges)
            published.for_composition(counts.composition, counts.counts)
        except GlasspotError:
            return False
        return True

    return suits


def toml_of(chosen: Sequence[Proposal], data: str, made: Mapping[str, Any]) -> str:
    """Return the DATASET.toml of the chosen glasses, made as the data were where that is known."""
    lines = [
        "# The glasses that a model of pair curves would learn most from, the most useful first (glasspot pcf next).",
        f"# Trained on: {data}.",
    ]
    if not made:
        lines.append("# How the data were made is not known: these settings are the usual ones; put yours.")
    lines += [f"{key} = {json.dumps(made.get(key, usual))}" for key, usual in USUAL.items()]
    lines.append("glasses = [")
    lines += [f'  "{_rounded(one.composition)}",  # {_why(one)}' for one in chosen]
    lines += ["]", "", "[protocol]"]
    protocol = dict(made.get("protocol") or USUAL_PROTOCOL)
    stages = protocol.pop("stages", [])
    lines += [f"{key} = {json.dumps(value)}" for key, value in protocol.items() if value is not None]
    for stage in stages:
        lines += ["[[protocol.stages]]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in stage.items() if value is not None]
    return "\n".join(lines) + "\n"


def _rounded(composition: Composition) -> str:
    return " ".join(f"{100 * share:.2f} {name}" for name, share in composition.oxides)


def _why(one: Proposal) -> str:
    return f"width of the bands {100 * one.uncertainty:.1f} %, nearest known glass {100 * one.nearest:.1f} mol% away"


def _plain(one: Proposal) -> dict[str, Any]:
    return {
        "composition": _rounded(one.composition),
        "uncertainty": float(f"{one.uncertainty:.6g}"),
        "nearest": float(f"{one.nearest:.6g}"),
        "worth": float(f"{one.worth:.6g}"),
    }
