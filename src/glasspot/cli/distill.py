"""``glasspot distill``: which frames of an ab initio data set are worth keeping."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.progress import Progress
from glasspot.errors import GlasspotError
from glasspot.files import parse_json

if TYPE_CHECKING:
    from glasspot.dataset.labelled import Dataset
    from glasspot.distill.distilled import Distilled, DistillSettings
    from glasspot.distill.kernels import Tell
    from glasspot.report.distill_data import DistillReport

HELP = "choose the frames of an ab initio data set that are worth keeping"
DESCRIPTION = """\
Group the frames of an ab initio data set into clusters of alike frames and take a fraction of each.

How alike two frames are is a kernel of two parts: SOAP (what surrounds the atoms, to --r-cut) and a
long-range part, weighed by delta: K = (1 - delta) K_soap + delta K_long. The long-range part is the
partial structure factors of the frame (--long-range periodic) or the Coulomb matrix as published
(--long-range coulomb), which knows no cell: it changes when atoms are wrapped, and does harm on most
data sets. Spectral clustering makes the clusters; their number is raised until the mean distance
between them changes by less than --d-tol; --delta auto takes the delta whose clusters have the
smallest spread of energies. Method: Shuaib et al., doi:10.1111/jace.20128."""
EPILOG = """\
examples:
  glasspot distill dft.extxyz                        a tenth of the frames, into runs/distill-dft
  glasspot distill a.extxyz OUTCAR --fraction 0.2    two sources as one data set, a fifth of each cluster
  glasspot distill dft.extxyz --delta 0.3 --select farthest --out few
  glasspot distill dft.extxyz --long-range coulomb --d-tol 1e-4     the paper's setting for AsTe3

In --out: index.html (maps, clusters, number and spread against delta), chosen.extxyz (the chosen frames with their
labels, isolated atoms first), clusters.csv, scan.csv, curve.csv, distill.json, figures as PNG and SVG. What was
computed is kept in --out/kernels: a second run, or one after Ctrl-C, goes on from it. More: docs/distill.md."""
MARK = "distill.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    add = parser.add_argument
    add("data", metavar="DATA", nargs="+", type=Path, help="extended XYZ, OUTCAR, CP2K or DeePMD files or folders")
    add("--delta", metavar="auto|0.3", default="auto", help="weight of the long range, 0 to 1 (default: auto)")
    add("--fraction", metavar="F", type=float, default=0.1, help="of the frames of each cluster (default: 0.1)")
    add(
        "--select", choices=("cluster", "farthest", "cur", "random"), default="cluster",
        help="how frames are chosen; all but cluster only to compare with (default: cluster)",
    )  # fmt: skip
    add(
        "--within", choices=("random", "centre", "farthest"), default="random",
        help="which frames of a cluster come first (default: random, as published)",
    )  # fmt: skip
    add(
        "--long-range", choices=("periodic", "coulomb"), default="periodic",
        help="structure factors, or the Coulomb matrix (default: periodic)",
    )  # fmt: skip
    add("--d-tol", metavar="D", type=float, default=1e-3, help="of the mean distance of clusters (default: 1e-3)")
    add("--max-clusters", metavar="N", type=int, default=100, help="clusters to try, at most (default: 100)")
    add("--r-cut", metavar="A", type=float, default=5.0, help="cut-off of SOAP in A (default: 5)")
    add("--zeta", metavar="Z", type=float, help="decay of the long-range kernel (default: from the median distance)")
    add("--landmarks", metavar="N", type=int, default=1000, help="for more than 5000 frames (default: 1000)")
    add("--seed", metavar="N", type=int, default=1, help="of all random choices (default: 1)")
    add("--out", metavar="DIR", type=Path, help="folder of the results (default: runs/distill-<first file>)")
    add("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from glasspot.dataset.checks import survey
    from glasspot.dataset.reading import read_dataset
    from glasspot.dataset.writing import write_extxyz
    from glasspot.report.distill_data import document
    from glasspot.report.distill_page import answer, evidence, write_distilled

    settings = _settings(args)
    folder = args.out or Path("runs") / f"distill-{args.data[0].resolve().name.split('.')[0]}"
    with Progress(args.json, "reading") as tell:
        dataset = read_dataset(args.data, progress=lambda n: tell("reading", n, 0))
    data = dataset.key
    _check_folder(folder, data)
    say = (lambda line: None) if args.json else print
    for doubt in survey(dataset).doubts:
        say(f"check: {doubt}")
    say(_plan(dataset, settings))
    _mark(folder, data)
    with Progress(args.json) as tell:
        report = make_report(args, dataset, settings, folder, tell)
        tell("report", 0, 0)
        page = write_distilled(report, folder, data)
        chosen = [dataset.frames[n] for n in report.picked]
        write_extxyz(folder / "chosen.extxyz", chosen, dataset.isolated)
    if args.json:
        sys.stdout.write(document(report, data))
        return 0
    say(answer(report))
    for sentence in (*evidence(report), *(f"caution: {c}" for c in report.cautions)):
        say(f"  {sentence}")
    say(f"written to {folder}: {page.name}, chosen.extxyz, clusters.csv, scan.csv, curve.csv, distill.json")
    return 0


def _settings(args: argparse.Namespace) -> DistillSettings:
    """Return the settings of the command line; GlasspotError where one makes no sense."""
    from glasspot.distill.clusters import ClusterSettings
    from glasspot.distill.distilled import DistillSettings
    from glasspot.distill.kernels import KernelSettings
    from glasspot.distill.selectors import check_fraction
    from glasspot.distill.soap import Soap

    check_fraction(args.fraction)
    if args.seed < 0:
        raise GlasspotError(f"--seed is {args.seed}; expected a whole number from 0.")
    return DistillSettings(
        KernelSettings(Soap(r_cut=args.r_cut), long_range=args.long_range, zeta=args.zeta, landmarks=args.landmarks,
                       seed=args.seed),
        ClusterSettings(args.d_tol, args.max_clusters, args.seed),
        delta_of(args.delta), args.within, args.seed,
    )  # fmt: skip


def delta_of(text: str) -> float | None:
    """Return the number of --delta, None for auto; GlasspotError for anything else."""
    if text == "auto":
        return None
    try:
        delta = float(text)
    except ValueError:
        delta = -1.0
    if not 0 <= delta <= 1:
        raise GlasspotError(f'--delta takes auto or a number from 0 to 1, such as 0.3; given "{text}".')
    return delta


def _check_folder(folder: Path, data: str) -> None:
    """Raise GlasspotError where the folder holds something else, or the result of other data."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise GlasspotError(f"{folder} is a file; --out takes a folder.")
    if not any(folder.iterdir()):
        return
    try:
        known = parse_json((folder / MARK).read_bytes())
        owner = str(known["data"])
    except (OSError, ValueError, KeyError, TypeError):
        raise GlasspotError(
            f"{folder} holds files that glasspot distill has not made; choose another folder with --out."
        ) from None
    if owner != data:
        raise GlasspotError(f"{folder} holds the result of other frames; choose another folder with --out.")


def _mark(folder: Path, data: str) -> None:
    """Make the folder and say whose it is, so that a killed run can go on in it."""
    from glasspot.files import write_text

    if not (folder / MARK).exists():
        write_text(folder / MARK, json.dumps({"format": 1, "state": "running", "data": data}) + "\n")


def _plan(dataset: Dataset, settings: DistillSettings) -> str:
    from glasspot.distill.plan import plan
    from glasspot.execute.local import local_workers

    atoms = sum(frame.n_atoms for frame in dataset.frames) / len(dataset)
    return str(plan(len(dataset), atoms, len(dataset.elements), settings.kernels, local_workers()))


def make_report(
    args: argparse.Namespace, dataset: Dataset, settings: DistillSettings, folder: Path, tell: Tell
) -> DistillReport:
    """Return the data set in clusters with what the report shows beside it."""
    from glasspot.distill.distilled import distill
    from glasspot.distill.embedding import plane
    from glasspot.report.distill_data import DistillReport

    kept = folder / "kernels"
    found = distill(dataset, settings, kept, tell)
    scans = {settings.kernels.long_range: found.scan}
    if found.kernels.exact:
        # The other kernel costs little beside SOAP, and shows whether the choice of kernel matters here.
        other = "coulomb" if settings.kernels.long_range == "periodic" else "periodic"
        beside = replace(settings, kernels=replace(settings.kernels, long_range=other, zeta=None))
        scans[other] = distill(dataset, beside, kept, tell).scan
    tell("map", 0, 0)
    names = ", ".join(path.name for path in args.data)
    return DistillReport(
        title=names, dataset=dataset, distilled=found, places=plane(found.kernels, found.delta),
        picked=found.choose(args.fraction, args.select), method=args.select, fraction=args.fraction, scans=scans,
        settings={
            "delta": args.delta, "fraction": args.fraction, "select": args.select, "within": args.within,
            "long_range": args.long_range, "d_tol": args.d_tol, "r_cut": args.r_cut, "n_max": 8, "l_max": 8,
            "zeta": found.kernels.zeta, "seed": args.seed, "max_clusters": args.max_clusters,
        },
        cautions=_cautions(found, settings),
    )  # fmt: skip


def _cautions(found: Distilled, settings: DistillSettings) -> tuple[str, ...]:
    """Return what a reader should know before the result is used."""
    said = []
    n = len(found.keys)
    if not found.chosen.converged:
        said.append(
            f"With {found.chosen.n_clusters} clusters the mean distance between them still changed by more than "
            f"{settings.clusters.d_tol:g}; a larger --d-tol ends earlier."
        )
    if found.chosen.n_clusters > n / 4:
        said.append(
            f"{found.chosen.n_clusters} clusters of {n} frames are very small ones: the spread of energies falls with "
            "their number alone. A larger --d-tol gives fewer."
        )
    trajectories = found.kernels.trajectories
    if found.kernels.long_range == "coulomb" and trajectories is not None and trajectories > 1:
        said.append(
            f"The Coulomb matrix knows no cell. The frames were unwrapped within {trajectories} stretches of "
            "trajectory; between these it depends on how the file wraps them. --long-range periodic does not."
        )
    return tuple(said)
