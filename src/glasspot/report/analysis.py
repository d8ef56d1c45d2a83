"""The answer of ``glasspot analyse`` as plain text, as JSON-able values, as CSV files and as figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasspot import __version__
from glasspot.files import write_text
from glasspot.report.analysis_figures import figures
from glasspot.report.static import save_figures
from glasspot.structure.analysis import Analysis
from glasspot.structure.pdf import formula, running_coordination
from glasspot.structure.scattering import TotalScattering


def summary(analysis: Analysis) -> dict[str, Any]:
    """Return the numbers of an analysis as plain values with stable keys (docs/analyse.md lists them)."""
    pdf = analysis.pdf
    return {
        "frames": analysis.n_frames,
        "atoms": sum(pdf.counts.values()),
        "counts": dict(pdf.counts),
        "density_g_cm3": {"mean": analysis.density, "error": analysis.density_error},
        "number_density_A3": pdf.number_density,
        "volume_A3": pdf.volume,
        "r_max_A": float(pdf.edges[-1]),
        "bin_width_A": pdf.bin_width,
        "peaks": {pair: {"r_A": r, "g": height} for pair, (r, height) in analysis.peaks.items()},
        "cutoffs": {pair: {"r_A": c.value, "from": c.source} for pair, c in analysis.cutoffs.items()},
        "coordination": {
            f"{c.centre}-{c.neighbour}": {"mean": c.mean, "error": c.error, "distribution": _text_keys(c.distribution)}
            for c in analysis.coordination
        },
        "angles": {a.name: {"mean_deg": a.mean, "std_deg": a.std, "peak_deg": a.peak} for a in analysis.angles},
        "oxygen": dict(analysis.network.oxygen) if analysis.network else None,
        "qn": {e: _text_keys(q) for e, q in analysis.network.qn.items()} if analysis.network else None,
        "qn_B4": _text_keys(analysis.network.qn_boron4)
        if analysis.network and analysis.fraction_b4 is not None
        else None,
        "fraction_B4": analysis.fraction_b4,
        "rings": _text_keys(analysis.rings.distribution) if analysis.rings else None,
        "first_scattering_peak": {
            name: _first_scattering_peak(probe) for name, probe in _probes(analysis) if _first_scattering_peak(probe)
        },
        "lorch": analysis.lorch,
        "notes": list(analysis.notes),
    }


def summary_document(named: Iterable[tuple[str, Analysis]]) -> str:
    """Return the text of summary.json, and of ``--json``: one entry a system, each with the name of its file."""
    systems = [{"file": name, **summary(analysis)} for name, analysis in named]
    return json.dumps({"format": 1, "glasspot": __version__, "systems": systems}, indent=2, allow_nan=False) + "\n"


def text_report(analysis: Analysis, title: str) -> str:
    """Return the summary a person reads in the terminal, lines of at most about 100 characters."""
    pdf = analysis.pdf
    number = "1 frame" if analysis.n_frames == 1 else f"{analysis.n_frames} frames"
    lines = [
        title,
        f"  {number} of {sum(pdf.counts.values())} atoms: {formula(pdf.counts)}",
        f"  density {_measured(analysis.density, analysis.density_error)} g/cm3, "
        f"volume {pdf.volume:.1f} A^3, g(r) to {pdf.edges[-1]:.2f} A",
        "",
        *_columns(("pair", "first peak (A)", "height", "cut-off (A)", "cut-off from"), _pair_rows(analysis)),
    ]
    if analysis.coordination:
        rows = [
            (f"{c.neighbour} about {c.centre}", _measured(c.mean, c.error), _shares(c.distribution))
            for c in analysis.coordination
        ]
        lines += ["", *_columns(("coordination", "mean", "distribution"), rows)]
    if analysis.angles:
        angles = [(a.name, f"{a.mean:.1f}", f"{a.std:.1f}", f"{a.peak:.1f}") for a in analysis.angles]
        lines += ["", *_columns(("angle", "mean (deg)", "width (deg)", "peak (deg)"), angles)]
    lines += _network_lines(analysis)
    for name, probe in _probes(analysis):
        peak = _first_scattering_peak(probe)
        if peak:
            lines.append(f"  {name} S(Q): first peak at {peak['q_1_A']:.2f} 1/A, height {peak['s']:.2f}")
    lines += [f"  note: {note}" for note in analysis.notes]
    return "\n".join(lines)


def write_files(analysis: Analysis, folder: Path) -> list[Path]:
    """Write the curves as CSV and the figures as PNG and SVG; return the paths. GlasspotError where it cannot."""
    written = [write_text(folder / name, text) for name, text in csv_files(analysis).items()]
    return written + save_figures(figures(analysis), folder)


def csv_files(analysis: Analysis) -> dict[str, str]:
    """Return the text of each CSV file by its name."""
    pdf = analysis.pdf
    curves: dict[str, np.ndarray] = {"r_A": pdf.r, "g_total": analysis.total_g}
    curves |= {f"g_{label}": g for label, g in zip(pdf.labels, pdf.g, strict=True)}
    if pdf.error is not None and analysis.total_g_error is not None:
        curves["error_total"] = analysis.total_g_error
        curves |= {f"error_{label}": error for label, error in zip(pdf.labels, pdf.error, strict=True)}
    running = {"r_A": pdf.edges[1:]}
    for centre in pdf.counts:
        running |= {f"n_{centre}-{other}": running_coordination(pdf, centre, other)[1] for other in pdf.counts}
    files = {"g_of_r.csv": _csv(curves), "running_coordination.csv": _csv(running), "s_of_q.csv": _s_of_q(analysis)}
    if analysis.angles:
        angles = {"angle_deg": analysis.angles[0].angle} | {a.name: a.density for a in analysis.angles}
        files["angles.csv"] = _csv(angles)
    if analysis.coordination:
        rows = [
            f"{c.centre},{c.neighbour},{c.cutoff:.4f},{n},{share:.6f}"
            for c in analysis.coordination
            for n, share in c.distribution.items()
        ]
        files["coordination.csv"] = "\n".join(["centre,neighbour,cutoff_A,number,fraction", *rows]) + "\n"
    if analysis.network:
        rows = [f"{e},{n},{share:.6f}" for e, q in analysis.network.qn.items() for n, share in q.items()]
        files["qn.csv"] = "\n".join(["former,n,fraction", *rows]) + "\n"
    if analysis.rings:
        files["rings.csv"] = _csv({"formers": analysis.rings.size, "rings_per_former": analysis.rings.per_former})
    return files


def _s_of_q(analysis: Analysis) -> str:
    curves: dict[str, np.ndarray] = {"q_1_A": analysis.partials.q}
    for name, probe in _probes(analysis):
        curves[f"S_{name}"] = probe.s
        curves[f"F_{name}"] = probe.f
        if probe.error is not None:
            curves[f"error_{name}"] = probe.error
    curves |= {f"S_{label}": s for label, s in zip(analysis.partials.labels, analysis.partials.s, strict=True)}
    return _csv(curves)


def _csv(columns: Mapping[str, np.ndarray]) -> str:
    table = np.column_stack(list(columns.values()))
    return "\n".join([",".join(columns), *(",".join(f"{value:.6g}" for value in row) for row in table)]) + "\n"


def _probes(analysis: Analysis) -> list[tuple[str, TotalScattering]]:
    both = (("neutron", analysis.neutron), ("X-ray", analysis.xray))
    return [(name, probe) for name, probe in both if probe is not None]


def _first_scattering_peak(probe: TotalScattering) -> dict[str, float] | None:
    """Return the first maximum of S(Q) that stands out by a tenth of the curve's range, or None."""
    from scipy.signal import find_peaks

    tops, _ = find_peaks(probe.s, prominence=0.1 * float(np.ptp(probe.s)))
    return {"q_1_A": float(probe.q[tops[0]]), "s": float(probe.s[tops[0]])} if len(tops) else None


def _pair_rows(analysis: Analysis) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for pair in analysis.pdf.labels:
        peak, cutoff = analysis.peaks.get(pair), analysis.cutoffs.get(pair)
        rows.append(
            (
                pair,
                f"{peak[0]:.3f}" if peak else "-",
                f"{peak[1]:.2f}" if peak else "-",
                f"{cutoff.value:.2f}" if cutoff else "-",
                {"given": "given", "first minimum": "first minimum of g(r)"}[cutoff.source] if cutoff else "-",
            )
        )
    return rows


def _network_lines(analysis: Analysis) -> list[str]:
    network = analysis.network
    if network is None:
        return []
    oxygen = ", ".join(f"{name} {100 * share:.1f} %" for name, share in network.oxygen.items() if share > 0)
    lines = ["", f"  oxygen (network of {', '.join(network.formers)}): {oxygen}"]
    lines += [f"  Qn of {former}: {_shares(q, 'Q')}" for former, q in network.qn.items() if former != "B"]
    if analysis.fraction_b4 is not None:
        lines.append(f"  fraction_B4 {analysis.fraction_b4:.3f}")
    if analysis.rings and analysis.rings.distribution:
        sizes = "  ".join(f"{n}: {y:.2f}" for n, y in analysis.rings.distribution.items() if y >= 0.005)
        lines.append(f"  rings per former: {sizes}")
    return lines


def _shares(distribution: Mapping[int, float], prefix: str = "") -> str:
    """Return ``3: 1.2 %  4: 98.8 %``, without shares under 0.05 %."""
    shown = {n: share for n, share in sorted(distribution.items()) if share >= 0.0005}
    return "  ".join(f"{prefix}{n}: {100 * share:.1f} %" for n, share in shown.items())


def _measured(value: float, error: float | None) -> str:
    """Return ``3.982 +- 0.004``, with as many digits as the error deserves."""
    # At fixed volume the density has no error but that of rounding.
    if error is None or not error > 1e-6 * abs(value):
        return f"{value:.4g}"
    digits = min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def _columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows under their header as lines of aligned columns, without trailing blanks."""
    table = [tuple(header), *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    return [
        "  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    ]


def _text_keys(distribution: Mapping[int, float]) -> dict[str, float]:
    return {str(n): share for n, share in sorted(distribution.items())}
