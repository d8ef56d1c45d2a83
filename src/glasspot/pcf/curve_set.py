"""The data that models learn from: the partial g_ab(r) of many glasses on one grid, with several runs of each glass.

One file holds a set: an npz archive of plain arrays and a JSON text, which is parsed and never executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.files import replacing
from glasspot.oxides import parse_component
from glasspot.pcf.pairs import ends_of, pair_name

FORMAT = "glasspot pair curves 1"
LARGEST_FILE = 1_000_000_000  # bytes, unpacked: more than a hundred thousand curves

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GlassCurves:
    """One glass. Everything is of the glass that was simulated, whole formula units, not of the one asked for.

    counts: atoms of each element in one run; number_density (n_runs,) in atoms/A^3, of each run; curves: the name of a
    pair (``pairs.pair_name``) -> g_ab(r) of each run, (n_runs, n_r), as of an endless glass (:func:`endless`).
    ``source``: where they came from, for people.
    """

    name: str
    composition: Composition
    counts: Mapping[str, int]
    number_density: FloatArray
    curves: Mapping[str, FloatArray]
    source: str = ""

    @property
    def n_runs(self) -> int:
        return len(self.number_density)

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(self.curves)

    @property
    def density(self) -> float:
        """Mean number density, atoms/A^3."""
        return float(self.number_density.mean())

    @property
    def fractions(self) -> dict[str, float]:
        """Atomic fraction of each element."""
        total = sum(self.counts.values())
        return {element: number / total for element, number in self.counts.items()}

    def mean(self, pair: str) -> FloatArray:
        """Return g_ab(r) averaged over the runs, (n_r,)."""
        return np.asarray(self.curves[pair].mean(axis=0))

    def error(self, pair: str) -> FloatArray | None:
        """Return the standard error of :meth:`mean` from the scatter of the runs, (n_r,); None with a single run."""
        runs = self.curves[pair]
        return None if len(runs) < 2 else np.asarray(runs.std(axis=0, ddof=1) / np.sqrt(len(runs)))


@dataclass(frozen=True)
class CurveSet:
    """Glasses on one grid ``r`` (n_r,), centres of equal bins from 0, in A; ``provenance``: how they were made."""

    r: FloatArray
    glasses: tuple[GlassCurves, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_curves(self) -> int:
        """Pairs of all glasses together."""
        return sum(len(glass.curves) for glass in self.glasses)

    @property
    def oxides(self) -> tuple[str, ...]:
        """What the glasses are made of, in the order met."""
        return tuple(dict.fromkeys(name for glass in self.glasses for name, _ in glass.composition.oxides))

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements of the glasses, in the order met."""
        return tuple(dict.fromkeys(name for glass in self.glasses for name in glass.counts))

    def each(self) -> Iterator[tuple[GlassCurves, str]]:
        """Yield every (glass, pair), glass by glass."""
        for glass in self.glasses:
            for pair in glass.curves:
                yield glass, pair

    def only(self, numbers: Sequence[int]) -> CurveSet:
        """Return the set of the glasses of these numbers, in this order."""
        return CurveSet(self.r, tuple(self.glasses[k] for k in numbers), self.provenance)

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all; curves in single precision."""
        header: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {"r": self.r}
        for k, glass in enumerate(self.glasses):
            arrays[f"density_{k}"] = glass.number_density
            arrays[f"curves_{k}"] = np.array([glass.curves[pair] for pair in glass.pairs], dtype=np.float32)
            header.append(
                {
                    "name": glass.name,
                    "composition": [list(part) for part in glass.composition.oxides],
                    "counts": dict(glass.counts),
                    "pairs": list(glass.pairs),
                    "source": glass.source,
                }
            )
        text = json.dumps({"format": FORMAT, "glasses": header, "provenance": dict(self.provenance)})
        encoded = np.frombuffer(text.encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, header=encoded, **arrays)
        with replacing(path) as temporary:
            temporary.write_bytes(buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> CurveSet:
        """Return the set of a file that :meth:`save` wrote; GlasspotError for any other."""
        try:
            _check_archive(path)
            with np.load(path, allow_pickle=False) as archive:
                header = json.loads(bytes(archive["header"]).decode())
                if header["format"] != FORMAT:
                    raise ValueError("of another format")
                glasses = tuple(_glass(item, archive, k) for k, item in enumerate(header["glasses"]))
                found = cls(np.asarray(archive["r"], dtype=np.float64), glasses, dict(header["provenance"]))
        except FileNotFoundError:
            raise GlasspotError(f"there is no file {path}.") from None
        except OSError as error:
            raise GlasspotError(f"{path} cannot be read: {error.strerror or error}.") from error
        except GlasspotError:
            raise
        except Exception as error:  # zipfile, zlib, numpy and json each raise their own kinds
            raise GlasspotError(
                f"{path} is no set of pair curves of glasspot ({error}); expected what glasspot pcf dataset writes."
            ) from error
        check(found, str(path))
        return found


def endless(pair: str, g: FloatArray, counts: Mapping[str, int]) -> FloatArray:
    """Return g_ab(r) that was divided by N_a N_b (N_a^2 / 2) as it is of an endless glass, which tends to 1.

    An atom has N_a - 1 others of its kind around it in a box, so for a = b the curve is N_a / (N_a - 1) times as high.
    With a few dopant atoms this is much, and it would be another factor in every glass.
    """
    a, b = pair.split("-")
    return g * (counts[a] / (counts[a] - 1.0)) if a == b and counts[a] > 1 else g


def _check_archive(path: Path) -> None:
    """Raise GlasspotError for a file that is no archive, or one that would fill the memory when it is unpacked."""
    if path.stat() and not zipfile.is_zipfile(path):
        raise GlasspotError(f"{path} is no set of pair curves of glasspot; expected what glasspot pcf dataset writes.")
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE:
            raise GlasspotError(f"{path} holds more than {LARGEST_FILE // 10**6} MB; no set of curves is so large.")


def _glass(item: Mapping[str, Any], archive: Any, k: int) -> GlassCurves:
    curves = np.asarray(archive[f"curves_{k}"], dtype=np.float64)
    pairs = [pair_name(*str(pair).split("-")) for pair in item["pairs"]]
    return GlassCurves(
        name=str(item["name"]),
        composition=Composition(tuple((str(name), float(share)) for name, share in item["composition"])),
        counts={str(name): int(number) for name, number in item["counts"].items()},
        number_density=np.asarray(archive[f"density_{k}"], dtype=np.float64),
        curves=dict(zip(pairs, curves, strict=True)),
        source=str(item["source"]),
    )


def check(found: CurveSet, where: str) -> None:
    """Raise GlasspotError for arrays that do not fit together, or hold what no g(r) can be."""
    r = found.r
    if r.ndim != 1 or len(r) < 2 or not np.allclose(r, (np.arange(len(r)) + 0.5) * (r[1] - r[0]), atol=1e-6):
        raise GlasspotError(f"{where}: r must be the centres of equal bins that begin at 0.")
    for glass in found.glasses:
        _check_atoms(glass, where)
        if glass.number_density.ndim != 1 or not (glass.number_density > 0).all():
            raise GlasspotError(f"{where}: the number densities of {glass.name} must be above 0, one for each run.")
        for pair, runs in glass.curves.items():
            if runs.shape != (glass.n_runs, len(r)):
                raise GlasspotError(
                    f"{where}: g(r) of {pair} in {glass.name} has the shape {runs.shape}; expected "
                    f"({glass.n_runs}, {len(r)}): runs, distances."
                )
            if not np.isfinite(runs).all() or runs.min() < 0:
                raise GlasspotError(f"{where}: g(r) of {pair} in {glass.name} holds values below 0 or no numbers.")


def _check_atoms(glass: GlassCurves, where: str) -> None:
    """Raise GlasspotError for a composition that is none, or pairs of elements that the glass does not have."""
    for name, share in glass.composition.oxides:
        parse_component(name)
        if not 0 < share <= 1 + 1e-9:
            raise GlasspotError(f"{where}: {glass.name} has the share {share:g} of {name}; expected 0 to 1.")
    if abs(sum(share for _, share in glass.composition.oxides) - 1) > 1e-6:
        raise GlasspotError(f"{where}: the shares of {glass.name} do not add up to 1.")
    elements = {element for pair in glass.curves for element in ends_of(pair)}
    if not elements or not elements <= set(glass.counts) or min(glass.counts.values()) < 1:
        raise GlasspotError(f"{where}: the atoms of {glass.name} are not those of its pairs.")
