"""What the training of the paper's model leaves for a report: its curves, its figures, the map of its latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.pcf.paper.autoencoder import TrainingCurve
from glasspot.pcf.paper.forest import ForestSettings, SearchCurve

FloatArray = NDArray[np.float64]
DEAD = 0.01  # of the largest spread of a latent: below, it says nothing


@dataclass(frozen=True)
class PaperTraining:
    """The record of one training; figures of the pictures held out are nan where none were.

    losses: of the autoencoder, epoch by epoch; settings, searched: of the forest. r2_train, r2_held_out: of the latent
    values from fingerprints, each latent in units of its spread. names: (glass, pair) of each curve; held_out (n,) says
    which were not trained on; latents (n, 8) of the simulated curves. Errors of each curve (n,), mean squared: of g,
    as a share of the mean square of the simulated g: ``drawn`` of a picture drawn and read, ``coded`` through the
    autoencoder, ``predicted`` from the fingerprint; ``pixels`` (n,) of the autoencoder's picture, in units of 0 to 1.
    ``distinct``: how many of the n curves have a fingerprint of their own.
    """

    seed: int
    losses: TrainingCurve
    settings: ForestSettings
    searched: tuple[SearchCurve, ...]
    r2_train: float
    r2_held_out: float
    names: tuple[tuple[str, str], ...]
    held_out: NDArray[np.bool_]
    latents: FloatArray
    pixels: FloatArray
    drawn: FloatArray
    coded: FloatArray
    predicted: FloatArray
    distinct: int

    @property
    def epochs(self) -> int:
        return len(self.losses.train)

    @property
    def live(self) -> int:
        """Latents in use, of 8: with more than 1 % of the largest spread; a unit that is always 0 is dead."""
        spread = self.latents.std(axis=0)
        return int((spread > DEAD * spread.max()).sum())

    @property
    def picture_error(self) -> float:
        """Mean squared error of the autoencoder's pictures, 0 to 1, of those held out (the paper: below 0.006)."""
        return self.mean("pixels")

    def mean(self, what: str) -> float:
        """Return the mean of an error over the curves held out, or over all where none were."""
        chosen = self.held_out if self.held_out.any() else ~self.held_out
        return float(getattr(self, what)[chosen].mean())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of this training, in sentences."""
        n = len(self.names)
        found = [
            f"The fingerprint of the paper has no amounts of Na2O, B2O3 and SiO2: the {n} curves have {self.distinct} "
            "fingerprints, and curves with one fingerprint are all predicted by their mean."
        ]
        if self.live < self.latents.shape[1]:
            found.append(f"{self.live} of {self.latents.shape[1]} latent values are in use; the others stay at 0.")
        return tuple(found)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (meta, arrays)."""
        meta = {
            "seed": self.seed,
            "seconds": self.losses.seconds,
            "settings": vars(self.settings),
            "searched": [vars(curve) for curve in self.searched],
            "names": [list(name) for name in self.names],
            "distinct": self.distinct,
        }
        arrays = {name: np.asarray(getattr(self, name)) for name in ARRAYS}
        arrays["r2"] = np.array([self.r2_train, self.r2_held_out])
        arrays["losses"] = np.array([self.losses.train, self.losses.held_out])
        return meta, arrays

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> PaperTraining:
        """Return the record of :meth:`state`."""
        train, held_out = np.asarray(arrays["losses"])
        return cls(
            seed=int(meta["seed"]),
            losses=TrainingCurve(train, held_out, float(meta["seconds"])),
            settings=ForestSettings(**meta["settings"]),
            searched=tuple(
                SearchCurve(str(part["name"]), *(tuple(part[key]) for key in ("values", "train", "held_out")))
                for part in meta["searched"]
            ),
            r2_train=float(arrays["r2"][0]),
            r2_held_out=float(arrays["r2"][1]),
            names=tuple((str(glass), str(pair)) for glass, pair in meta["names"]),
            distinct=int(meta["distinct"]),
            **{name: np.asarray(arrays[name]) for name in ARRAYS},
        )


ARRAYS = ("held_out", "latents", "pixels", "drawn", "coded", "predicted")


def units_of(latents: FloatArray) -> FloatArray:
    """Return the unit of each latent (8,), its spread over latents (n, 8), so that each counts the same in the forest.

    A dead or nearly dead latent has 1 % of the largest spread: its noise must not count as much as the others do.
    """
    spread = latents.std(axis=0)
    return np.maximum(spread, DEAD * spread.max()) if spread.max() > 0 else np.ones_like(spread)


def relative_errors(wanted: FloatArray, found: FloatArray) -> FloatArray:
    """Return the mean squared error of curves (n, n_r), each as a share of the mean square of the wanted one: (n,)."""
    return np.asarray(((found - wanted) ** 2).mean(axis=1) / (wanted**2).mean(axis=1))


def r_squared(wanted: FloatArray, found: FloatArray) -> float:
    """Return 1 - sum of squared errors / sum of squares about the means of the columns; nan without any spread."""
    spread = float(((wanted - wanted.mean(axis=0)) ** 2).sum()) if len(wanted) else 0.0
    return 1 - float(((found - wanted) ** 2).sum()) / spread if spread > 0 else float("nan")
