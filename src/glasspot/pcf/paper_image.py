"""Curves as grey pictures of 64 by 64 pixels, and back: what the autoencoder of the paper sees.

The paper says "converted into grayscale images" and no more, so the drawing is chosen here:

* The area under the curve is filled (0 is the empty paper, 1 the full ink), with smooth edges: a pixel holds the share
  of its area under the curve. A thin line would leave 98 % of the pixels empty, a blank picture would already have a
  small error, and where the network hesitates between two places a line fades away. A filled column that is grey still
  sums to the mean of the two: the sum of a column is the height of the curve there, and that is the way back.
* One axis for all: r from 0 to the end of the grid, g from 0 to the highest curve of the training data. Were each
  picture scaled by itself, the height of the peaks would be lost.
* The height is sqrt(g / top). On an even axis a first peak of 20 would leave a curve around 1 three pixels. The noise
  of a histogram grows as the root of its count, so that under the root it is the same at every height.
* 256 grey levels, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

SIDE = 64
LEVELS = 255
FINE = 16  # points of the curve in one column while drawing

FloatArray = NDArray[np.float64]
Pictures = NDArray[np.float32]


@dataclass(frozen=True)
class Axes:
    """The axes of all pictures of a model: r (n_r,), centres of equal bins from 0, in A; top: the g of the upper edge."""

    r: FloatArray
    top: float

    @classmethod
    def of(cls, r: FloatArray, curves: FloatArray) -> Axes:
        """Return axes that hold all of ``curves`` (n, n_r)."""
        return cls(r, float(max(curves.max(), 1.0)))

    @property
    def end(self) -> float:
        """Where the r axis ends, A: the far edge of the last bin."""
        return float(self.r[-1] + self.r[0])

    def draw(self, curves: FloatArray) -> Pictures:
        """Return the pictures of curves (n, n_r): (n, 64, 64) from 0 to 1, the first row on top; g above top is cut."""
        fine = (np.arange(SIDE * FINE) + 0.5) * self.end / (SIDE * FINE)
        drawn = np.empty((len(curves), SIDE, SIDE), dtype=np.float32)
        floor = np.arange(SIDE)[::-1, None]  # of each row, in pixels
        for k, curve in enumerate(curves):
            height = SIDE * np.sqrt(np.clip(np.interp(fine, self.r, curve) / self.top, 0.0, 1.0))
            ink = np.clip(height - floor, 0.0, 1.0)
            drawn[k] = ink.reshape(SIDE, SIDE, FINE).mean(axis=2)
        return np.asarray(np.round(drawn * LEVELS) / LEVELS, dtype=np.float32)

    def read(self, pictures: Pictures) -> FloatArray:
        """Return the curves of pictures (n, 64, 64) on the grid: (n, n_r).

        The heights between the columns are those of the smooth curve that has the same mean in each column: the slope
        of a monotone cubic through the sums, so that it is never below 0.
        """
        height = np.clip(pictures, 0.0, 1.0).astype(np.float64).mean(axis=1)
        edges = np.linspace(0.0, self.end, SIDE + 1)
        width = edges[1]
        sums = np.concatenate([np.zeros((len(height), 1)), np.cumsum(height, axis=1) * width], axis=1)
        slope = PchipInterpolator(edges, sums, axis=1).derivative()(self.r)
        return np.asarray(self.top * np.clip(slope, 0.0, 1.0) ** 2)
