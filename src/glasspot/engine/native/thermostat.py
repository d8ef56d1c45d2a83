"""Stochastic velocity rescaling: every velocity times one number, chosen so that the kinetic energy is canonical.

Source: Bussi, Donadio, Parrinello, J. Chem. Phys. 126 (2007) 014101, 10.1063/1.2408420, eq. (A7). It is exact for any
interval between two rescalings, so it need not act at each step.

Notation (of the paper): K kinetic energy, N_f degrees of freedom, K_bar = N_f kT / 2, c = exp(-interval / tau),
R_1 a normal number, S the sum of the squares of N_f - 1 more of them.
"""

from __future__ import annotations

from math import sqrt

from numba import njit


@njit(cache=True, error_model="numpy")
def rescaling(kinetic, k_t, dof, decay, normal, chi_square):  # type: ignore[no-untyped-def]
    """Return alpha^2 >= 0, by which the kinetic energy is to be multiplied.

    kinetic and k_t (Boltzmann's constant times the temperature) in eV; dof: degrees of freedom; decay: exp(-interval /
    relaxation time); normal: R_1; chi_square: S. Atoms at rest (kinetic 0) stay so: 1 is returned.
    """
    if kinetic <= 0.0:
        return 1.0
    share = (1.0 - decay) * 0.5 * k_t / kinetic
    return decay + share * (normal * normal + chi_square) + 2.0 * normal * sqrt(decay * share)
