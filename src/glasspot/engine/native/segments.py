"""The pair functions of a potential as piecewise polynomials in s, the squared distance in reduced units.

Notation
    s = c r^2     c is chosen so that every distance where a pair function jumps lies on the border of two segments;
                  s runs over eight octaves up to TOP, which begins at r_max/16 or a little further out
    g(s) = (F/r)/sqrt(c)    so that g times the reduced vector, sqrt(c) (r_j - r_i), is the force in eV/A
    u(s)          the energy, eV
    segment       2^k (1 + m/M) <= s < 2^k (1 + (m + 1)/M); its polynomials are in t, the place of the mantissa in it

Inside the innermost segment g stays constant, so that the energy goes on as a parabola: atoms that are thrown at each
other that hard (by a bad packing) still part, and nothing is infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import floor, log2, sqrt

import numpy as np
from numpy.polynomial import chebyshev

from glasspot.engine.native.lookup import CUBIC_BITS, REGISTER_BITS
from glasspot.engine.native.pair_block import CUT, HALF, HEAD, INNER
from glasspot.engine.native.variant import Cubic, Quintic, Sextic, Tables
from glasspot.potential import tables as potential_tables
from glasspot.potential.forms import FloatArray
from glasspot.potential.model import Potential

OCTAVES = 8
TOP = 64.0
# Relative RMS force error of a pair over the distances that atoms visit. Rounding to float32 adds about 1e-6 to it.
TOLERANCE = 3e-6


@dataclass(frozen=True)
class Segments:
    """Polynomials of all pairs of ``species``. c in 1/A^2.

    force, energy: (n_species, n_species, degree + 1, segments), lowest power first, segments from the innermost.
    """

    species: tuple[str, ...]
    kind: Tables
    c: float
    r_max: float
    force: FloatArray
    energy: FloatArray

    @property
    def inner(self) -> float:
        """The distance in A where the polynomials begin."""
        return sqrt(TOP / 2**OCTAVES / self.c)

    def force_at(self, a: int, b: int, r: FloatArray) -> FloatArray:
        """Return the force in eV/A at distances ``r`` (A), as the compiled code finds it but in double precision."""
        place, t = self._place(r)
        return np.asarray(_value(self.force[a, b], place, t) * np.sqrt(self.c) * r)

    def _place(self, r: FloatArray) -> tuple[np.ndarray, FloatArray]:
        s = np.maximum(self.c * r * r, TOP / 2**OCTAVES)
        per_octave = self.force.shape[-1] // OCTAVES
        mantissa, exponent = np.frexp(s)
        first = int(log2(TOP)) - OCTAVES
        place = (exponent - 1 - first) * per_octave + np.floor((2 * mantissa - 1) * per_octave).astype(int)
        place = np.minimum(place, self.force.shape[-1] - 1)
        t = (2 * mantissa - 1) - ((place % per_octave) + 0.5) / per_octave
        return place, t

    def packed(self) -> np.ndarray:
        """Return what compiled code reads: float32 (n_species, n_species, floats of a pair), without SCALE."""
        n = len(self.species)
        # The look-up counts octaves by the last three bits of the exponent: s = 1 has 127, which is 7 of 8.
        first = int(log2(TOP)) - OCTAVES
        shift = (127 + first) % OCTAVES * (self.force.shape[-1] // OCTAVES)
        both = np.stack([np.roll(values, shift, axis=-1) for values in (self.force, self.energy)], axis=2)
        if isinstance(self.kind, Cubic):
            both = both.swapaxes(-1, -2)
        head = np.zeros((n, n, HEAD))
        head[..., CUT] = self.c * self.r_max**2
        head[..., INNER] = TOP / 2**OCTAVES
        head[..., HALF] = 0.5 / sqrt(self.c)
        return np.concatenate([head, both.reshape(n, n, -1)], axis=-1).astype(np.float32)


def segment(potential: Potential, species: Sequence[str], kind: Tables) -> Segments:
    """Return the polynomials of ``potential`` for all pairs of ``species``."""
    bits = CUBIC_BITS if isinstance(kind, Cubic) else REGISTER_BITS
    per_octave = 1 << bits
    c = _reduction(potential, per_octave)
    node = np.cos(np.pi * (np.arange(4 * kind.degree) + 0.5) / (4 * kind.degree))
    start = (1.0 + np.arange(per_octave) / per_octave) * TOP * 2.0 ** np.arange(-OCTAVES, 0)[:, None]
    step = np.repeat(TOP * 2.0 ** np.arange(-OCTAVES, 0) / per_octave, per_octave)
    # The last one is fitted as far as it is used: a polynomial across the end of the forces would be wrong before it.
    used = np.clip((c * potential.r_max**2 * (1 - 1e-12) - start.ravel()) / step, 1e-3, 1.0)
    s = start.ravel()[:, None] + (used * step)[:, None] * (0.5 + 0.5 * node)
    # A border belongs to the segment outside it; the nodes are all inside theirs.
    r = np.sqrt(np.minimum(s, c * potential.r_max**2 * (1 - 1e-12)) / c)
    shape = (len(species), len(species), kind.degree + 1, start.size)
    force, energy = np.zeros(shape), np.zeros(shape)
    for i, j in combinations_with_replacement(range(len(species)), 2):
        a, b = species[i], species[j]
        force[i, j] = force[j, i] = _fit(
            node, used, potential.pair_force(a, b, r) / r / sqrt(c), kind.degree, per_octave
        )
        energy[i, j] = energy[j, i] = _fit(node, used, potential.pair_energy(a, b, r), kind.degree, per_octave)
    return Segments(tuple(species), kind, c, potential.r_max, force, energy)


def _reduction(potential: Potential, per_octave: int) -> float:
    """Return c in 1/A^2: r_max lies at TOP or below it, and the shorter of two cut-offs on a border."""
    c = TOP / potential.r_max**2
    shorter = min(potential.r_cut if potential.pairs else potential.r_max, potential.coulomb.r_cut)
    if shorter < potential.r_max:
        s = c * shorter**2
        octave = 2.0 ** floor(log2(s))
        border = octave * (1 + floor((s / octave - 1) * per_octave + 1e-9) / per_octave)
        c *= border / s
    return float(c)


def _fit(node: FloatArray, used: FloatArray, values: FloatArray, degree: int, per_octave: int) -> FloatArray:
    """Return (degree + 1, segments): powers of t, from values (segments, nodes) at nodes -1..1 of each segment.

    used (segments,): the share of each that the nodes cover, from its start.

    The least squares of Chebyshev polynomials on their own nodes are plain sums: T_k are orthogonal there. Summed by
    numpy itself, as the order of a sum by BLAS depends on its threads.
    """
    polynomials = chebyshev.chebvander(node, degree)
    polynomials *= np.where(np.arange(degree + 1) == 0, 1.0, 2.0) / len(node)
    fitted = np.stack([(values * column).sum(axis=1) for column in polynomials.T])
    powers = np.zeros_like(fitted)
    for k, unit in enumerate(np.eye(degree + 1)):
        powers[: k + 1] += chebyshev.cheb2poly(unit[: k + 1])[:, None] * fitted[k]
    for place in np.nonzero(used < 1.0)[0]:
        powers[:, place] = _widened(powers[:, place], float(used[place]))
    # t runs over 1/per_octave; the nodes over 2.
    return np.asarray(powers * (2.0 * per_octave) ** np.arange(degree + 1)[:, None])


def _widened(powers: FloatArray, used: float) -> FloatArray:
    """Return p(y), powers lowest first, as a polynomial of x: y = -1..1 is the first ``used`` of x = -1..1."""
    inner = np.polynomial.Polynomial([1.0 / used - 1.0, 1.0 / used])
    widened = np.polynomial.Polynomial(powers)(inner).coef
    return np.pad(widened, (0, len(powers) - len(widened)))


def _value(polynomials: FloatArray, place: np.ndarray, t: FloatArray) -> FloatArray:
    value = np.zeros_like(t)
    for power in polynomials[::-1]:
        value = value * t + power[place]
    return value


def segment_error(potential: Potential, segments: Segments) -> float:
    """Return the largest relative RMS force error of a pair over the distances that atoms visit."""
    worst = 0.0
    for i, j in combinations_with_replacement(range(len(segments.species)), 2):
        a, b = segments.species[i], segments.species[j]
        if not potential.terms(a, b):
            continue
        r, weight = potential_tables.visited(potential, a, b)
        exact = potential.pair_force(a, b, r)
        mean = weight @ exact / weight.sum()
        wrong = weight @ (segments.force_at(i, j, r) - exact) ** 2
        worst = max(worst, float(np.sqrt(wrong / (weight @ (exact - mean) ** 2))))
    return worst


def best_segments(potential: Potential, species: Sequence[str], registers: bool) -> Segments:
    """Return the fastest tables that are accurate enough: those in registers first, where the processor has them."""
    kinds: list[Tables] = [Quintic(), Sextic()] if registers else []
    for kind in kinds:
        found = segment(potential, species, kind)
        if segment_error(potential, found) < TOLERANCE:
            return found
    return segment(potential, species, Cubic())
