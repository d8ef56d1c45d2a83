"""Structure factors from g(r): Faber-Ziman partials, and the totals that neutrons and X-rays see.

    S_ab(Q) = 1 + 4 pi rho int_0^R r^2 (g_ab - 1) sin(Qr)/(Qr) W(r) dr         W = 1, or sin(pi r/R)/(pi r/R) (Lorch)
    F(Q)    = sum_ab c_a c_b b_a b_b (S_ab(Q) - 1)  over ordered pairs         S(Q) = 1 + F(Q) / (sum_a c_a b_a)^2

with b the neutron scattering length, or the form factor f(Q) for X-rays. Sources: T. E. Faber and J. M. Ziman, Phil.
Mag. 11 (1965) 153; E. Lorch, J. Phys. C 2 (1969) 229; D. A. Keen, J. Appl. Cryst. 34 (2001) 172 for the names.
The box limits what can be known: nothing is resolved below Q of about 2 pi / R.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.oxides import element_of
from glasspot.structure.pdf import PairDistribution, standard_error, total_weights
from glasspot.structure.scattering_tables import FORM_FACTORS, ISOTOPE_LENGTHS, NEUTRON_LENGTHS

BARN_PER_FM2 = 0.01


@dataclass(frozen=True)
class FaberZiman:
    """Partial structure factors. ``q`` (n,) in 1/A; ``s`` (n_pairs, n); ``blocks`` (n_blocks, n_pairs, n) or None;
    ``weights`` (n_pairs,) the c_a c_b (2 - delta_ab); ``fractions`` the atomic fractions.
    """

    q: NDArray[np.float64]
    s: NDArray[np.float64]
    labels: tuple[str, ...]
    fractions: Mapping[str, float]
    weights: NDArray[np.float64]
    blocks: NDArray[np.float64] | None = None

    @property
    def error(self) -> NDArray[np.float64] | None:
        """Standard error of ``s``, (n_pairs, n), or None."""
        return standard_error(self.blocks)


@dataclass(frozen=True)
class TotalScattering:
    """``s`` (n,) the total S(Q), 1 at large Q; ``f`` (n,) the interference function F(Q): barn/sr/atom for neutrons,
    electrons^2/atom for X-rays; ``error`` (n,) of ``s``, or None.
    """

    q: NDArray[np.float64]
    s: NDArray[np.float64]
    f: NDArray[np.float64]
    error: NDArray[np.float64] | None


def q_grid(q_min: float, q_max: float, step: float = 0.05) -> NDArray[np.float64]:
    """Return evenly spaced Q in 1/A from ``q_min`` to ``q_max``; GlasspotError for a range that makes no sense."""
    if not (0.0 < q_min < q_max and step > 0.0):
        raise GlasspotError(
            f"the Q range must rise from a value above 0 with a step above 0; given {q_min:g} to {q_max:g} by {step:g}."
        )
    return np.asarray(q_min + step * np.arange(int(np.floor((q_max - q_min) / step + 1e-9)) + 1))


def faber_ziman(pdf: PairDistribution, q: NDArray[np.float64], lorch: bool = False) -> FaberZiman:
    """Return the partial S_ab(Q) of ``pdf`` at ``q`` (1/A), integrated to the end of its r range.

    ``lorch`` damps the ripples that the cut at r_max makes, and broadens peaks for it. Each bin of g(r) is integrated
    exactly, so a bin width of 0.05 A is fine up to Q of 25 1/A or so (the loss is sinc(Q width / 2)).
    """
    q = np.asarray(q, dtype=np.float64)
    if q.ndim != 1 or len(q) == 0 or not (q > 0).all():
        raise GlasspotError("Q must be a list of values above 0 (1/A); S(0) is not within reach of a finite box.")
    edges = pdf.edges
    # int r sin(Qr) dr = sin(Qr)/Q^2 - r cos(Qr)/Q between the edges of each bin, shape (n_q, n_bins).
    phase = np.outer(q, edges)
    antiderivative = np.sin(phase) / q[:, None] ** 2 - edges * np.cos(phase) / q[:, None]
    kernel = 4.0 * np.pi * pdf.number_density / q[:, None] * np.diff(antiderivative, axis=1)
    if lorch:
        kernel = kernel * np.sinc(pdf.r / edges[-1])
    blocks = None if pdf.blocks is None else 1.0 + (pdf.blocks - 1.0) @ kernel.T
    return FaberZiman(
        q=q,
        s=1.0 + (pdf.g - 1.0) @ kernel.T,
        labels=pdf.labels,
        fractions=pdf.fractions,
        weights=total_weights(pdf),
        blocks=blocks,
    )


def scattering_lengths(elements: Sequence[str], given: Mapping[str, float | str] | None = None) -> dict[str, float]:
    """Return the coherent neutron scattering length of each element in fm.

    ``given`` replaces some: a length in fm, or an isotope such as {"B": "11B"}. GlasspotError for what is not known.
    """
    result = {}
    for element in elements:
        value = (given or {}).get(element, element_of(element))
        table = {**NEUTRON_LENGTHS, **ISOTOPE_LENGTHS}
        if isinstance(value, str) and value not in table:
            raise GlasspotError(
                f'no neutron scattering length is known for "{value}"; give it in fm, such as {{"{element}": 6.65}}.'
                f"{did_you_mean(value, table)}"
            )
        result[element] = table[value] if isinstance(value, str) else float(value)
    return result


def form_factor(element: str, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the X-ray form factor f(Q) of the neutral atom in electrons, (n,); the parameters hold up to 75 1/A.

    Source: D. Waasmaier and A. Kirfel, Acta Cryst. A 51 (1995) 416.
    """
    if element_of(element) not in FORM_FACTORS:
        raise GlasspotError(f'no X-ray form factor is known for "{element}"; elements from H to Bi have one.')
    values = np.array(FORM_FACTORS[element_of(element)])
    squared = (np.asarray(q, dtype=np.float64) / (4.0 * np.pi)) ** 2
    return np.asarray(values[5] + np.exp(-np.outer(squared, values[6:])) @ values[:5])


def neutron(partials: FaberZiman, lengths: Mapping[str, float | str] | None = None) -> TotalScattering:
    """Return the total neutron S(Q), and F(Q) in barn/sr/atom; ``lengths`` as in :func:`scattering_lengths`."""
    known = scattering_lengths(list(partials.fractions), lengths)
    size = np.ones_like(partials.q)
    return _total(partials, {element: b * size for element, b in known.items()}, BARN_PER_FM2)


def xray(partials: FaberZiman) -> TotalScattering:
    """Return the total X-ray S(Q), divided by <f>^2, and F(Q) in electrons^2/atom; neutral atoms."""
    return _total(partials, {element: form_factor(element, partials.q) for element in partials.fractions}, 1.0)


def number_number(partials: FaberZiman) -> TotalScattering:
    """Return the number-number S(Q), where every atom scatters alike."""
    return _total(partials, {element: np.ones_like(partials.q) for element in partials.fractions}, 1.0)


def _total(partials: FaberZiman, amplitude: Mapping[str, NDArray[np.float64]], unit: float) -> TotalScattering:
    pairs = [label.split("-") for label in partials.labels]
    products = np.array([amplitude[a] * amplitude[b] for a, b in pairs]) * partials.weights[:, None]
    mean = sum((partials.fractions[e] * amplitude[e] for e in partials.fractions), np.zeros_like(partials.q))
    if np.any(np.abs(mean) < 1e-6):
        raise GlasspotError("the mean scattering length is zero, so S(Q) is not defined; use the partials or F(Q).")
    f = np.sum(products * (partials.s - 1.0), axis=0)
    error = None
    if partials.blocks is not None:
        error = standard_error(np.sum(products * (partials.blocks - 1.0), axis=1) / mean**2)
    return TotalScattering(q=partials.q, s=1.0 + f / mean**2, f=f * unit, error=error)
