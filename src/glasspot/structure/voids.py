"""Empty spheres between the atoms of a periodic cell: the corners of their Voronoi cells, and the largest hole.

The largest sphere that holds no atom centre is centred on a Voronoi vertex, where four atoms are equally far. Vertices
are the circumcentres of the Delaunay tetrahedra (scipy, qhull) of the cell with a margin of copies around it; the
radius counted is the true distance to the nearest atom, so that flat tetrahedra of a crystal do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasspot.structure.frames import Frame, cell_heights

# Margin of copies at first, in mean atomic spacings: wider than any hole of a glass (B2O3: 1.9).
MARGIN = 2.5
FLAT = 1e-9  # of a tetrahedron's volume in A^3, below which it has no circumcentre worth a look


@dataclass(frozen=True)
class Voids:
    """``radii`` (n,) in A of the empty spheres at the Voronoi vertices; ``place`` (3,) in A, centre of the largest."""

    radii: NDArray[np.float64]
    place: NDArray[np.float64]

    @property
    def largest(self) -> float:
        """Radius of the largest sphere without an atom centre, A."""
        return float(self.radii.max())


def voids(frame: Frame) -> Voids:
    """Return the empty spheres of a frame; about 0.1 s for 2000 atoms, 1 s for 20,000."""
    heights = cell_heights(frame.cell)
    margin = min(MARGIN * (frame.volume / frame.n_atoms) ** (1 / 3), float(heights.min()))
    while True:
        found = _voids(frame, margin, heights)
        # A sphere wider than the margin may have lost the atoms on its far side; beyond a cell there is nothing new.
        if found.largest <= margin or margin >= heights.min():
            return found
        margin = min(1.5 * found.largest, float(heights.min()))


def _voids(frame: Frame, margin: float, heights: NDArray[np.float64]) -> Voids:
    from scipy.spatial import Delaunay, cKDTree

    points = _with_copies(frame, margin / heights)
    corners = points[Delaunay(points).simplices]
    edges = corners[:, 1:] - corners[:, :1]
    solid = np.abs(np.linalg.det(edges)) > FLAT
    half_squares = 0.5 * (edges[solid] ** 2).sum(axis=2)
    centres = corners[solid, 0] + np.linalg.solve(edges[solid], half_squares[..., None])[..., 0]
    place = centres @ np.linalg.inv(frame.cell)
    centres = centres[((place >= 0.0) & (place < 1.0)).all(axis=1)]
    radii = np.asarray(cKDTree(points).query(centres)[0])
    return Voids(radii, np.asarray(centres[int(np.argmax(radii))]))


def _with_copies(frame: Frame, margin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the atoms and the copies that lie within ``margin`` (3,), in cells, of the cell; (n, 3) in A."""
    points = frame.positions @ np.linalg.inv(frame.cell)
    points -= np.floor(points)
    for axis in range(3):
        step = np.eye(3)[axis]
        low, high = points[points[:, axis] < margin[axis]], points[points[:, axis] > 1.0 - margin[axis]]
        points = np.concatenate([points, low + step, high - step])
    return np.asarray(points @ frame.cell)
