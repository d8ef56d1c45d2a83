"""The neighbour list: for each cluster and each species, the rows of atoms that come within reach of the cluster.

Notation
    row      place of an atom, or of its image, in ``points``: image s of atom i is row s n + i
    c, d     clusters; cluster d of image s is number s n_clusters + d
    list     rows; those of cluster c and species b stand at starts[c, b] .. starts[c, b + 1], whole blocks
    own      parts of the list with the images of a cluster's own atoms

Half list: a pair of clusters stands with the one of the lower number, in every image of the other. Of the images of
the cluster itself the pair (i, image s of j) counts for i < j; an atom and its own image count once for +S and -S.
"""

from __future__ import annotations

import numpy as np
from numba import int32, njit, uint64

from glasspot.engine.native.near import SEARCH_REACH2, SEARCH_SCALE, SEARCH_TOUCH, near_atoms, near_spheres
from glasspot.engine.native.variant import width_in_code

OWN_BEGIN, OWN_END, OWN_OFFSET = 0, 1, 2
GROUP = 16  # clusters
FEW = 1024  # clusters: so many are looked at one by one sooner than by groups


@njit(cache=True, error_model="numpy", fastmath=True)
def add_images(points, n, shifts):  # type: ignore[no-untyped-def]
    """Write the rows of the images: image number, in base 2^shift along each axis, times the length of the cell."""
    image = 0
    # A cell is 2^(32 - shift) units long; 1 << 32 would be no shift at all, and is never asked for.
    for kx in range(1 << shifts[0]):
        for ky in range(1 << shifts[1]):
            for kz in range(1 << shifts[2]):
                if image > 0:
                    dx = np.int32(kx << (32 - shifts[0]))
                    dy = np.int32(ky << (32 - shifts[1]))
                    dz = np.int32(kz << (32 - shifts[2]))
                    for i in range(n):
                        k, to = uint64(4 * i), uint64(4 * (image * n + i))
                        points[to] = points[k] + dx
                        points[to + uint64(1)] = points[k + uint64(1)] + dy
                        points[to + uint64(2)] = points[k + uint64(2)] + dz
                image += 1


@njit(cache=True, error_model="numpy", fastmath=True)
def _spheres(points, first, n_all, scale, centres, radii):  # type: ignore[no-untyped-def]
    """Centre and radius of every cluster, images included."""
    for c in range(n_all):
        begin, m = first[c], first[c + 1] - first[c]
        for d in range(3):
            origin = points[4 * begin + d]
            total = 0.0
            for i in range(begin, begin + m):
                total += np.int32(points[4 * i + d] - origin)
            centres[d, c] = np.int32(origin + np.int32(total / m))
        widest = np.float32(0.0)
        for i in range(begin, begin + m):
            distance2 = np.float32(0.0)
            for d in range(3):
                apart = np.float32(np.int32(points[4 * i + d] - centres[d, c])) * scale[d]
                distance2 += apart * apart
            widest = max(widest, distance2)
        radii[c] = np.sqrt(widest)


@njit(cache=True, error_model="numpy", fastmath=True)
def _groups(cells, n_images, scale):  # type: ignore[no-untyped-def]
    """Centre and radius of every group of GROUP clusters that follow each other in one image."""
    n_clusters, per_image = cells.n_clusters, _groups_in(cells.n_clusters)
    centres, radii = cells.centres, cells.radii
    for image in range(n_images):
        for k in range(per_image):
            begin = image * n_clusters + GROUP * k
            end = min(begin + GROUP, (image + 1) * n_clusters)
            group = image * per_image + k
            middle = (begin + end) // 2
            widest = np.float32(0.0)
            for d in range(3):
                cells.group_centres[d, group] = centres[d, middle]
            for c in range(begin, end):
                distance2 = np.float32(0.0)
                for d in range(3):
                    apart = np.float32(np.int32(centres[d, c] - centres[d, middle])) * scale[d]
                    distance2 += apart * apart
                widest = max(widest, np.sqrt(distance2) + radii[c])
            cells.group_radii[group] = widest


@njit(cache=True)
def _groups_in(n_clusters):  # type: ignore[no-untyped-def]
    return (n_clusters + GROUP - 1) // GROUP


@njit(cache=True, error_model="numpy")
def load_cluster(points, begin, m, cluster):  # type: ignore[no-untyped-def]
    """Copy the points of a cluster and their rows; a missing atom has a row beyond all others, so no pair counts."""
    for u in range(4):
        i = begin + min(u, m - 1)
        for d in range(3):
            cluster[4 * u + d] = points[4 * i + d]
        cluster[4 * u + 3] = int32(i) if u < m else int32(2147483647)


@njit(cache=True, error_model="numpy")
def build(variant, cells, points, n, shifts, scale, reach, atoms, starts, own, own_starts):  # type: ignore[no-untyped-def]
    """Fill the list; return its length, or -1 when ``atoms`` is too short.

    scale (3,): A per unit of a point; reach in A. cells: the clusters, a ``field.Cells``.
    """
    lanes = width_in_code(variant)
    n_clusters, n_images = cells.n_clusters, 1 << (shifts[0] + shifts[1] + shifts[2])
    n_species = starts.shape[1] - 1
    first, search = cells.first, cells.search
    _spheres(points, first, n_clusters * n_images, scale, cells.centres, cells.radii)
    _groups(cells, n_images, scale)
    for d in range(3):
        search[SEARCH_SCALE + d] = scale[d]
    search[SEARCH_REACH2] = reach * reach
    nothing = int32(n * n_images)
    p = 0
    for c in range(n_clusters):
        begin, m, a = first[c], first[c + 1] - first[c], cells.species[c]
        load_cluster(points, begin, m, cells.cluster)
        for d in range(3):
            cells.centre[d] = cells.centres[d, c]
        search[SEARCH_TOUCH] = reach + cells.radii[c]
        for b in range(a + 1):
            starts[c, b] = p
        if p + m + lanes > len(atoms):
            return -1
        for i in range(begin, begin + m):
            atoms[p] = i
            p += 1
        for b in range(a, n_species):
            starts[c, b] = p if b > a else starts[c, b]
            low, high = max(c + 1, cells.species_start[b]), cells.species_start[b + 1]
            for image in range(n_images):
                p = _list_near(variant, cells, points, image, low, high, atoms, p)
                if p < 0:
                    return -1
            p = _fill_block(lanes, atoms, p, nothing)
        starts[c, n_species] = p
        own_starts[c + 1] = own_starts[c]
        for image in range(1, n_images):
            if p + 4 * lanes > len(atoms):
                return -1
            p = _own_image(variant, cells, points, n, c, image, shifts, nothing, atoms, p, own, own_starts)
    return p


@njit(cache=True)
def _fill_block(lanes, atoms, p, nothing):  # type: ignore[no-untyped-def]
    """End a part of the list: fill its last block with the row that means no atom."""
    while p % lanes:
        atoms[p] = nothing
        p += 1
    return p


@njit(error_model="numpy", forceinline=True)
def _list_near(variant, cells, points, image, low, high, atoms, p):  # type: ignore[no-untyped-def]
    """List the atoms near the loaded cluster, of clusters ``low`` .. ``high`` (one species) in one image.

    Returns the new end of the list, or -1 when it may become too long.
    """
    if low >= high:
        return p
    per_test = width_in_code(variant) // 4
    shift = image * cells.n_clusters
    if high - low <= FEW:
        near = _scan(variant, cells, shift + low, shift + high, 0)
    else:
        near = _scan_groups(variant, cells, image, low, high)
    if p + 4 * near + 16 * per_test > len(atoms):
        return -1
    return _list_atoms(variant, cells, points, near, cells.first[shift + high], atoms, p)


@njit(error_model="numpy", forceinline=True)
def _list_atoms(variant, cells, points, near, last_row, atoms, p):  # type: ignore[no-untyped-def]
    """List the atoms within reach of the loaded cluster among those of the ``near`` candidates; return the new end."""
    per_test = width_in_code(variant) // 4
    candidates = cells.candidates
    for k in range(near, near + per_test):
        candidates[k] = 0
    for k in range(0, near, per_test):
        p += near_atoms(
            variant,
            points.ctypes.data,
            cells.first.ctypes.data,
            candidates.ctypes.data + 4 * k,
            near - k,
            last_row,
            cells.search.ctypes.data,
            cells.cluster.ctypes.data,
            atoms.ctypes.data + 4 * p,
        )
    return p


@njit(error_model="numpy", forceinline=True)
def _scan(variant, cells, begin, end, near):  # type: ignore[no-untyped-def]
    """Append the near ones of clusters ``begin`` .. ``end`` to the ``near`` candidates; return how many there are."""
    for d in range(begin, end, width_in_code(variant)):
        near += near_spheres(
            variant,
            cells.centres.ctypes.data,
            4 * cells.centres.shape[1],
            cells.radii.ctypes.data,
            d,
            end,
            cells.search.ctypes.data,
            cells.centre.ctypes.data,
            cells.candidates.ctypes.data + 4 * near,
        )
    return near


@njit(cache=True, error_model="numpy")
def _scan_groups(variant, cells, image, low, high):  # type: ignore[no-untyped-def]
    """The same for many clusters of one image: groups first, so that the work grows as the number of atoms."""
    groups = cells.groups
    per_image, shift = _groups_in(cells.n_clusters), image * cells.n_clusters
    n_groups, end = 0, image * per_image + _groups_in(high)
    for k in range(image * per_image + low // GROUP, end, width_in_code(variant)):
        n_groups += near_spheres(
            variant,
            cells.group_centres.ctypes.data,
            4 * cells.group_centres.shape[1],
            cells.group_radii.ctypes.data,
            k,
            end,
            cells.search.ctypes.data,
            cells.centre.ctypes.data,
            groups.ctypes.data + 4 * n_groups,
        )
    near = 0
    for k in range(n_groups):
        member = GROUP * (groups[k] - image * per_image)
        near = _scan(variant, cells, shift + max(low, member), shift + min(high, member + GROUP), near)
    return near


@njit(error_model="numpy", forceinline=True)
def _own_image(variant, cells, points, n, c, image, shifts, nothing, atoms, p, own, own_starts):  # type: ignore[no-untyped-def]
    """List one image of a cluster's own atoms, where any comes within reach."""
    number, begin = image * cells.n_clusters + c, p
    near = _scan(variant, cells, number, number + 1, 0)
    p = _list_atoms(variant, cells, points, near, cells.first[number + 1], atoms, p)
    if p == begin:
        return p
    p = _fill_block(width_in_code(variant), atoms, p, nothing)
    k = own_starts[c + 1]
    own[k, OWN_BEGIN], own[k, OWN_END] = begin, p
    # An atom with its own image counts when i > row - offset, that is for one of +S and -S.
    own[k, OWN_OFFSET] = image * n - (1 if _leads(image, shifts) else 0)
    own_starts[c + 1] = k + 1
    return p


@njit(cache=True)
def _leads(image, shifts):  # type: ignore[no-untyped-def]
    """Tell whether the first shift of an image that is not zero is the short way up: one of each +S and -S."""
    kz = image & ((1 << shifts[2]) - 1)
    ky = (image >> shifts[2]) & ((1 << shifts[1]) - 1)
    kx = image >> (shifts[2] + shifts[1])
    for k, shift in ((kx, shifts[0]), (ky, shifts[1]), (kz, shifts[2])):
        if k > 0:
            return 2 * k < (1 << shift)
    return False
