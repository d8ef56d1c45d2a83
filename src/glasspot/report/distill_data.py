"""What the report of a distilled data set shows, and the same as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot import __version__
from glasspot.dataset.labelled import Dataset
from glasspot.distill.clusters import Clustering
from glasspot.distill.distilled import Distilled

LONG = {"periodic": "structure factors", "coulomb": "Coulomb matrix"}


@dataclass(frozen=True)
class DistillReport:
    """A data set, its clusters, and the frames chosen from it.

    places: (n, 2) map. picked: indices of the chosen frames, by ``method`` and ``fraction``. scans: by the name of the
    long-range kernel, those of the other kernel too where it was computed. settings: plain values, for JSON.
    """

    title: str
    dataset: Dataset
    distilled: Distilled
    places: NDArray[np.float64]
    picked: NDArray[np.int64]
    method: str
    fraction: float
    scans: Mapping[str, tuple[Clustering, ...]]
    settings: Mapping[str, Any]
    cautions: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """config_type of each frame."""
        return tuple(frame.config_type or "all" for frame in self.dataset.frames)

    def spread_within_groups(self) -> float:
        """Return the mean standard deviation of energies (eV an atom) in the groups of the file, to compare with."""
        groups = np.array(self.groups)
        spreads = [np.nanstd(self.distilled.energies[groups == g]) for g in dict.fromkeys(self.groups)]
        return float(np.mean(spreads))


def clusters_csv(report: DistillReport) -> str:
    """Return clusters.csv: one row a frame, numbered as in the data set from 0, isolated atoms not counted."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["frame", "origin", "config_type", "cluster", "energy_eV_per_atom", "chosen"])
    chosen = set(report.picked.tolist())
    for n, frame in enumerate(report.dataset.frames):
        energy = "" if frame.energy is None else f"{frame.energy / frame.n_atoms:.8g}"
        cluster = int(report.distilled.labels[n]) + 1
        table.writerow([n, frame.origin, frame.config_type, cluster, energy, int(n in chosen)])
    return out.getvalue()


def scan_csv(report: DistillReport) -> str:
    """Return scan.csv: number of clusters and spread of energies against delta, for each long-range kernel."""
    rows = ["long_range,delta,clusters,energy_spread_meV_per_atom,converged"]
    for name, found in report.scans.items():
        for c in found:
            rows.append(f"{name},{c.delta:g},{c.n_clusters},{1000 * c.spread:.5g},{int(c.converged)}")
    return "\n".join(rows) + "\n"


def curve_csv(report: DistillReport) -> str:
    """Return curve.csv: the mean distance between clusters against their number, at each delta."""
    rows = ["long_range,delta,clusters,mean_distance"]
    for name, found in report.scans.items():
        rows += [f"{name},{c.delta:g},{number},{mean:.8g}" for c in found for number, mean in c.curve]
    return "\n".join(rows) + "\n"


def summary(report: DistillReport) -> dict[str, Any]:
    """Return the numbers of distill.json and of ``--json``, with stable keys (docs/distill.md lists them)."""
    chosen = report.distilled.chosen
    groups = np.array(report.groups)
    return {
        "frames": len(report.dataset),
        "delta": chosen.delta,
        "clusters": chosen.n_clusters,
        "cluster_sizes": [int(size) for size in chosen.sizes],
        "converged": chosen.converged,
        "energy_spread_meV_per_atom": _milli(chosen.spread),
        "energy_spread_within_config_types_meV_per_atom": _milli(report.spread_within_groups()),
        "chosen": [int(n) for n in report.picked],
        "chosen_config_types": dict(Counter(groups[report.picked].tolist())),
        "method": report.method,
        "fraction": report.fraction,
        "zeta": report.distilled.kernels.zeta,
        "exact": report.distilled.kernels.exact,
        "scan": {
            name: [
                {
                    "delta": c.delta,
                    "clusters": c.n_clusters,
                    "energy_spread_meV_per_atom": _milli(c.spread),
                    "converged": c.converged,
                }
                for c in found
            ]
            for name, found in report.scans.items()
        },
        "settings": dict(report.settings),
        "cautions": list(report.cautions),
    }


def document(report: DistillReport, data: str) -> str:
    """Return distill.json; ``data`` names the data set that the folder belongs to."""
    about = {"format": 1, "glasspot": __version__, "state": "finished", "data": data}
    return json.dumps({**about, **summary(report)}, indent=2, allow_nan=False) + "\n"


def _milli(value: float) -> float | None:
    return float(f"{1000 * value:.6g}") if math.isfinite(value) else None
