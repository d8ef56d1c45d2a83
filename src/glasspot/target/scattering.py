"""A measured total S(Q), and the linear map that makes the same of a fine pair histogram.

With H_ab(r_k) the mean number of unordered pairs at node k, P_ab the number of them that gives g = 1, and R the
distance at which the model's g(r) is cut by the window W,

    S(Q) = 1 + sum_ab w_ab(Q) ( N sum_k H_ab(r_k) / P_ab  sin(Q r_k)/(Q r_k) W(r_k)  -  D(Q) )           a <= b
    D(Q) = 4 pi rho int_0^R r^2 sin(Qr)/(Qr) W(r) dr          w_ab = (2 - delta_ab) c_a c_b f_a f_b / (sum_a c_a f_a)^2

f: neutron scattering length, X-ray form factor, or 1. W = 1 up to R, or sin(pi r/R)/(pi r/R) (Lorch). The w_ab of all
pairs add up to 1, so D enters once, as an offset.

A box knows nothing beyond R, so its S(Q) is broadened, and the measured one must be broadened alike before the two are
compared: multiplying D(r) = 4 pi rho r (g - 1) by W is a convolution of F(Q) = Q (S - 1),

    F_R(Q) = int_0^inf F(Q') [M(Q - Q') - M(Q + Q')] dQ',      M(x) = 1/pi int_0^R W(r) cos(xr) dr
    M(x) = sin(xR) / (pi x)      or, Lorch,      M(x) = R / (2 pi^2) [Si(pi + xR) + Si(pi - xR)]

over the whole measured range, with F = 0 beyond its end and a straight line from 0 to its beginning. For X-rays the
weights w_ab vary with Q; they are taken as constant within the width of M, about 5/R.
The curve enters R_chi by sum (S_ref - S)^2 / sum S_ref^2, which is Wright's R_X of S(Q): A. C. Wright, J. Non-Cryst.
Solids 159 (1993) 264. S is about 1 everywhere, so each measured point counts alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from glasspot.curves import Curve, wright_r_x
from glasspot.errors import GlasspotError
from glasspot.structure.scattering import BARN_PER_FM2, form_factor, scattering_lengths
from glasspot.target.system import System

Radiation = Literal["neutron", "xray", "number"]
Window = Literal["lorch", "cut"]


@dataclass(frozen=True)
class ScatteringTarget:
    """A total S(Q) at ``q`` (n,) in 1/A, broadened by the ``window`` that ends at ``end`` (A).

    ``lengths``: neutron scattering lengths in fm that are not those of the natural elements. Make one with
    :func:`scattering_target`, which broadens.
    """

    label: str
    radiation: Radiation
    q: np.ndarray
    values: np.ndarray
    end: float
    window: Window = "lorch"
    lengths: Mapping[str, float] = field(default_factory=dict)
    error: np.ndarray | None = None  # (n,)
    weight: float = 1.0
    kind: ClassVar[str] = "S(Q)"
    x_label: ClassVar[str] = "Q (1/A)"
    y_label: ClassVar[str] = "S(Q)"

    @property
    def x(self) -> np.ndarray:
        """What the curve is drawn against: Q."""
        return self.q

    @property
    def norm(self) -> float:
        """What the deviations are divided by: chi2 is relative to sum_Q S_ref^2."""
        return float(np.linalg.norm(self.values))

    @property
    def reach(self) -> float:
        """Distance (A) that the fine histogram must hold."""
        return self.end

    @property
    def bin_width(self) -> float:
        """Any spacing of the nodes will do."""
        return float(np.inf)

    def curve_map(self, system: System, r_max: float, n_nodes: int) -> np.ndarray:
        """Return the matrix (n, n_pairs * (n_nodes + 1)) from a mean fine histogram to S(Q), less its offset."""
        r = np.arange(n_nodes + 1) * (r_max / n_nodes)
        dr = r_max / n_nodes
        # Pairs are shared linearly between nodes, which smears every distance by a hat of width dr: undone on average.
        smearing = np.sinc(self.q * dr / (2.0 * np.pi)) ** 2
        kernel = np.sinc(np.outer(self.q, r) / np.pi) * window_at(r, self.end, self.window, dr) / smearing[:, None]
        n_atoms = sum(system.counts[element] for element in system.elements)
        per_pair = pair_weights(self.radiation, self.q, system, self.lengths) * (n_atoms / system.pair_counts())
        return np.asarray((per_pair[:, :, None] * kernel[:, None, :]).reshape(len(self.q), -1))

    def offset(self, system: System) -> np.ndarray:
        """Return 1 - D(Q), what is added to the mapped histogram, (n,)."""
        density = sum(system.counts[element] for element in system.elements) / system.volume
        return 1.0 - density_term(self.q, density, self.end, self.window)

    def wright(self, values: np.ndarray) -> float:
        """Return Wright's R_X, a fraction, of a model's S(Q)."""
        return wright_r_x(Curve(self.q, self.values), Curve(self.q, values))

    def integrated(self) -> np.ndarray:
        """Return the matrix (n, n) that integrates the curve over Q (1/A): it sees shifted peaks from afar."""
        return np.tril(np.tile(np.gradient(self.q), (len(self.q), 1)))


def pair_weights(radiation: Radiation, q: np.ndarray, system: System, lengths: Mapping[str, float]) -> np.ndarray:
    """Return w_ab(Q) of the pairs of ``system``, shape (n_q, n_pairs); each row sums to 1.

    GlasspotError for an element without a known amplitude, and where the mean amplitude is zero.
    """
    elements = system.elements
    n_atoms = sum(system.counts[element] for element in elements)
    fractions = {element: system.counts[element] / n_atoms for element in elements}
    amplitude = amplitudes(radiation, q, fractions, lengths)
    mean = sum((fractions[e] * amplitude[e] for e in elements), np.zeros_like(q))
    result = np.empty((len(q), len(system.labels)))
    for row, label in enumerate(system.labels):
        a, b = label.split("-")
        twice = 1.0 if a == b else 2.0
        result[:, row] = twice * fractions[a] * fractions[b] * amplitude[a] * amplitude[b] / mean**2
    return result


def amplitudes(
    radiation: Radiation, q: np.ndarray, fractions: Mapping[str, float], lengths: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Return the scattering amplitude of each element at ``q``, (n,): fm, electrons, or 1."""
    if radiation == "xray":
        return {element: form_factor(element, q) for element in fractions}
    known = (
        scattering_lengths(list(fractions), dict(lengths)) if radiation == "neutron" else dict.fromkeys(fractions, 1.0)
    )
    if abs(sum(fractions[e] * known[e] for e in fractions)) < 1e-6:
        raise GlasspotError("the mean scattering length is zero, so S(Q) is not defined for this composition.")
    return {element: np.full_like(q, value) for element, value in known.items()}


def from_interference(
    radiation: Radiation, q: np.ndarray, fractions: Mapping[str, float], lengths: Mapping[str, float]
) -> np.ndarray:
    """Return what turns F(Q) into S(Q) - 1, (n,): 1 / <f>^2, for F in barn/sr/atom (neutrons) or electrons^2/atom."""
    amplitude = amplitudes(radiation, q, fractions, lengths)
    mean = sum((fractions[e] * amplitude[e] for e in fractions), np.zeros_like(q))
    return np.asarray(1.0 / (mean**2 * (BARN_PER_FM2 if radiation == "neutron" else 1.0)))


def window_at(r: np.ndarray, end: float, window: Window, dr: float) -> np.ndarray:
    """Return W at the nodes ``r`` (n,) of a histogram ``dr`` apart."""
    if window == "lorch":
        return np.where(r <= end, np.sinc(r / end), 0.0)
    # The node at a sharp end holds pairs of both sides and counts by half, but the last node holds those inside only.
    shares = np.clip((end - r) / dr + 0.5, 0.0, 1.0)
    shares[-1] = 1.0 if end >= r[-1] - 1e-6 * dr else shares[-1]
    return np.asarray(shares)


def density_term(q: np.ndarray, density: float, end: float, window: Window) -> np.ndarray:
    """Return D(Q) (n,) of ``density`` atoms/A^3: what the -1 of g - 1 adds up to inside ``end`` (A)."""
    if window == "cut":
        return np.asarray(4.0 * np.pi * density * (np.sin(q * end) - q * end * np.cos(q * end)) / q**3)
    # int sin(Qr) sin(ar) dr with a = pi/R, written with sinc(x) = sin(pi x)/(pi x) so that Q = a is no special case.
    a = np.pi / end
    both = np.sinc((q - a) * end / np.pi) - np.sinc((q + a) * end / np.pi)
    return np.asarray(4.0 * np.pi * density / q * end / (2.0 * a) * both)


def broadening(q: np.ndarray, end: float, window: Window) -> np.ndarray:
    """Return the matrix (n, n) that broadens S - 1, known at ``q`` (n,) above 0 in 1/A, as a cut of g(r) at ``end``."""
    steps = np.diff(q, prepend=0.0)
    # Trapezoids from Q = 0, where F = 0, to the end of the data.
    widths = 0.5 * (steps + np.append(steps[1:], 0.0))
    kernel = _transform(q[:, None] - q[None, :], end, window) - _transform(q[:, None] + q[None, :], end, window)
    return np.asarray(kernel * (q * widths)[None, :] / q[:, None])


def _transform(x: np.ndarray, end: float, window: Window) -> np.ndarray:
    """Return M(x)."""
    if window == "cut":
        return np.asarray(end / np.pi * np.sinc(x * end / np.pi))
    from scipy.special import sici

    return np.asarray(end / (2.0 * np.pi**2) * (sici(np.pi + x * end)[0] + sici(np.pi - x * end)[0]))


def scattering_target(
    label: str,
    radiation: Radiation,
    measured: Curve,
    q_range: tuple[float, float],
    end: float,
    window: Window = "lorch",
    lengths: Mapping[str, float] | None = None,
    weight: float = 1.0,
) -> ScatteringTarget:
    """Return the target of a ``measured`` S(Q), broadened over its whole range, at its points inside ``q_range`` (1/A).

    ``end`` (A): where the model's g(r) is cut, at most half the box. GlasspotError when the curve does not cover the
    range or has too few points to be broadened.
    """
    positive = measured.x > 0
    q, low, high = measured.x[positive], *q_range
    if positive.sum() < 4:
        raise GlasspotError(f"the target {label} has {positive.sum()} points at Q above 0; is the column Q in 1/A?")
    widest = float(np.diff(q).max())
    if widest > np.pi / end:
        raise GlasspotError(
            f"the target {label} has points up to {widest:.3g} 1/A apart; S(Q) of a g(r) up to {end:.3g} A needs them "
            f"at most {np.pi / end:.2g} apart. Give more points, or end g(r) earlier (r_max)"
        )
    if q[0] > low + widest or q[-1] < high - widest:
        raise GlasspotError(
            f"the target {label} covers {q[0]:.3g} to {q[-1]:.3g} 1/A, but the range asked is {low:g} to {high:g} 1/A; "
            "shorten `range` or give a longer curve"
        )
    inside = (q >= low - 1e-9) & (q <= high + 1e-9)
    if inside.sum() < 4:
        raise GlasspotError(
            f"the target {label} has only {inside.sum()} points in {low:g} to {high:g} 1/A; widen `range`"
        )
    matrix = broadening(q, end, window)[inside]
    error = None if measured.error is None else np.sqrt(matrix**2 @ measured.error[positive] ** 2)
    values = 1.0 + matrix @ (measured.y[positive] - 1.0)
    return ScatteringTarget(label, radiation, q[inside], values, end, window, dict(lengths or {}), error, weight)
