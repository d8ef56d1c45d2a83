"""What the page of a trained model shows of its kind: how the model was fitted, and how well to its own data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.curve.model import CurveModel
from glasspot.pcf.model import Model
from glasspot.pcf.paper.forest import SearchCurve
from glasspot.pcf.paper.model import PaperModel
from glasspot.pcf.paper.training import PaperTraining
from glasspot.report.figure import BLUE, VERMILION, Axis, Figure, Pane, Style, Trace, whole_ticks
from glasspot.report.pcf_train_map import components
from glasspot.report.table import Table
from glasspot.report.words import duration

FloatArray = NDArray[np.float64]
HYPER = {
    "trees": "decision trees",
    "features": "features of a split",
    "depth": "depth of a tree",
    "min_split": "samples to split a node",
}


def kind_tables(model: Model) -> list[Table]:
    """Return the tables of the training of a model."""
    if isinstance(model, CurveModel):
        return [_processes(model)]
    return [_published(model.training), _forest(model.training)] if isinstance(model, PaperModel) else []


def kind_figures(model: Model) -> list[Figure]:
    """Return the figures of the training of a model."""
    if not isinstance(model, PaperModel):
        return []
    return [_losses(model.training), *(_searched(curve) for curve in model.training.searched)]


def kind_sentences(model: Model) -> tuple[str, ...]:
    """Return what is said of the training in words."""
    if isinstance(model, CurveModel):
        few = [pair for pair, found in model.pairs.items() if found.process is None]
        said = f"Too few glasses for {', '.join(few)}: their mean curve is given. " if few else ""
        return (f"{said}The bands were made to hold 90 % of glasses left out within the training.",)
    if isinstance(model, PaperModel):
        t = model.training
        return (
            f"Autoencoder: {t.epochs} epochs in {duration(t.losses.seconds)}; mean squared error of held-out pictures "
            f"{t.picture_error:.4f}. Latents from fingerprints: R2 {_number(t.r2_held_out)}.",
            *t.notes,
        )
    return ()


def latent_map(model: Model) -> tuple[FloatArray, list[str], list[str]] | None:
    """Return the map (n, 2) of the model's latents, their pairs and glasses; None for a model without latents."""
    if not isinstance(model, PaperModel):
        return None
    t = model.training
    return components(t.latents), [pair for _, pair in t.names], [glass for glass, _ in t.names]


def kind_facts(model: Model) -> dict[str, object]:
    """Return the figures of the training as plain values, for train.json."""
    if isinstance(model, CurveModel):
        return {"components": {pair: len(found.basis.components) for pair, found in model.pairs.items()}}
    if isinstance(model, PaperModel):
        t = model.training
        return {
            "epochs": t.epochs,
            "autoencoder_seconds": round(t.losses.seconds, 1),
            "held_out_curves": int(t.held_out.sum()),
            "autoencoder_mse": _plain(t.picture_error),
            "latent_r2_train": _plain(t.r2_train),
            "latent_r2_held_out": _plain(t.r2_held_out),
            "curve_mse_of_coding": _plain(t.mean("coded")),
            "curve_mse": _plain(t.mean("predicted")),
            "distinct_fingerprints": t.distinct,
            "live_latents": t.live,
        }
    return {}


def _plain(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _published(t: PaperTraining) -> Table:
    """Return the figures of the paper beside ours."""
    percent = (f"{100 * t.mean(name):.2f}" for name in ("drawn", "coded", "predicted"))
    drawn, coded, predicted = percent
    rows = (
        ("mean squared error of the autoencoder (0 to 1)", "0.005 to 0.006", f"{t.picture_error:.4f}"),
        ("R2 of the latents, trained on", "-", _number(t.r2_train)),
        ("R2 of the latents, held out", "0.92", _number(t.r2_held_out)),
        ("squared error of curves, picture only (%)", "-", drawn),
        ("squared error of curves, coded and decoded (%)", "-", coded),
        ("squared error of curves, predicted (%)", "below 3 in nine cases", predicted),
    )
    caption = (
        f"Ours: over {int(t.held_out.sum())} curves held out at random, as in the paper, so that other pairs of the "
        "same glasses are trained on. Errors of curves: sum (g - g_sim)^2 / sum g_sim^2."
    )
    return Table("training", "Beside the published figures", caption, ("figure", "paper", "here"), rows, ("figure",))


def _forest(t: PaperTraining) -> Table:
    best = {curve.name: str(curve.best) for curve in t.searched}
    rows = tuple(
        (HYPER[name], str(getattr(t.settings, name)), best.get(name, "-"))
        for name in HYPER
    )  # fmt: skip
    caption = "best: lowest error of the held-out latents when only this one is varied."
    return Table("training", "Random forest", caption, ("hyper-parameter", "used", "best"), rows)


def _losses(t: PaperTraining) -> Figure:
    epochs = np.arange(1, t.epochs + 1, dtype=float)
    traces = [Trace("trained on", epochs, t.losses.train, Style(BLUE, 1.6))]
    if np.isfinite(t.losses.held_out).any():
        traces.append(Trace("held out", epochs, t.losses.held_out, Style(VERMILION, 1.6)))
    x = Axis("epoch", limits=(0.0, float(t.epochs)), ticks=whole_ticks(0, t.epochs))
    pane = Pane(Axis("mean squared error", log=True), tuple(traces))
    caption = "Of the pixels, from 0 to 1; figure 6 of the paper."
    return Figure("autoencoder", "training", "Training of the autoencoder", caption, x, (pane,))


def _searched(curve: SearchCurve) -> Figure:
    values = np.array(curve.values, dtype=float)
    traces = (
        Trace("trained on", values, np.array(curve.train), Style(BLUE, 1.6, marker="circle")),
        Trace("held out", values, np.array(curve.held_out), Style(VERMILION, 1.6, marker="circle")),
    )
    x = Axis(HYPER[curve.name], limits=(0.0, 1.04 * float(values.max())), ticks=whole_ticks(0, float(values.max())))
    pane = Pane(Axis("error of latents"), traces)
    return Figure(f"forest-{curve.name}", "training", f"Forest: {HYPER[curve.name]}", "", x, (pane,))


def _processes(model: CurveModel) -> Table:
    """Return a row a pair: components of its curves, and the kernel of their coefficients."""
    rows = []
    for pair, found in model.pairs.items():
        cells: Sequence[str] = ("-", "-", "-")
        if found.process is not None:
            kernel = found.process.kernel
            cells = (f"{kernel.length:g}", f"{kernel.linear:g}", f"{kernel.weight:g}")
        rows.append((pair, str(len(found.rows)), str(len(found.basis.components)), *cells))
    caption = (
        "Components: shapes that the curves of the pair are made of. A Gaussian process gives each coefficient "
        "from the composition; length, linear part and weight of the chemistry are those under which the glasses, "
        "each left out once, are most probable."
    )
    columns = ("pair", "glasses", "components", "length", "linear", "chemistry")
    return Table("training", "Processes", caption, columns, tuple(rows))
