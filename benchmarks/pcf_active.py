"""Does it pay to ask the model which glass to simulate next? Its race against random choice, and its learning curve.

    python benchmarks/pcf_active.py DATA.npz --seeds 8 --out runs/pcf_active.json
    python benchmarks/pcf_active.py DATA.npz --learning 8 16 24 32

A quarter of the glasses is held out, a few are the start, the others are the pool, from which each way of choosing adds
glasses in batches (`glasspot.pcf.scoring.active_race`). Printed: medians over the seeds of the error on the held-out
glasses, and how often each way was better than random choice with the same seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from glasspot.pcf.curve.model import train
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.scoring.active_race import WAYS, Race, race
from glasspot.pcf.scoring.baselines import BASELINES
from glasspot.pcf.scoring.learning_curve import learning_curve

MEASURES = {
    "relative": "curve error",
    "relative former-O": "curve error of formers and O, the least noisy",
    "coordination": "coordination",
    "neutron": "S(Q) of neutrons",
}


def race_table(found: Race, measure: str) -> str:
    """Return medians by number of glasses, and the seeds in which a way was better than random choice."""
    medians = {way: dict(found.medians(way, measure)) for way in WAYS}
    errors = {(step.way, step.seed, step.size): step.errors[measure] for step in found.steps if measure in step.errors}
    lines = ["| glasses | " + " | ".join(WAYS) + " | uncertainty better than random |", "|---" * (len(WAYS) + 2) + "|"]
    for size in medians["random"]:
        seeds = [seed for way, seed, n in errors if way == "random" and n == size]
        better = sum(errors["uncertainty", seed, size] < errors["random", seed, size] for seed in seeds)
        cells = " | ".join(f"{medians[way][size]:.4f}" for way in WAYS)
        lines.append(f"| {size} | {cells} | {better} of {len(seeds)} seeds |")
    return "\n".join(lines)


def tell(stage: str, done: int, in_all: int) -> None:
    """Say how far it is."""
    print(f"{stage} ({done} of {in_all})", file=sys.stderr, flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--start", type=int, default=8)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--learning", type=int, nargs="+", help="numbers of glasses of a learning curve, instead")
    parser.add_argument("--repeats", type=int, default=3, help="of the learning curve")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    curve_set = CurveSet.load(given.data)
    model = partial(train, seed=0)
    if given.learning:
        models = {"curve": model, **BASELINES}
        curve = learning_curve(models, curve_set, given.learning, given.repeats, tell=tell)
        print(f"{len(curve.held)} glasses held out; mean +- spread over {given.repeats} draws of what is learnt from")
        for measure, heading in MEASURES.items():
            print(f"\n{heading}\n| glasses | " + " | ".join(models) + " |\n" + "|---" * (len(models) + 1) + "|")
            rows = [curve.of(name, measure) for name in models]
            for cells in zip(*rows, strict=True):
                told = " | ".join(f"{mean:.4f}" + (f" +- {sd:.4f}" if sd is not None else "") for _, mean, sd in cells)
                print(f"| {cells[0][0]} | {told} |")
        result = curve.to_dict()
    else:
        found = race(model, curve_set, given.start, given.batch, given.rounds, range(given.seeds), tell)
        for measure, heading in MEASURES.items():
            print(f"\n{heading}\n{race_table(found, measure)}")
        result = found.to_dict()
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
