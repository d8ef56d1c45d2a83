"""What a chemist reads off predicted pair curves: first peaks, coordination, density, S(Q), each with its error.

The band of a prediction says how uncertain each point of a curve is, not how the points err together. So errors come
from curves drawn within the band: each point normal, with a deviation of half the 90 % band over 1.645, and near points
alike (correlation exp(-(dr/l)^2 / 2), l = ``ALIKE``). Errors of S(Q) and of coordination numbers are the standard
deviations over these curves, that of a peak follows from the median distance to the median. The curve model itself
knows its coordination numbers better: :func:`coordination_errors`, from ``pcf.curve.coordination``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.oxides import atomic_mass
from glasspot.pcf.model import Model
from glasspot.pcf.pairs import ends_of, pair_name
from glasspot.pcf.prediction import Prediction
from glasspot.structure.pdf import PairDistribution, volumes_within
from glasspot.structure.peaks import first_peak
from glasspot.structure.scattering import faber_ziman, neutron, q_grid, xray
from glasspot.units import density_from_mass

FloatArray = NDArray[np.float64]
ALIKE = 0.03  # A
DRAWN = 100  # curves: the errors themselves are then known to 7 %
BAND_WIDTH = 2 * 1.6449  # of a normal distribution: 90 % lie in this many standard deviations
Q_RANGE = (0.5, 20.0)  # 1/A


@dataclass(frozen=True)
class PairAnswer:
    """One pair: distance (A) and height of the first peak, None where the curve has none; the number of atoms of the
    pair's second element around one of the first within ``cutoff`` (A), None for a pair that is no bond. Errors are
    None where the model gives no band.
    """

    pair: str
    place: float | None
    height: float | None
    place_error: float | None
    height_error: float | None
    cutoff: float | None
    coordination: float | None
    coordination_error: float | None


@dataclass(frozen=True)
class Scattering:
    """S(Q) that neutrons and X-rays see, (n_q,) each, with errors (None without a band), and the partials."""

    q: FloatArray
    neutron: FloatArray
    xray: FloatArray
    neutron_error: FloatArray | None
    xray_error: FloatArray | None
    pairs: tuple[str, ...]
    partials: FloatArray


@dataclass(frozen=True)
class Answer:
    """All that is told of one glass. ``shown``: the pairs asked for; density in g/cm3; ``model``: its kind."""

    prediction: Prediction
    model: str
    shown: tuple[str, ...]
    pairs: tuple[PairAnswer, ...]
    density: float
    density_error: float
    scattering: Scattering

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be read first: what parsing did, and what the model doubts."""
        note = self.prediction.composition.note
        return ((f"{note[0].upper()}{note[1:]}.",) if note else ()) + self.prediction.warnings


def answer(
    prediction: Prediction,
    model: str,
    asked: Sequence[str] | None = None,
    known: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Answer:
    """Return what follows from a prediction of all pairs; ``asked`` narrows what is shown. Same seed, same errors.

    ``known``: pair -> standard deviation of its coordination number, of :func:`coordination_errors`.

    GlasspotError for a pair that the glass has not.
    """
    shown = shown_pairs(prediction, asked)
    drawn = _drawn(prediction, np.random.default_rng(seed))
    mass = sum(share * atomic_mass(element) for element, share in prediction.fractions.items())
    density = density_from_mass(mass, 1.0 / prediction.number_density)
    return Answer(
        prediction=prediction,
        model=model,
        shown=shown,
        pairs=tuple(_pair(prediction, pair, drawn, (known or {}).get(pair)) for pair in shown),
        density=density,
        density_error=density * prediction.number_density_error / prediction.number_density,
        scattering=_scattering(prediction, drawn),
    )


def shown_pairs(prediction: Prediction, asked: Sequence[str] | None) -> tuple[str, ...]:
    """Return the pairs to show, bonds to O first; GlasspotError for one that the glass has not."""
    if not asked:
        return tuple(sorted(prediction.pairs, key=lambda pair: not pair.endswith("-O")))
    names = [pair_name(*ends_of(pair)) for pair in asked]
    for given, name in zip(asked, names, strict=True):
        if name not in prediction.pairs:
            raise GlasspotError(
                f"there is no pair {given} in {prediction.composition}; it has {', '.join(prediction.pairs)}."
                f"{did_you_mean(name, prediction.pairs)}"
            )
    return tuple(dict.fromkeys(names))


def _drawn(prediction: Prediction, rng: np.random.Generator) -> FloatArray | None:
    """Return curves within the band, (n_drawn, n_pairs, n_r), none below 0; None without a band."""
    if prediction.low is None or prediction.high is None:
        return None
    r = prediction.r
    spread = (prediction.high - prediction.low) / BAND_WIDTH
    alike = np.exp(-0.5 * ((r[:, None] - r) / ALIKE) ** 2)
    # The matrix is singular to rounding where the bins are narrow: a little white noise makes it safe.
    root = np.linalg.cholesky(alike + 1e-6 * np.eye(len(r)))
    noise = rng.standard_normal((DRAWN, *prediction.g.shape)) @ root.T
    return np.asarray(np.maximum(prediction.g + spread * noise, 0.0))


def coordination_errors(model: Model, prediction: Prediction) -> dict[str, float]:
    """Return pair -> standard deviation of its coordination number, of the pairs of which the model itself knows it."""
    from glasspot.pcf.curve.coordination import coordination_error
    from glasspot.pcf.curve.model import CurveModel

    if not isinstance(model, CurveModel):
        return {}
    said = {p: coordination_error(model, prediction.composition, p, end) for p, end in prediction.cutoffs.items()}
    return {pair: error for pair, error in said.items() if error is not None}


def _pair(prediction: Prediction, pair: str, drawn: FloatArray | None, known: float | None) -> PairAnswer:
    row = prediction.pairs.index(pair)
    place, height = _peak(prediction.r, prediction.g[row])
    curves: Sequence[FloatArray] = [] if drawn is None else list(drawn[:, row])
    peaks = [(x, y) for x, y in (_peak(prediction.r, g) for g in curves) if x is not None and y is not None]
    enough = place is not None and len(peaks) > DRAWN / 2
    cutoff = prediction.cutoffs.get(pair)
    number = number_error = None
    if cutoff is not None:
        count = _count(prediction, pair, cutoff)
        number = float(count @ prediction.g[row])
        if known is not None:
            number_error = known
        elif drawn is not None:
            number_error = float((drawn[:, row] @ count).std(ddof=1))
            # The number of neighbours is proportional to the density at the same g(r).
            number_error = math.hypot(
                number_error, number * prediction.number_density_error / prediction.number_density
            )
    return PairAnswer(
        pair=pair,
        place=place,
        height=height,
        place_error=_spread([x for x, _ in peaks]) if enough else None,
        height_error=_spread([y for _, y in peaks]) if enough else None,
        cutoff=cutoff,
        coordination=number,
        coordination_error=number_error,
    )


def _peak(r: FloatArray, g: FloatArray) -> tuple[float | None, float | None]:
    try:
        return first_peak(r, g)
    except GlasspotError:
        return None, None


def _spread(values: Sequence[float]) -> float:
    """Return the standard deviation of normal values with this median distance from the median.

    A few drawn curves of a rare pair have a bump of noise before the peak; they must not decide.
    """
    return float(1.4826 * np.median(np.abs(np.array(values) - np.median(values))))


def _count(prediction: Prediction, pair: str, cutoff: float) -> FloatArray:
    """Return the weights (n_r,) that turn g(r) into the number of neighbours within ``cutoff`` (A)."""
    _, neighbour = ends_of(pair)
    density = prediction.number_density * prediction.fractions[neighbour]
    return density * volumes_within(prediction.r, cutoff)


def _scattering(prediction: Prediction, drawn: FloatArray | None) -> Scattering:
    mean = prediction.distribution
    blocks = None if drawn is None else drawn
    pdf = PairDistribution(mean.r, mean.g, mean.labels, mean.counts, mean.volume, blocks=blocks)
    partials = faber_ziman(pdf, q_grid(*Q_RANGE))
    seen = neutron(partials), xray(partials)
    # The drawn curves stand where blocks of a trajectory would; the error of one curve is not that of their mean.
    errors = [None if total.error is None else total.error * math.sqrt(DRAWN) for total in seen]
    return Scattering(partials.q, seen[0].s, seen[1].s, errors[0], errors[1], partials.labels, partials.s)
