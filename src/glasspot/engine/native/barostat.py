"""Stochastic cell rescaling, isotropic: a first-order barostat that gives the fluctuations of the NPT ensemble.

Source: Bernetti, Bussi, J. Chem. Phys. 153 (2020) 114107, 10.1063/5.0020514: the equation for lambda = sqrt(V), whose
noise does not depend on the volume, with positions scaled by exp(strain / 3) and velocities by exp(-strain / 3), in
the middle of a step's move, where no force has to fit the positions ("Trotter").

    d lambda = (beta lambda / (2 tau)) (P - P0 + kT / (2 V)) dt + sqrt(kT beta / (2 tau)) dW,    strain = d ln V

P is the pressure of this moment with its kinetic part, (2 K + virial) / (3 V). As momenta fill 3 N - 3 degrees of
freedom, the density of V is V^(N-1) Z(V) exp(-P0 V / kT), Z the configurations of scaled positions; then <P> = P0.

beta is an estimate of the compressibility. It only sets the pace: the relaxation time is tau where the estimate is
right, and tau (5 GPa / B) for a material of bulk modulus B. The averages do not depend on it. Melts near zero pressure
are as soft as that; a stiffer estimate would let their volume lag behind a quick quench.

The method is of first order in the interval. Between two steps the cell is a spring of the stiffness B_now with which
the atoms resist before any of them has relaxed; there the variance of the noise is to be smaller by half of
a = beta B_now interval / tau, as in the exact solution for a spring. What is left was measured: see USUAL_INTERVALS.
"""

from __future__ import annotations

from math import log, sqrt

from numba import njit

from glasspot.units import BAR_PER_EV_A3

GPA = 1e4 / BAR_PER_EV_A3  # eV/A^3
COMPRESSIBILITY = 1.0 / (5.0 * GPA)  # A^3/eV: that of soft melts of oxides; glasses are ten times as hard
STIFFNESS = 200.0 * GPA  # eV/A^3: B_now; silica has 220 GPa at 4500 K (V/kT times the variance of the pressure)
FASTEST = 3.0  # 1/ps, of ln V: four times what 40,000 atm do to a loose packing
USUAL_INTERVALS, FEWEST_INTERVALS = 1000, 20  # in the time tau; with fewer the method could become unstable


@njit(cache=True, error_model="numpy")
def strain(pressure, target, volume, k_t, mobility, interval, stiffness, normal):  # type: ignore[no-untyped-def]
    """Return the change of ln V in one interval.

    pressure and target in eV/A^3, volume in A^3, k_t in eV; mobility: beta / tau in A^3/(eV ps); interval in ps;
    stiffness: B_now in eV/A^3; normal: a normal random number. The drift is held to FASTEST, so that a packing far
    from its pressure gets there in order; near the pressure this is far beyond any fluctuation and changes nothing.
    """
    rate = mobility * (pressure - target + 0.5 * k_t / volume)
    rate = min(max(rate, -FASTEST), FASTEST)
    noise = 0.5 * k_t * mobility * interval / volume * max(1.0 - 0.5 * mobility * stiffness * interval, 0.0)
    change = 0.5 * rate * interval + normal * sqrt(noise)
    return 2.0 * log(abs(1.0 + change))  # lambda has no sign: a random walk that comes to 0 goes back
