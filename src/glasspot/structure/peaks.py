"""The first peak of g(r), and the minimum behind it: where a bond ends when no cut-off is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError

# Width (A) of the Gaussian that takes the noise out of g(r) before its extremes are looked for.
SMOOTHING = 0.05
# A shell ends before this many times the distance of its peak: the next shell of a dense packing starts at 1.6 or so.
FARTHEST = 1.8
# The part of a peak, as a share of its top, that a Gaussian is put through.
UPPER_PART = 0.6
# A maximum counts as the first peak when it reaches this share of the highest one.
LOWEST_PEAK = 0.3


def first_peak(
    r: NDArray[np.float64], g: NDArray[np.float64], guide: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """Return the distance (A) and the height of the first peak of g(r): a Gaussian through its upper part.

    The first peak is the first maximum that rises above 1 and reaches a third of the highest; its upper part is where
    g(r) exceeds 0.6 of the top. A peak of fewer than three bins gives its highest bin. ``guide``: a smoother g(r) that
    tells where the peak is and ends, for bins so fine that their noise would. GlasspotError where g(r) has no peak, as
    in a gas or with too few counts.
    """
    shape = g if guide is None else guide
    top = _peak_index(r, shape)
    low = high = top
    while low > 0 and shape[low - 1] > UPPER_PART * shape[top]:
        low -= 1
    while high < len(r) - 1 and shape[high + 1] > UPPER_PART * shape[top]:
        high += 1
    if high - low < 2:
        return float(r[top]), float(g[top])
    upper = np.arange(low, high + 1)
    upper = upper[g[upper] > 0.0]
    if len(upper) < 3:
        return float(r[top]), float(g[top])
    # ln g of a Gaussian is a parabola; counts make the error of ln g go as 1 / sqrt(g).
    bend, slope, level = np.polyfit(r[upper] - r[top], np.log(g[upper]), 2, w=np.sqrt(g[upper]))
    if bend >= 0:
        return float(r[top]), float(g[top])
    shift = float(np.clip(-0.5 * slope / bend, r[low] - r[top], r[high] - r[top]))
    return float(r[top] + shift), float(np.exp(level + slope * shift + bend * shift**2))


def first_minimum(r: NDArray[np.float64], g: NDArray[np.float64]) -> float:
    """Return the distance (A) of the first minimum of g(r) behind its first peak, the usual end of a bond.

    g is smoothed over 0.05 A first. Where g stays near zero for a stretch, as between the shells of Si-O, the middle of
    the stretch is returned. GlasspotError when there is no peak, or g(r) ends before the minimum.
    """
    smooth = _smoothed(r, g)
    peak = _peak_index(r, g)
    # With few counts the highest bin may stand beside the top of the smoothed curve: downhill begins at that top.
    beside = np.nonzero(np.abs(r - r[peak]) <= 4 * SMOOTHING)[0]
    peak = int(beside[np.argmax(smooth[beside])])
    window = np.nonzero((r > r[peak]) & (r <= FARTHEST * r[peak]))[0]
    if r[-1] < FARTHEST * r[peak] * 0.8 or len(window) < 3:
        raise GlasspotError(
            f"g(r) ends at {r[-1]:.2f} A, too near its first peak at {r[peak]:.2f} A to find the minimum; "
            "give the cut-off, or a larger r_max."
        )
    # Stop at the next peak: where the curve has climbed well above its lowest so far.
    lowest = np.minimum.accumulate(smooth[window])
    climbed = np.nonzero(smooth[window] > lowest + 0.05 + 0.1 * (smooth[peak] - lowest))[0]
    window = window[: climbed[0]] if len(climbed) else window
    if not len(window):
        raise GlasspotError(f"g(r) climbs on behind its first peak at {r[peak]:.2f} A; give the cut-off.")
    deepest = smooth[window].min()
    low = high = int(window[np.argmin(smooth[window])])
    floor = deepest + 0.02 * min(1.0, smooth[peak])
    while low > window[0] and smooth[low - 1] <= floor:
        low -= 1
    while high < window[-1] and smooth[high + 1] <= floor:
        high += 1
    return float(0.5 * (r[low] + r[high]))


def _smoothed(r: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(
        gaussian_filter1d(np.asarray(g, dtype=np.float64), SMOOTHING / float(r[1] - r[0]), mode="nearest")
    )


def _peak_index(r: NDArray[np.float64], g: NDArray[np.float64]) -> int:
    smooth = _smoothed(r, g)
    rising = smooth[1:-1] > smooth[:-2]
    falling = smooth[1:-1] >= smooth[2:]
    tops = np.nonzero(rising & falling)[0] + 1
    tops = tops[(smooth[tops] > 1.0) & (smooth[tops] >= LOWEST_PEAK * smooth[tops].max(initial=0.0))]
    if not len(tops):
        raise GlasspotError("g(r) shows no peak above 1, so it has no first shell; give the cut-off yourself.")
    near = np.abs(r - r[tops[0]]) <= 2 * SMOOTHING
    return int(np.nonzero(near)[0][np.argmax(np.asarray(g)[near])])
