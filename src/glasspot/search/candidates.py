"""Where a search looks for its next points: everywhere in its windows, and close to where it stands."""

from __future__ import annotations

import numpy as np

from glasspot.search.evaluated import key_of
from glasspot.search.proposer import Margin


def spread(windows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``count`` points of a scrambled Sobol set in ``windows`` (n, 2), (count, n)."""
    from scipy.stats import qmc

    low, high = windows.T
    # Sobol sets are balanced when their length is a power of two.
    unit = qmc.Sobol(len(windows), rng=rng).random_base2(max(0, int(np.ceil(np.log2(max(1, count))))))
    return np.asarray(low + (high - low) * unit[:count])


def clouds(
    centres: np.ndarray, windows: np.ndarray, count: int, rng: np.random.Generator, scales: tuple[float, ...]
) -> np.ndarray:
    """Return ``count`` points about ``centres`` (m, n), (count, n): Gaussian clouds of all ``scales``, in ``windows``.

    Scales are in sides of the window.

    Half of the points differ from their centre in some coordinates only: the best change is often of one or two.
    """
    low, high = windows.T
    number = np.arange(count)
    centre = centres[number % len(centres)]
    scale = np.array(scales)[(number // len(centres)) % len(scales)]
    step = scale[:, None] * (high - low) * rng.standard_normal((count, len(low)))
    kept = rng.random((count, len(low))) < np.where(rng.random(count) < 0.5, 1.0, 0.4)[:, None]
    kept[np.arange(count), rng.integers(len(low), size=count)] = True
    return np.asarray(np.clip(centre + np.where(kept, step, 0.0), low, high))


def screened(points: np.ndarray, known: np.ndarray, margin: Margin, most: int) -> np.ndarray:
    """Return the first points that pass the screen, each once, without those ``known`` (m, n); ``most`` at most."""
    seen = {key_of(point) for point in known}
    kept: list[int] = []
    for number, point in enumerate(points):
        if len(kept) == most:
            break
        if key_of(point) not in seen and margin(point) >= 0:
            seen.add(key_of(point))
            kept.append(number)
    return np.asarray(points[kept])
