"""Parameter sets that contradict all others: a run gone wrong, a number mistyped.

Such a set would teach a Gaussian process that the quantity changes abruptly, and spoil its predictions far around. With
p the density of the values of a set as all other sets predict them, and q their density were nothing known of its
parameters, a set is the more strange the larger  ln q - ln p : a draw at random explains it better. The strangest goes
first and no longer counts in judging the others, which may have looked strange only because of it.

p has a closed form from the inverse of the covariance matrix (Rasmussen and Williams (2006), section 5.4.2), and so has
the inverse without a set.
"""

from __future__ import annotations

import numpy as np

# A set is set aside beyond this: strange ones are then found though but one in a hundred or so is.
LEAST_RATIO = 5.0
MOST_STRANGE = 0.1  # share of the sets


class Judge:
    """``covariance`` (n, n) of the values ``y`` (n,) of runs, of mean 0, and its ``inverse``; ``group`` (n,)."""

    def __init__(self, covariance: np.ndarray, inverse: np.ndarray, y: np.ndarray, group: np.ndarray) -> None:
        self._y, self._group = y, group
        self._left = np.arange(len(y))
        self._inverse = inverse
        self._at_random = {}
        for g in np.unique(group):
            own = np.flatnonzero(group == g)
            self._at_random[g] = _log_density(covariance[np.ix_(own, own)], y[own])

    def strangest(self) -> tuple[int, float, float]:
        """Return the group that is strangest, its ln q - ln p, and its ln q but for a constant of each row."""
        weights = self._inverse @ self._y[self._left]
        worst, most = 0, -np.inf
        for g, rows in self._groups():
            precision = self._inverse[np.ix_(rows, rows)]
            size, off = np.linalg.slogdet(precision)[1], weights[rows]
            ratio = self._at_random[g] - 0.5 * float(size - off @ np.linalg.solve(precision, off))
            if ratio > most:
                worst, most = g, ratio
        return worst, most, self._at_random[worst]

    def without(self, group: int) -> None:
        """Judge from now on as if this group had not been."""
        here = self._group[self._left] == group
        kept = self._inverse[np.ix_(~here, ~here)]
        across = self._inverse[np.ix_(~here, here)]
        self._inverse = kept - across @ np.linalg.solve(self._inverse[np.ix_(here, here)], across.T)
        self._left = self._left[~here]

    def left_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what each row (n,) is off when its whole group is left out, and the sd of that."""
        weights = self._inverse @ self._y[self._left]
        off, sd = np.empty(len(weights)), np.empty(len(weights))
        for _, rows in self._groups():
            covariance = np.linalg.inv(self._inverse[np.ix_(rows, rows)])
            off[rows], sd[rows] = covariance @ weights[rows], np.sqrt(np.diag(covariance))
        return off, sd

    def _groups(self) -> list[tuple[int, np.ndarray]]:
        """Return each group that is left and where its rows stand."""
        group = self._group[self._left]
        order = np.argsort(group, kind="stable")
        names, first = np.unique(group[order], return_index=True)
        return list(zip(names.tolist(), np.split(order, first[1:]), strict=True))


def _log_density(covariance: np.ndarray, y: np.ndarray) -> float:
    """Return the log density of ``y`` but for a constant of each row."""
    return -0.5 * float(np.linalg.slogdet(covariance)[1] + y @ np.linalg.solve(covariance, y))
