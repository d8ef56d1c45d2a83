"""What the page of a trained model shows of its kind: how the model was fitted, and how well to its own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.model import Model
from glasspot.report.figure import Figure
from glasspot.report.table import Table

if TYPE_CHECKING:
    from glasspot.pcf.curve_model import CurveModel

FloatArray = NDArray[np.float64]


def kind_tables(model: Model) -> list[Table]:
    """Return the tables of the training of a model."""
    from glasspot.pcf.curve_model import CurveModel

    return [_processes(model)] if isinstance(model, CurveModel) else []


def kind_figures(model: Model) -> list[Figure]:
    """Return the figures of the training of a model."""
    return []


def kind_sentences(model: Model) -> tuple[str, ...]:
    """Return what is said of the training in words."""
    from glasspot.pcf.curve_model import CurveModel

    if isinstance(model, CurveModel):
        few = [pair for pair, found in model.pairs.items() if found.process is None]
        said = f"Too few glasses for {', '.join(few)}: their mean curve is given. " if few else ""
        return (f"{said}Bands were widened until they held 90 % of glasses left out in training.",)
    return ()


def latent_map(model: Model) -> tuple[FloatArray, list[str], list[str]] | None:
    """Return the map (n, 2) of the model's latents, their pairs and glasses; None for a model without latents."""
    return None


def _processes(model: CurveModel) -> Table:
    """Return a row a pair: components of its curves, and the kernel of their coefficients."""
    rows = []
    for pair, found in model.pairs.items():
        cells = [pair, str(len(found.rows)), str(len(found.basis.components))]
        if found.process is None:
            cells += ["-", "-", "-"]
        else:
            kernel = found.process.kernel
            cells += [f"{kernel.length:g}", f"{kernel.linear:g}", f"{kernel.weight:g}"]
        rows.append(tuple(cells))
    caption = (
        "Components: shapes that the curves of the pair are made of. A Gaussian process gives each coefficient "
        "from the composition; length, linear part and weight of the chemistry are those of the largest marginal "
        "likelihood."
    )
    columns = ("pair", "glasses", "components", "length", "linear", "chemistry")
    return Table("training", "Processes", caption, columns, tuple(rows))
