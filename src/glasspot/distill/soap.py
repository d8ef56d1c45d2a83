"""Averaged SOAP power spectra of frames and their kernel: the short-range half of the hybrid kernel.

SOAP: Bartok et al., doi:10.1103/PhysRevB.87.184115; the averaged kernel: De et al., doi:10.1039/C6CP00415F; the
setting: Shuaib et al., doi:10.1111/jace.20128, equations 1-3, 7 and 9. The vectors are those of dscribe's
``SOAP(rbf="polynomial", average="outer", periodic=True)``, term by term. They are computed by featomic, several times
as fast: it takes any radial function as a spline, and the polynomial basis is given to it that way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.extras import need
from glasspot.oxides import element_of
from glasspot.structure.frames import Frame

Array = NDArray[np.float64]
Tell = Callable[[str, int, int], None]

SPLINE_POINTS = 401  # over the reach: an error of 1e-8 for sigma 0.3 A and more
QUADRATURE_POINTS = 100  # Gauss-Legendre, as in dscribe
REACH_OF_DSCRIBE = math.sqrt(-2 * math.log(0.001))  # in sigma, beyond r_cut: where dscribe lets a Gaussian end
REACH = 2.5  # the same for us: 1 - K changes by less than 0.5 %, and the time by a third
NOT_ORTHONORMAL = 0.01  # what an overlap may be wrong by
BATCH_ATOMS = 4096  # handed to featomic at once: about 60 MB for two elements, 200 MB for four


@dataclass(frozen=True)
class Soap:
    """Settings of SOAP, and of the kernel (slope p.p' + 1)^degree.

    r_cut: A, where the radial functions end. sigma: A, width of the Gaussian of an atom. reach: atoms up to r_cut +
    reach sigma are seen, since their Gaussians reach within r_cut; REACH_OF_DSCRIBE gives dscribe's numbers to 1e-5.
    GlasspotError where a number makes no sense.
    """

    r_cut: float = 5.0
    n_max: int = 8
    l_max: int = 8
    sigma: float = 1.0
    reach: float = REACH
    slope: float = 1.0
    degree: int = 4

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("r_cut", self.r_cut, 1.0, 20.0), ("n_max", self.n_max, 1, 12), ("l_max", self.l_max, 0, 20),
            ("sigma", self.sigma, 0.1, 3.0), ("reach", self.reach, 0.0, 6.0), ("slope", self.slope, 1e-12, 1e12),
            ("degree", self.degree, 1, 12),
        ):  # fmt: skip
            if not low <= value <= high:
                raise GlasspotError(f"SOAP's {name} is {value:g}; expected {low:g} to {high:g}.")

    @property
    def longest(self) -> float:
        """How far an atom sees others, in A."""
        return self.r_cut + self.reach * self.sigma

    def n_features(self, n_elements: int) -> int:
        """Numbers in the vector of a frame: those of n <= n' for like elements, all of them for unlike ones."""
        like, unlike = n_elements, n_elements * (n_elements - 1) // 2
        return (self.l_max + 1) * (like * self.n_max * (self.n_max + 1) // 2 + unlike * self.n_max**2)


def power_spectra(frames: Sequence[Frame], elements: Sequence[str], soap: Soap, tell: Tell | None = None) -> Array:
    """Return (n_frames, n_features): of each frame the mean over its atoms of their power spectra.

    The order is dscribe's: pairs of elements by atomic number, then l, n, n'. ``elements`` are all that may occur, so
    that frames of different compositions compare. featomic uses every processor it may (RAYON_NUM_THREADS limits it).
    GlasspotError where a frame holds another element, or featomic is not installed.
    """
    numbers = _atomic_numbers(elements)
    calculator = _calculator(soap)
    spectra = np.zeros((len(frames), soap.n_features(len(numbers))))
    start = 0
    while start < len(frames):
        end = start + 1
        while end < len(frames) and sum(f.n_atoms for f in frames[start : end + 1]) <= BATCH_ATOMS:
            end += 1
        spectra[start:end] = _batch(calculator, frames[start:end], numbers, soap)
        start = end
        if tell is not None:
            tell("SOAP", end, len(frames))
    return spectra


def soap_kernel(left: Array, right: Array, soap: Soap) -> Array:
    """Return (n, m), the normalised kernel of two sets of averaged spectra (equations 7 and 9, c_0 = 1)."""
    own_left = soap.slope * np.einsum("ij,ij->i", left, left) + 1.0
    own_right = soap.slope * np.einsum("ij,ij->i", right, right) + 1.0
    likeness = (soap.slope * (left @ right.T) + 1.0) / np.sqrt(own_left[:, None] * own_right[None, :])
    return np.asarray(np.minimum(likeness, 1.0) ** soap.degree)


def _atomic_numbers(elements: Sequence[str]) -> list[int]:
    from ase.data import atomic_numbers

    return sorted({int(atomic_numbers[element_of(element)]) for element in elements})


def _batch(calculator: Any, frames: Sequence[Frame], numbers: Sequence[int], soap: Soap) -> Array:
    """Return the mean spectra of a few frames."""
    systems = [frame.to_ase() for frame in frames]
    for system in systems:
        foreign = sorted(
            {s for s, z in zip(system.get_chemical_symbols(), system.numbers, strict=True) if z not in numbers}
        )
        if foreign:
            raise GlasspotError(f"a frame holds {', '.join(foreign)}, which is not among the elements of the data set.")
    found = calculator.compute(systems, use_native_system=True)
    shape = (len(frames), len(numbers), len(numbers), soap.l_max + 1, soap.n_max, soap.n_max)
    terms = np.zeros(shape)
    for key, block in found.items():
        a, b = numbers.index(int(key["neighbor_1_type"])), numbers.index(int(key["neighbor_2_type"]))
        angular, n, m = (np.asarray(block.properties[name]) for name in ("l", "n_1", "n_2"))
        owner = np.asarray(block.samples["system"])
        sums = np.zeros((len(frames), len(angular)))
        np.add.at(sums, owner, block.values)
        terms[:, a, b, angular, n, m] += sums
    terms *= _units_of_dscribe(soap)[None, None, None, :, None, None]
    terms /= np.array([frame.n_atoms for frame in frames])[:, None, None, None, None, None]
    triangle = np.triu_indices(soap.n_max)
    parts = []
    for a in range(len(numbers)):
        for b in range(a, len(numbers)):
            pair = terms[:, a, b] / math.sqrt(2) if a != b else terms[:, a, b][:, :, triangle[0], triangle[1]]
            parts.append(pair.reshape(len(frames), -1))
    return np.concatenate(parts, axis=1)


def _units_of_dscribe(soap: Soap) -> Array:
    """Return (l_max + 1,) factors from featomic's spectra to dscribe's.

    dscribe has pi sqrt(8 / (2l + 1)), featomic (-1)^l / sqrt(2l + 1), and sqrt(2) for two unlike elements, which
    dscribe has not.
    """
    return np.asarray((-1.0) ** np.arange(soap.l_max + 1) * math.pi * math.sqrt(8))


def _calculator(soap: Soap) -> Any:
    """Return featomic's calculator with the polynomial basis as splines."""
    featomic = need("featomic", "featomic", "mlip", "SOAP")
    splines, basis = need("featomic.splines", "featomic", "mlip", "SOAP"), featomic.basis
    places = np.linspace(0.0, soap.longest, SPLINE_POINTS)
    channels = {}
    for angular in range(soap.l_max + 1):
        spline = splines.Spline(0.0, soap.longest)
        spline.add_points(places, *radial_integrals(soap, angular, places))
        channels[angular] = splines.SplinedRadialBasis(spline=spline, max_radial=soap.n_max - 1, radius=soap.longest)
    return featomic.SoapPowerSpectrum(
        cutoff=featomic.cutoff.Cutoff(radius=soap.longest, smoothing=None),
        # The Gaussian is in the splines already.
        density=featomic.density.DiracDelta(),
        basis=basis.Explicit(by_angular=channels, spline_accuracy=None),
    )


def radial_integrals(soap: Soap, angular: int, places: Array) -> tuple[Array, Array]:
    """Return (k, n_max) integrals of g_n with the Gaussian of an atom at distances ``places`` (A), and derivatives.

    I_nl(r) = 4 pi int_0^r_cut x^2 g_n(x) exp(-(x^2 + r^2) / 2 sigma^2) i_l(x r / sigma^2) dx, i_l the modified
    spherical Bessel function and g_n the polynomials (r_cut - x)^(n + 2), orthonormal (Loewdin), as in dscribe.
    """
    x, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
    x, weights = soap.r_cut * (x + 1) / 2, soap.r_cut * weights / 2
    weighted = weights * x**2 * _polynomials(soap, x)
    z = places[:, None] * x[None, :] / soap.sigma**2
    gauss = np.exp(-((places[:, None] - x[None, :]) ** 2) / (2 * soap.sigma**2))
    here, above = _bessel(angular, z), _bessel(angular + 1, z)
    # The derivative of i_l is i_{l+1} + (l / z) i_l (dlmf.nist.gov/10.51.E5); l / z i_l -> 1/3 for l = 1 at z = 0.
    over = np.divide(angular * here, z, out=np.full_like(z, 1 / 3 if angular == 1 else 0.0), where=z > 0)
    slope = (x[None, :] * (above + over) - places[:, None] * here) / soap.sigma**2
    return 4 * math.pi * (gauss * here) @ weighted.T, 4 * math.pi * (gauss * slope) @ weighted.T


def _polynomials(soap: Soap, x: Array) -> Array:
    """Return (n_max, k), the orthonormal polynomials; GlasspotError where they are too many for double precision."""
    from scipy.linalg import sqrtm

    n = np.arange(1, soap.n_max + 1)
    both = n[:, None] + n[None, :]
    overlap = 2.0 * soap.r_cut ** (7.0 + both) / ((5 + both) * (6 + both) * (7 + both))
    # The overlap is nearly singular (condition 1e16 for eight). The root of its inverse keeps six digits, as a
    # comparison with 60 digits shows; the inverse root by eigenvectors keeps one.
    mixing = np.real(sqrtm(np.linalg.inv(overlap)))
    if np.abs(mixing @ overlap @ mixing - np.eye(soap.n_max)).max() > NOT_ORTHONORMAL:
        raise GlasspotError(
            f"SOAP's {soap.n_max} polynomials over {soap.r_cut:g} A are too alike for double precision; "
            "expected a smaller n_max (8 is usual)."
        )
    return np.asarray(mixing @ (soap.r_cut - x)[None, :] ** (n[:, None] + 2))


def _bessel(angular: int, z: Array) -> Array:
    """Return exp(-z) i_l(z)."""
    from scipy.special import ive

    bare = np.full_like(z, 1.0 if angular == 0 else 0.0)
    far = z > 1e-12
    bare[far] = np.sqrt(math.pi / (2 * z[far])) * ive(angular + 0.5, z[far])
    return bare
