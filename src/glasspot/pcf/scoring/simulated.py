"""What the simulation says of each curve, how surely, and the noise that no model beats.

The noise floor of a measure is the error that a perfect model (one that knows the mean over infinitely many runs)
would still be given, because the mean of a few runs is not that mean. With s the scatter between n runs, the mean has
the variance s^2/n: that is the floor of a squared error, and sqrt(2/pi) s/sqrt(n) that of an absolute one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.pairs import ends_of, kind_of, pairs_of
from glasspot.structure.pdf import PairDistribution, coordination_within, running_coordination
from glasspot.structure.peaks import first_peak
from glasspot.structure.scattering import faber_ziman, neutron, q_grid, xray

FloatArray = NDArray[np.float64]
# A peak whose place the simulation itself does not know so well (standard error, A) is no test of a model. The error is
# the scatter of the runs; with a single run it is told by the number of pairs in the peak.
UNSURE_PEAK = 0.05
ABSOLUTE = float(np.sqrt(2 / np.pi))  # the mean of |x| of a normal x with standard deviation 1
Q_RANGE = (1.0, 15.0)


@dataclass(frozen=True)
class CurveTruth:
    """One simulated curve: its mean (n_r,) over the runs, and what is measured on it.

    peak: (place in A, height) of the first peak, or None and ``no_peak`` says why. coordination: of O around the
    cation, None for a pair without a cut-off. floor: measure -> noise floor, empty with a single run.
    """

    mean: FloatArray
    kind: str
    peak: tuple[float, float] | None
    no_peak: str
    coordination: float | None
    floor: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScatteringTruth:
    """S(Q) that neutrons and X-rays see of one simulated glass, (n_q,) each, and their noise floors."""

    neutron: FloatArray
    xray: FloatArray
    floor: Mapping[str, float] = field(default_factory=dict)


def relative_error(g: FloatArray, simulated: FloatArray) -> float | None:
    """Return sqrt(sum (g - g_sim)^2 / sum g_sim^2), as R_chi of a curve; None where the simulated curve is all zero."""
    size = float(np.sum(simulated**2))
    return float(np.sqrt(np.sum((g - simulated) ** 2) / size)) if size > 0 else None


def coordination_of(pdf: PairDistribution, pair: str, cutoff: float) -> float:
    """Return the mean number of atoms of the pair's second element within ``cutoff`` (A) of one of the first."""
    return coordination_within(pdf, *ends_of(pair), cutoff)


def distribution_of(glass: GlassCurves, r: FloatArray, run: int | None = None) -> PairDistribution:
    """Return the curves of one run of a glass, or their mean, as a distribution that S(Q) follows from."""
    g = [glass.mean(pair) if run is None else glass.curves[pair][run] for pair in glass.pairs]
    density = glass.density if run is None else float(glass.number_density[run])
    return PairDistribution(r, np.array(g), glass.pairs, dict(glass.counts), sum(glass.counts.values()) / density)


def truth_of(glass: GlassCurves, pair: str, r: FloatArray, cutoffs: Mapping[str, float]) -> CurveTruth:
    """Return what the simulation says of one curve; ``cutoffs``: pair -> bond length in A, for coordination."""
    mean, error = glass.mean(pair), glass.error(pair)
    floor: dict[str, float] = {}
    if error is not None:
        floor["mse"] = float(np.mean(error**2))
        floor |= _known("relative", relative_error(mean + error, mean))
    peak, no_peak = _peak(glass, pair, r, floor)
    coordination = None
    if pair in cutoffs:
        coordination = coordination_of(distribution_of(glass, r), pair, cutoffs[pair])
        runs = [coordination_of(distribution_of(glass, r, k), pair, cutoffs[pair]) for k in range(glass.n_runs)]
        if len(runs) > 1:
            floor["coordination"] = ABSOLUTE * _error_of_mean(runs)
    return CurveTruth(mean, kind_of(pair), peak, no_peak, coordination, floor)


def _peak(
    glass: GlassCurves, pair: str, r: FloatArray, floor: dict[str, float]
) -> tuple[tuple[float, float] | None, str]:
    """Return the first peak, or None and why it is not judged; its noise floors are put into ``floor``."""
    try:
        peak = first_peak(r, glass.mean(pair))
    except GlasspotError:
        return None, "no peak"
    if glass.n_runs == 1:
        return (peak, "") if _counting_error(glass, pair, r, peak) <= UNSURE_PEAK else (None, "too noisy")
    try:
        runs = [first_peak(r, run) for run in glass.curves[pair]]
    except GlasspotError:
        return None, "too noisy"
    place = _error_of_mean([run[0] for run in runs])
    if place > UNSURE_PEAK:
        return None, "too noisy"
    floor["position"] = ABSOLUTE * place
    floor["height"] = ABSOLUTE * _error_of_mean([run[1] / peak[1] for run in runs])
    return peak, ""


def _counting_error(glass: GlassCurves, pair: str, r: FloatArray, peak: tuple[float, float]) -> float:
    """Return the error (A) of the place of a peak from the number of pairs in it: its width / sqrt(number).

    The peak is where g exceeds half of its height. Pairs move little during a run, so each pair counts once.
    """
    g = glass.mean(pair)
    low = high = int(np.argmin(np.abs(r - peak[0])))
    while low > 0 and g[low - 1] > 0.5 * peak[1]:
        low -= 1
    while high < len(r) - 1 and g[high + 1] > 0.5 * peak[1]:
        high += 1
    step = float(r[1] - r[0])
    centre, neighbour = ends_of(pair)
    _, running = running_coordination(distribution_of(glass, r), centre, neighbour)
    number = glass.counts[centre] * (running[high] - (running[low - 1] if low else 0.0))
    number = number / 2 if centre == neighbour else number
    width = (high - low + 1) * step / 2.355  # full width at half height of a Gaussian
    return float(width / np.sqrt(max(number, 1e-9)))


def _known(measure: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {measure: value}


def _error_of_mean(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def scattering_of(pdf: PairDistribution) -> dict[str, FloatArray]:
    """Return S(Q) for neutrons and X-rays, (n_q,) each, from all partials, without a window: it would hide errors."""
    partials = faber_ziman(pdf, q_grid(*Q_RANGE))
    return {"neutron": neutron(partials).s, "xray": xray(partials).s}


def scattering_truth(glass: GlassCurves, r: FloatArray) -> ScatteringTruth | None:
    """Return S(Q) of a glass over ``Q_RANGE``; None where a pair of its elements has no curve."""
    if set(pairs_of(glass.counts)) - set(glass.pairs):
        return None
    mean = scattering_of(distribution_of(glass, r))
    floor: dict[str, float] = {}
    if glass.n_runs > 1:
        runs = [scattering_of(distribution_of(glass, r, k)) for k in range(glass.n_runs)]
        for radiation, s in mean.items():
            error = np.std([run[radiation] for run in runs], axis=0, ddof=1) / np.sqrt(len(runs))
            floor |= _known(radiation, relative_error(s + error, s))
    return ScatteringTruth(mean["neutron"], mean["xray"], floor)


class Simulated:
    """The truths of a set, each worked out once, when it is first asked for."""

    def __init__(self, curve_set: CurveSet, cutoffs: Mapping[str, float]) -> None:
        self.r, self.cutoffs = curve_set.r, dict(cutoffs)
        self._curves: dict[tuple[str, str], CurveTruth] = {}
        self._glasses: dict[str, ScatteringTruth | None] = {}

    def curve(self, glass: GlassCurves, pair: str) -> CurveTruth:
        """Return the truth of one curve."""
        key = glass.name, pair
        if key not in self._curves:
            self._curves[key] = truth_of(glass, pair, self.r, self.cutoffs)
        return self._curves[key]

    def scattering(self, glass: GlassCurves) -> ScatteringTruth | None:
        """Return S(Q) of one glass."""
        if glass.name not in self._glasses:
            self._glasses[glass.name] = scattering_truth(glass, self.r)
        return self._glasses[glass.name]
