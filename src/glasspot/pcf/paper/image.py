"""Curves as grey pictures of 64 by 64 pixels, and back: what the autoencoder of the paper sees.

The paper says "converted into grayscale images" and no more, so the drawing is chosen here:

* The area under the curve is filled (0 is the empty paper, 1 the full ink), with smooth edges: a pixel holds the share
  of its area under the curve. A thin line would leave 98 % of the pixels empty, a blank picture would already have a
  small error, and where the network hesitates between two places a line fades away. A filled column that is grey still
  sums to the mean of the two: the sum of a column is the mean height of the curve there, and that is the way back.
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

SIDE = 64
LEVELS = 255
FINE = 16  # points of the curve in one column while drawing, and strips while reading
FAINT = np.float32(1e-3)

FloatArray = NDArray[np.float64]
Pictures = NDArray[np.float32]


@dataclass(frozen=True)
class Axes:
    """The axes of all pictures of a model: r (n_r,), centres of equal bins from 0, in A; top: g of the upper edge."""

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
        """Return the curves of pictures (n, 64, 64) on the grid: (n, n_r); their columns have the sums of the picture.

        A column says more than its sum: the ink of a pixel is the share of the column in which the curve is that high.
        Where this share lies within the column follows from the pixels beside it, so that a peak narrower than a
        column keeps its height.
        """
        height = _within_columns(np.clip(pictures, 0.0, 1.0).astype(np.float32)).mean(axis=1, dtype=np.float64)
        fine = (np.arange(SIDE * FINE) + 0.5) * self.end / (SIDE * FINE)
        read = np.array([np.interp(self.r, fine, row) for row in height.reshape(len(height), -1)])
        return np.asarray(self.top * read**2).reshape(len(pictures), len(self.r))


def _within_columns(ink: Pictures) -> Pictures:
    """Return the ink of pixels (n, rows, columns) in equal strips of their columns: (n, rows, columns, FINE), 0 to 1.

    Of a pixel between a darker and a lighter one, the ink lies on the side of the darker. In one that is darker than
    both it is a block, in one that is lighter than both a gap: nearer to the darker neighbour the block, to the lighter
    one the gap. Neighbours without ink are compared by the sums of their columns.
    """
    sums = ink.mean(axis=1, keepdims=True)
    left, right = (_beside(ink, step) + FAINT * _beside(sums, step) + FAINT**2 for step in (1, -1))
    to_right = right / (left + right)
    start = np.where(left >= right, np.float32(0), 1 - ink)  # of the one block
    peak = (ink >= left) & (ink >= right)
    start = np.where(peak, (1 - ink) * to_right, start)
    valley = (ink < left) & (ink < right)
    first = np.where(valley, ink * (1 - to_right), np.float32(0))  # a block at the left edge, beside the gap
    start = np.where(valley, 1 - ink * to_right, start)
    low = np.arange(FINE, dtype=np.float32)
    begin, end = (FINE * start)[..., None], (FINE * np.where(valley, np.float32(1), start + ink))[..., None]
    block = np.clip(np.minimum(end, low + 1) - np.maximum(begin, low), 0, None)
    return np.asarray(block + np.clip((FINE * first)[..., None] - low, 0, 1))


def _beside(values: Pictures, step: int) -> Pictures:
    """Return the values of the columns on the left (step 1) or on the right (-1); 0 beyond the edge."""
    moved = np.roll(values, step, axis=-1)
    moved[..., 0 if step > 0 else -1] = 0
    return moved
