"""Fold the frames of a run into what was asked: block means of pair histograms, and their response to the parameters.

Linear response (fluctuations): for a pair potential U(theta) = sum_ab sum_k H_ab(r_k) u_ab(r_k; theta), where H is the
fine pair histogram of a frame, and for any average over the canonical ensemble at beta = 1 / kT

    d <H> / d theta = - beta ( <H dU/dtheta> - <H> <dU/dtheta> ),     dU/dtheta = sum_ab,k H_ab(r_k) du_ab(r_k)/dtheta

so one equilibrium run gives the curves and their whole Jacobian. Each block of the run keeps <H>, <H dU'> and <dU'>,
from which the Jacobian of the run, of several runs together, and of the run without one block (jackknife) follow.
The pressure, at constant volume V, depends on the parameters by itself as well, through the virial of the forces f:

    d <P> / d theta = < dP/dtheta > - beta ( <P dU/dtheta> - <P> <dU/dtheta> )
    dP/dtheta       = 1/(3V) sum_ab,k H_ab(r_k) r_k df_ab(r_k)/dtheta

Source: the fluctuation formula is that of iterative Boltzmann / inverse Monte Carlo methods, Lyubartsev and Laaksonen,
Phys. Rev. E 52, 3730 (1995), eq. 5, with parameters in the place of table values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Observe
from glasspot.potential.model import Potential
from glasspot.potential.parameters import energy_derivatives, force_derivatives
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import fine_histogram, pair_labels
from glasspot.units import BAR_PER_EV_A3

# No pair of a sane frame is closer than this (A); below it energies are evaluated at it, so a 1/r^24 stays finite.
CLOSEST = 0.5
# Frames kept for angles and coordination: enough for smooth distributions, little enough to hold in memory.
STRUCTURE_FRAMES = 40


class PairObserver:
    """Collects the fine pair histogram of each frame."""

    def __init__(self, observe: Observe, potential: Potential) -> None:
        self.observe = observe
        self.potential = potential
        self.histograms: list[np.ndarray] = []
        self.pressures: list[float] = []  # bar
        self.volume = 0.0  # A^3
        self.labels: tuple[str, ...] = ()

    def add(self, frame: Frame) -> None:
        """Take one frame."""
        self.labels = self.labels or pair_labels(frame.species)
        self.histograms.append(fine_histogram(frame, self.observe.r_max, self.observe.n_nodes).astype(np.float32))
        if self.observe.pressure:
            self.pressures.append(frame.values["pressure_bar"])
            self.volume = frame.volume

    def arrays(self) -> dict[str, np.ndarray]:
        """Return block means: ``frames`` (b,), ``histogram`` (b, p, k), and with a response ``cross`` (b, p, k, n),
        ``slope`` (b, n) in eV per unit of the cube, relative to the run's first frame, whose own slope is
        ``slope_offset`` (n,). With the pressure ``pressure_cross`` (b, n) in bar eV, its product with the slopes, and
        ``pressure_slope`` (b, n) in bar, its own dependence on the parameters. Where asked ``each_frame`` (f, p, k),
        the histogram of every frame, in the order of the blocks.
        """
        n_frames = len(self.histograms)
        if n_frames < 2 * self.observe.blocks:
            raise GlasspotError(
                f"the run handed out {n_frames} frames, too few for {self.observe.blocks} blocks; "
                "sample longer or more often"
            )
        pieces = np.array_split(np.arange(n_frames), self.observe.blocks)
        stack = np.array(self.histograms)
        result = {
            "frames": np.array([len(piece) for piece in pieces]),
            "histogram": np.array([stack[piece].mean(0, dtype=np.float64) for piece in pieces]),
        }
        if self.observe.each_frame:
            result["each_frame"] = stack
        if self.observe.response is not None:
            absolute = self._slopes(stack)
            slopes = absolute - absolute[0]
            result["slope_offset"] = absolute[0]
            result["slope"] = np.array([slopes[piece].mean(0) for piece in pieces])
            result["cross"] = np.array(
                [np.tensordot(stack[piece], slopes[piece], axes=(0, 0)) / len(piece) for piece in pieces],
                dtype=np.float32,
            )
            if self.observe.pressure:
                pressures = np.array(self.pressures)
                result["pressure_cross"] = np.array([pressures[p] @ slopes[p] / len(p) for p in pieces])
                result["pressure_slope"] = self._pressure_slopes(result["histogram"])
        return result

    def _slopes(self, stack: np.ndarray) -> np.ndarray:
        """Return dU/d(cube) of each frame, shape (frames, n), eV."""
        return _summed(stack, self._tables(energy_derivatives)[0])

    def _pressure_slopes(self, histograms: np.ndarray) -> np.ndarray:
        """Return dP/d(cube) at fixed positions for mean histograms (b, p, k), shape (b, n), bar."""
        forces, r = self._tables(force_derivatives)
        return _summed(histograms, forces * r) * (BAR_PER_EV_A3 / (3.0 * self.volume))

    def _tables(self, derivatives: Callable[..., np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives (n, p, k) of every pair function at the nodes, and the distances (k,) of these, A."""
        space = self.observe.response
        assert space is not None  # noqa: S101 - the caller checked; tells the type checker
        r = np.arange(self.observe.n_nodes + 1) * (self.observe.r_max / self.observe.n_nodes)
        r = np.maximum(r, CLOSEST)
        pairs: Sequence[tuple[str, str]] = [_split(label) for label in self.labels]
        return derivatives(space, space.to_cube(self.potential), pairs, r), r


def _summed(histograms: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Return sum_ab,k H_ab(r_k) t_ab(r_k) of histograms (f, p, k) and tables (n, p, k), shape (f, n)."""
    # Double precision: the fluctuations are small against the sum over all pairs.
    flat = tables.reshape(len(tables), -1).T
    return np.array([row.astype(np.float64).ravel() @ flat for row in histograms])


def check_response(potential: Potential, observe: Observe) -> None:
    """Refuse a response that pair histograms cannot give, with the reason."""
    if observe.response is None:
        return
    if potential.three_body:
        raise GlasspotError(f"{potential.name} has three-body terms: the fluctuation formula needs a pair potential")
    charges = [p.name for p in observe.response.parameters if p.element is not None]
    if charges and potential.coulomb.style == "pppm":
        raise GlasspotError(
            f"{', '.join(charges)} cannot be fitted from fluctuations with PPPM: the long-range energy is not a sum "
            "over the pairs inside the cut-off. Fix the charges, or choose DSF or Wolf electrostatics"
        )
    if observe.r_max < potential.r_max - 1e-9:
        raise GlasspotError(
            f"the pair histogram ends at {observe.r_max:g} A but the potential reaches {potential.r_max:g} A"
        )


def _split(label: str) -> tuple[str, str]:
    a, b = label.split("-")
    return a, b
