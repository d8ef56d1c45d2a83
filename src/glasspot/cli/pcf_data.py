"""DATA of ``glasspot pcf``: the set that comes with glasspot, a file, or a folder of ``glasspot pcf dataset``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from glasspot.pcf.curve_set import CurveSet

SHIPPED = "shipped"
CURVES = "curves.npz"
DATA_HELP = "a folder of glasspot pcf dataset, a file of curves (.npz), or the word shipped; several are joined"


def load_data(texts: Sequence[str]) -> tuple[str, CurveSet]:
    """Return a name for files, and the set of one or more DATA. GlasspotError for anything else, and for two grids."""
    import numpy as np

    from glasspot.pcf.curve_set import CurveSet

    found = [_load(text) for text in texts]
    name, first = found[0]
    for text, (_, other) in zip(texts[1:], found[1:], strict=True):
        if len(other.r) != len(first.r) or not np.allclose(other.r, first.r, atol=1e-6):
            raise GlasspotError(
                f"{text} has {_grid(other)}, but {texts[0]} has {_grid(first)}; make both with the same r_max and "
                "bin_width."
            )
    glasses = [glass for _, curve_set in found for glass in curve_set.glasses]
    names = [glass.name for glass in glasses]
    if twice := next((name for n, name in enumerate(names) if name in names[:n]), None):
        raise GlasspotError(f'two glasses of the data are named "{twice}"; is a set given twice?')
    if len(found) == 1:
        return name, first
    made = {text: dict(curve_set.provenance) for text, (_, curve_set) in zip(texts, found, strict=True)}
    return "-".join(name for name, _ in found), CurveSet(first.r, tuple(glasses), made)


def _grid(curve_set: CurveSet) -> str:
    r = curve_set.r
    return f"g(r) to {r[-1] + r[0]:.4g} A by {r[1] - r[0]:.4g} A"


def _load(text: str) -> tuple[str, CurveSet]:
    from glasspot.pcf.curve_set import CurveSet

    if text == SHIPPED:
        return SHIPPED, _shipped()
    path = Path(text)
    if path.is_dir():
        if not (path / CURVES).is_file():
            raise GlasspotError(f"{path} holds no {CURVES}; give a folder that glasspot pcf dataset has finished.")
        return path.resolve().name, CurveSet.load(path / CURVES)
    if not path.is_file():
        raise GlasspotError(
            f"there is no file or folder {path}; expected a folder of glasspot pcf dataset, a file of curves (.npz) or "
            f"the word {SHIPPED}."
        )
    return path.stem, CurveSet.load(path)


def _shipped() -> CurveSet:
    from glasspot.pcf.curve_set import CurveSet

    place = resources.files("glasspot.pcf").joinpath("data", "glasses.npz")
    if not place.is_file():
        raise GlasspotError(
            "this glasspot comes without its set of glasses (pcf/data/glasses.npz); make one with glasspot pcf dataset."
        )
    with resources.as_file(place) as path:
        return CurveSet.load(path)
