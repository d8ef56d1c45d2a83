"""A pair potential fitted to the forces of a data set, only to judge its units and signs: never to run MD with.

Notation: phi_ab(r) = sum_m c_m B_m(r), cubic splines B_m that end smoothly at the cut-off, one set for each pair of
elements; force on atom i: sum_j phi'(r_ij) r_ij / |r_ij|, with r_ij from i to j; stress: (1/V) sum_pairs phi' r r /
|r|; Laplacian: sum over ordered pairs of phi'' + 2 phi' / r. All are linear in c, which least squares over the forces
gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import LabelledFrame
from glasspot.structure.pairs import neighbour_list, pair_index

R_MIN, R_CUT = 0.8, 6.0  # A
INTERVALS = 12  # of the splines: 0.43 A each
MOST_FRAMES, MOST_ATOMS = 30, 9000  # looked at: a second of work
DENSEST = 0.4  # atoms/A^3; diamond has 0.18. Above, the lengths are in another unit, and the neighbours countless
SMALL = 1e-6  # of the mean square of a column: keeps splines without any pair at zero


@dataclass(frozen=True)
class PairFit:
    """explained: share of the mean square force that the fit gives, 0 to 1.

    stresses: (n, 2, 3, 3) label and fit, eV/A^3, of the frames with a stress, without their traces. Shear tells sign
    and unit, while the trace depends on the density in ways that no pair potential knows.
    frames: these. laplacian: eV/A^2 an atom, mean over the frames looked at; square_force: (eV/A)^2 an atom, likewise.
    """

    explained: float
    stresses: NDArray[np.float64]
    frames: tuple[LabelledFrame, ...]
    laplacian: float
    square_force: float

    @property
    def correlation(self) -> float:
        label, fit = self.stresses[:, 0].ravel(), self.stresses[:, 1].ravel()
        return float(label @ fit / max(float(np.sqrt((label @ label) * (fit @ fit))), 1e-300))

    @property
    def factor(self) -> float:
        """Slope of the labels over the fit: 1 where units and sign agree with those of the forces."""
        label, fit = self.stresses[:, 0].ravel(), self.stresses[:, 1].ravel()
        return float(label @ fit / max(float(fit @ fit), 1e-300))

    @property
    def configurational_temperature(self) -> float:
        """k T in eV by <F^2> = k T <laplacian of U>, exact in a classical canonical ensemble of U.

        Rugh, Phys. Rev. Lett. 78 (1997) 772; the Laplacian here is the fit's.
        """
        return self.square_force / self.laplacian if self.laplacian > 0 else float("nan")


def fit_pairs(frames: Sequence[LabelledFrame], most: int = MOST_FRAMES) -> PairFit | None:
    """Fit to at most ``most`` frames with forces, spread evenly; None where fewer than four have forces."""
    chosen = _spread([frame for frame in frames if _is_usable(frame)], most)
    if len(chosen) < 4:
        return None
    rows = [_columns(frame) for frame in chosen]
    forces = [np.asarray(frame.forces).ravel() for frame in chosen]
    matrix = np.sum([columns.T @ columns for columns, _, _ in rows], axis=0)
    vector = np.sum([columns.T @ force for (columns, _, _), force in zip(rows, forces, strict=True)], axis=0)
    square = float(sum(force @ force for force in forces))
    n_atoms = sum(frame.n_atoms for frame in chosen)
    size = float(np.trace(matrix)) / len(matrix)
    values = np.linalg.solve(matrix + SMALL * size * np.eye(len(matrix)), vector)
    residual = square - 2 * float(values @ vector) + float(values @ matrix @ values)
    shears = [
        (frame, _traceless(frame.stress), _traceless(stress @ values))
        for frame, (_, stress, _) in zip(chosen, rows, strict=True)
        if frame.stress is not None
    ]
    return PairFit(
        explained=1.0 - residual / square,
        stresses=np.array([[label, fit] for _, label, fit in shears]).reshape(-1, 2, 3, 3),
        frames=tuple(frame for frame, _, _ in shears),
        laplacian=float(sum(laplacian @ values for _, _, laplacian in rows)) / n_atoms,
        square_force=square / n_atoms,
    )


def _is_usable(frame: LabelledFrame) -> bool:
    return frame.forces is not None and bool(frame.forces.any()) and 1 < frame.n_atoms < DENSEST * frame.volume


def _spread(frames: Sequence[LabelledFrame], most: int) -> list[LabelledFrame]:
    places = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), most)).round().astype(int))
    chosen: list[LabelledFrame] = []
    n_atoms = 0
    # In an order that stays spread out when the number of atoms ends it early.
    for place in np.random.default_rng(0).permutation(places):
        if chosen and n_atoms + frames[place].n_atoms > MOST_ATOMS:
            break
        chosen.append(frames[place])
        n_atoms += frames[place].n_atoms
    return chosen


def _traceless(tensor: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(tensor - np.eye(3) * np.trace(tensor) / 3)


def _columns(frame: LabelledFrame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return what one unit of each spline gives: forces (3 n, m), stress (3, 3, m), Laplacian (m,)."""
    from scipy.interpolate import BSpline

    n_species = len(frame.frame.species)
    first, second, vector, distance = neighbour_list(frame.frame, np.full((n_species, n_species), R_CUT))
    step = (R_CUT - R_MIN) / INTERVALS
    # The last spline ends at the cut-off with value and slope zero; the first ones reach below R_MIN.
    knots = R_MIN + step * np.arange(-3, INTERVALS + 1)
    n_splines = len(knots) - 4
    splines = BSpline(knots, np.eye(n_splines), 3, extrapolate=False)
    slope, curve = (np.nan_to_num(splines.derivative(k)(distance)) for k in (1, 2))
    row = pair_index(n_species)[frame.frame.types[first], frame.frame.types[second]]
    n_pairs = n_species * (n_species + 1) // 2
    forces = np.zeros((frame.n_atoms, 3, n_pairs, n_splines))
    stress, laplacian = np.zeros((3, 3, n_pairs, n_splines)), np.zeros((n_pairs, n_splines))
    unit = vector / distance[:, None]
    for pair in range(n_pairs):
        of = np.flatnonzero(row == pair)
        if not len(of):
            continue
        atoms, starts = np.unique(first[of], return_index=True)  # sorted by neighbour_list
        for axis in range(3):
            forces[atoms, axis, pair] = np.add.reduceat(slope[of] * unit[of, axis, None], starts)
        arm = unit[of, :, None] * vector[of, None, :]
        stress[:, :, pair] = 0.5 * np.einsum("pm,pab->abm", slope[of], arm) / frame.volume
        laplacian[pair] = (curve[of] + 2 * slope[of] / distance[of, None]).sum(axis=0)
    n_columns = n_pairs * n_splines
    return forces.reshape(-1, n_columns), stress.reshape(3, 3, n_columns), laplacian.ravel()
