"""The descriptors of a POD model: proper orthogonal descriptors of 2 to 4 bodies, as ``pair_style pod`` knows them.

Nguyen and Rohskopf, J. Comput. Phys. 480 (2023) 112030; Nguyen, Phys. Rev. B 107 (2023) 144103. The energy of an atom
is linear in its descriptors, so all of a fit follows from sums over frames (:mod:`glasspot.mlip.design`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from glasspot.errors import GlasspotError
from glasspot.oxides import is_species

INNER = 0.8  # A; closer than this the radial functions are not defined
# (two-body radial, three-body radial, angular degree, four-body radial, angular degree) of each size. More of anything
# gained nothing on AsTe3 and B2O3 that a larger cut-off or more frames did not gain.
SIZES = {1: (8, 5, 4, 0, 0), 2: (8, 6, 5, 4, 3), 3: (10, 7, 6, 6, 4)}


@dataclass(frozen=True)
class PodBasis:
    """Which descriptors. elements: in the order of the model's types; r_cut: A; size: a key of SIZES."""

    elements: tuple[str, ...]
    r_cut: float = 5.0
    size: int = 2

    def __post_init__(self) -> None:
        if not self.elements or not all(is_species(name) for name in self.elements):
            raise GlasspotError(f"the elements of a model are {self.elements}; expected names such as As, Te.")
        if not INNER + 1 <= self.r_cut <= 12:
            raise GlasspotError(f"r_cut is {self.r_cut} A; expected {INNER + 1:g} to 12 A.")
        if self.size not in SIZES:
            raise GlasspotError(f"the size of the model is {self.size}; expected {', '.join(map(str, SIZES))}.")

    @property
    def text(self) -> str:
        """The parameter file of ``pair_style pod`` and ``fitpod``."""
        two, three, three_degree, four, four_degree = SIZES[self.size]
        return (
            f"species {' '.join(self.elements)}\npbc 1 1 1\nrin {INNER!r}\nrcut {self.r_cut!r}\n"
            "bessel_polynomial_degree 4\ninverse_polynomial_degree 8\nonebody 1\n"
            f"twobody_number_radial_basis_functions {two}\n"
            f"threebody_number_radial_basis_functions {three}\nthreebody_angular_degree {three_degree}\n"
            f"fourbody_number_radial_basis_functions {four}\nfourbody_angular_degree {four_degree}\n"
        )

    @property
    def key(self) -> str:
        """Name of this basis: the first 16 hex digits of the SHA-256 of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def coefficients_text(values: list[float]) -> str:
    """Return the coefficient file of ``pair_style pod``: every digit, one a line."""
    return "\n".join([f"model_coefficients: {len(values)} 0 0", *(repr(value) for value in values)]) + "\n"
