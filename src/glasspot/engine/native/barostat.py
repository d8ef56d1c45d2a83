"""Stochastic cell rescaling, isotropic: a first-order barostat that gives the fluctuations of the NPT ensemble.

Source: Bernetti, Bussi, J. Chem. Phys. 153 (2020) 114107, 10.1063/5.0020514: the equation for lambda = sqrt(V), whose
noise does not depend on the volume, with positions scaled by exp(strain / 3) and velocities by exp(-strain / 3), in
the middle of a step's move, where no force has to fit the positions ("Trotter", sec. II D).

    d lambda = (beta lambda / (2 tau)) (P - P0 + kT / (2 V)) dt + sqrt(kT beta / (2 tau)) dW,    strain = d ln V

P is the pressure of this moment with its kinetic part, (2 K + virial) / (3 V). As momenta fill 3 N - 3 degrees of
freedom, the density of V is V^(N-1) Z(V) exp(-P0 V / kT), Z the configurations of scaled positions; then <P> = P0.

beta is an estimate of the compressibility. It only sets the pace: the relaxation time is tau where the estimate is
right, tau B / (30 GPa) shorter for a material of bulk modulus B; the averages do not depend on it.
"""

from __future__ import annotations

from math import log, sqrt

from numba import njit

from glasspot.units import BAR_PER_EV_A3

COMPRESSIBILITY = BAR_PER_EV_A3 / 30e4  # A^3/eV: 1/(30 GPa), that of glasses and melts of oxides within a factor of 2
# 1/ps, of ln V: ten times what 40,000 atm do to a loose packing, a tenth of what could outrun the atoms' vibrations.
FASTEST = 1.0
# Intervals in the time tau. The method is of first order in the interval, and a glass resists a sudden strain with far
# more than its bulk modulus: with 20 intervals the variance of V of a silica melt comes out 30 % too large and that of
# the pressure 40 %, with 200 a tenth of that, with 1000 (each step, usually) less than 1 %. The averages do not suffer.
USUAL_INTERVALS, FEWEST_INTERVALS = 1000, 20


@njit(cache=True, error_model="numpy")
def strain(pressure, target, volume, k_t, mobility, interval, normal):  # type: ignore[no-untyped-def]
    """Return the change of ln V in one interval.

    pressure and target in eV/A^3, volume in A^3, k_t in eV; mobility: beta / tau in A^3/(eV ps); interval in ps;
    normal: a normal random number. The drift is held to FASTEST, so that a packing far from its pressure gets there
    in an orderly way; near the pressure this is far beyond any fluctuation and changes nothing.
    """
    rate = mobility * (pressure - target + 0.5 * k_t / volume)
    rate = min(max(rate, -FASTEST), FASTEST)
    change = 0.5 * rate * interval + normal * sqrt(0.5 * k_t * mobility * interval / volume)
    return 2.0 * log(abs(1.0 + change))  # lambda has no sign: a random walk that comes to 0 goes back
