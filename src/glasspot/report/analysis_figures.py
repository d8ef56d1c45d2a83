"""The figures of ``glasspot analyse`` as values that a renderer draws: g(r), coordination, angles, Qn, rings, S(Q)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from glasspot.report.figure import BLUE, OTHERS, VERMILION, Axis, Figure, Pane, Style, Trace, whole_ticks
from glasspot.structure.analysis import Analysis
from glasspot.structure.rings import Rings

COLOURS = (VERMILION, BLUE, *OTHERS)
DASHES = ("solid", "dash", "dot", "dashdot")
# g(r) is flat beyond this distance (A); the CSV file holds it all.
G_SHOWN = 10.0


def figures(analysis: Analysis) -> list[Figure]:
    """Return every figure that the analysis has data for."""
    made = [_g_of_r(analysis)]
    if analysis.coordination:
        made.append(_coordination(analysis))
    if analysis.angles:
        made.append(_angles(analysis))
    # Qn is a language for four-fold formers; boron is told by fraction_B4.
    qn = {e: q for e, q in analysis.network.qn.items() if e != "B"} if analysis.network else {}
    if qn:
        made.append(_qn(qn))
    if analysis.rings and analysis.rings.distribution:
        made.append(_rings(analysis.rings))
    return [*made, _s_of_q(analysis)]


def _style(number: int) -> Style:
    """Return the style of the n-th curve: colours first, then dashes."""
    return Style(COLOURS[number % len(COLOURS)], 1.8, DASHES[number // len(COLOURS) % len(DASHES)])


def _g_of_r(analysis: Analysis) -> Figure:
    pdf = analysis.pdf
    errors = pdf.error
    partials = tuple(
        Trace(label, pdf.r, pdf.g[n], _style(n), error=None if errors is None else errors[n])
        for n, label in enumerate(pdf.labels)
    )
    whole = Trace("total", pdf.r, analysis.total_g, Style("ink", 1.8), error=analysis.total_g_error)
    x = Axis("r (A)", limits=(0.0, min(G_SHOWN, float(pdf.edges[-1]))))
    panes = (Pane(Axis("partial g(r)"), partials), Pane(Axis("total g(r)"), (whole,), share=0.6))
    return Figure("g_of_r", "curves", "Pair distribution", "Bands: standard error from blocks.", x, panes, compare=True)


def _coordination(analysis: Analysis) -> Figure:
    traces = tuple(
        _bars(f"{c.neighbour} about {c.centre}", c.distribution, n) for n, c in enumerate(analysis.coordination)
    )
    return _bar_figure("coordination", "Coordination numbers", "number of neighbours", traces)


def _qn(qn: Mapping[str, Mapping[int, float]]) -> Figure:
    traces = tuple(_bars(former, q, n) for n, (former, q) in enumerate(qn.items()))
    return _bar_figure("qn", "Qn: bridging oxygens of a network former", "n", traces)


def _rings(rings: Rings) -> Figure:
    traces = (_bars("-".join((*rings.formers, "O")), rings.distribution, 0),)
    return _bar_figure("rings", "Shortest-path rings", "network formers in the ring", traces, "rings per former")


def _bars(label: str, distribution: Mapping[int, float], number: int) -> Trace:
    shares = sorted(distribution.items())
    x, y = np.array(shares, dtype=float).T
    return Trace(label, x, y, _style(number), "bars")


def _bar_figure(name: str, title: str, x_label: str, traces: tuple[Trace, ...], y_label: str = "fraction") -> Figure:
    shown = [value for trace in traces for value in trace.x[trace.y > 0.002]]
    low, high = float(min(shown)), float(max(shown))
    x = Axis(x_label, limits=(low - 0.6, high + 0.6), ticks=whole_ticks(low, high, most=12))
    return Figure(name, "structure", title, "", x, (Pane(Axis(y_label), traces),))


def _angles(analysis: Analysis) -> Figure:
    traces = tuple(Trace(a.name, a.angle, a.density, _style(n)) for n, a in enumerate(analysis.angles))
    x = Axis("angle (degrees)", limits=(0.0, 180.0), ticks=(0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0))
    return Figure("angles", "structure", "Bond angles", "", x, (Pane(Axis("per degree"), traces),), compare=True)


def _s_of_q(analysis: Analysis) -> Figure:
    partials = tuple(
        Trace(label, analysis.partials.q, s, _style(n))
        for n, (label, s) in enumerate(zip(analysis.partials.labels, analysis.partials.s, strict=True))
    )
    totals = []
    for name, probe, style in (
        ("neutron", analysis.neutron, Style("ink", 1.8)),
        ("X-ray", analysis.xray, Style("muted", 1.8, "dash")),
    ):
        if probe is not None:
            totals.append(Trace(name, probe.q, probe.s, style, error=probe.error))
    panes = [Pane(Axis("partial S(Q)"), partials)]
    if totals:
        panes.append(Pane(Axis("total S(Q)"), tuple(totals), share=0.8))
    window = "With" if analysis.lorch else "Without"
    caption = f"Faber-Ziman. {window} the Lorch window; g(r) to {analysis.pdf.edges[-1]:.2f} A."
    q = analysis.partials.q
    x = Axis("Q (1/A)", limits=(0.0, float(q[-1])))
    return Figure("s_of_q", "curves", "Structure factor", caption, x, tuple(panes), compare=True)
