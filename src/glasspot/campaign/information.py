"""Is a parameter worth having? An information criterion for curves whose points are not independent.

Neighbouring bins of a g(r) fluctuate together, so m bins hold fewer than m independent values. With V the covariance of
the scaled values, estimated by V^ with f degrees of freedom (the blocks of all runs, less one for each run),

    nu = (tr V)^2 / tr V^2,        tr V^2 = tr V^^2 - (tr V^)^2 / f   (less what few blocks put in by chance)       (1)

is their effective number, and with the misfit as the noise (least squares), for k free parameters and the unknown
variance, K = k + 1,

    AICc = nu ln R_chi^2 + 2 K + 2 K (K + 1) / (nu - K - 1)                                                          (2)

Only differences between fits to the same targets mean something. Source: C. M. Hurvich and C.-L. Tsai, Biometrika 76
(1989) 297, for (2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasspot.campaign.response import gather
from glasspot.evaluate.job import Outcome
from glasspot.target.objective import Objective

ROUNDING = 1e-24  # variance of scaled values, which are about 1, that equal numbers may have


def independent_values(outcomes: Sequence[Sequence[Outcome]], objective: Objective) -> float:
    """Return nu of equation (1), from runs of one potential that ended well; ``outcomes`` state by state.

    States are simulated apart, so their blocks vary apart. nan where no value varies from block to block: coordination
    numbers are known of whole runs only.
    """
    trace = square = chance = 0.0
    for s, found in enumerate(outcomes):
        deviations = []
        for outcome in found:
            blocks = gather([outcome], objective, s)
            # About the mean of its own run: the difference between runs is another, slower noise.
            deviations.append((blocks.curves - blocks.curves.mean(0)) / np.sqrt(len(blocks.curves) - 1))
        d = np.concatenate(deviations) / np.sqrt(len(found))
        freedom = sum(len(part) - 1 for part in deviations)
        gram = d @ d.T  # as large as the number of blocks, with the eigenvalues of V^ that are not zero
        trace += float(np.trace(gram))
        square += float(np.sum(gram**2))
        chance += float(np.trace(gram)) ** 2 / freedom
    if trace < ROUNDING:
        return float(np.nan)
    return trace**2 / max(square - chance, 1e-12 * trace**2)


def aicc(cost: float, values: float, parameters: int) -> float:
    """Return equation (2); infinite where there are too few independent values for so many parameters."""
    estimated = parameters + 1  # the variance too
    spare = values - estimated - 1
    if spare <= 0 or cost <= 0:
        return float(np.inf)
    return float(values * np.log(cost**2) + 2 * estimated + 2 * estimated * (estimated + 1) / spare)
