"""Clusters, their number, the choice of delta, and the frames that are taken."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from distill_samples import GROUPS, made_up
from glasspot.dataset.labelled import Dataset
from glasspot.distill.clusters import (
    Clustering,
    ClusterSettings,
    best,
    energies_per_atom,
    energy_spread,
    find_clusters,
    k_means,
    mean_distance,
    scan,
)
from glasspot.distill.distilled import DistillSettings, distill
from glasspot.distill.embedding import spectral_embedding
from glasspot.distill.kernels import Kernels, KernelSettings, compute_kernels
from glasspot.distill.selectors import (
    METHODS,
    WITHIN,
    cluster_orders,
    cur_order,
    farthest_order,
    take_of_each,
)
from glasspot.distill.soap import Soap
from glasspot.errors import GlasspotError

sklearn_cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is not installed")
metrics = pytest.importorskip("sklearn.metrics")
pytest.importorskip("featomic", reason="featomic is not installed")
QUICK = KernelSettings(soap=Soap(n_max=4, l_max=3, r_cut=4.0))
SETTINGS = ClusterSettings(d_tol=0.01)
GROUP = np.repeat(np.arange(3), 12)


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return compute_kernels(made_up(each=12), QUICK)


@pytest.fixture(scope="module")
def energies() -> np.ndarray:
    return energies_per_atom(made_up(each=12))


@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_one_embedding_serves_every_number_of_clusters(kernels: Kernels, delta: float, number: int) -> None:
    """The partition is that of scikit-learn's SpectralClustering from scratch (adjusted Rand index 1)."""
    embedding = spectral_embedding(kernels, delta, 6)[:, :number]
    ours = k_means(embedding, number, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sklearn_cluster.SpectralClustering(
            number, affinity="precomputed", random_state=1, eigen_solver="arpack"
        ).fit_predict(kernels.hybrid(delta))
    assert metrics.adjusted_rand_score(ours, theirs) == pytest.approx(1.0)


def test_the_embedding_is_that_of_scikit_learn_where_degrees_are_uneven() -> None:
    """Column by column, up to sign and length: to 1e-6 of a column, two ways to the same eigenvectors."""
    manifold = pytest.importorskip("sklearn.manifold")
    points = np.random.default_rng(1).normal(size=(30, 2)) * np.linspace(0.2, 3, 30)[:, None]
    affinity = np.exp(-np.linalg.norm(points[:, None] - points[None], axis=2))
    uneven = Kernels(("",) * 30, affinity, affinity, np.arange(30), "periodic", 1.0)
    theirs = manifold.spectral_embedding(affinity, n_components=4, drop_first=False, random_state=0)
    ours = spectral_embedding(uneven, 0.5, 4)
    for mine, other in zip(ours.T, theirs.T, strict=True):
        cosine = mine @ other / np.linalg.norm(mine) / np.linalg.norm(other)
        assert abs(cosine) == pytest.approx(1.0, abs=1e-6)


def test_three_groups_are_found_whole(kernels: Kernels) -> None:
    labels = k_means(spectral_embedding(kernels, 0.5, 3), 3, seed=1)
    assert metrics.adjusted_rand_score(labels, GROUP) == pytest.approx(1.0)


def test_the_mean_distance_is_equation_13() -> None:
    """Against the double sum as printed, to rounding."""
    chance = np.random.default_rng(1)
    points = chance.normal(size=(9, 4))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    blocks = [apart[np.ix_(labels == s, labels == t)].mean() for s, t in ((0, 1), (0, 2), (1, 2))]
    assert mean_distance(apart, labels, np.arange(9)) == pytest.approx(np.mean(blocks), rel=1e-12)


def test_the_number_of_clusters_is_the_smallest_that_stands_still(kernels: Kernels, energies: np.ndarray) -> None:
    found = find_clusters(kernels, 0.5, energies, SETTINGS)
    numbers, means = zip(*found.curve, strict=True)
    changes = np.abs(np.diff(means))
    assert found.converged and numbers[0] == 2
    assert changes[-1] < SETTINGS.d_tol and (changes[:-1] >= SETTINGS.d_tol).all()
    assert found.n_clusters == numbers[-2]
    assert list(found.sizes) == sorted(found.sizes, reverse=True)


def test_a_number_of_clusters_that_never_stands_still_is_said(kernels: Kernels, energies: np.ndarray) -> None:
    found = find_clusters(kernels, 0.5, energies, ClusterSettings(d_tol=1e-9, most=5))
    assert not found.converged and found.n_clusters == 5


def test_frames_that_are_all_alike_end_the_search() -> None:
    one = made_up(each=1).frames[0]
    same = compute_kernels(Dataset((one,) * 6, ("B", "O")), QUICK)
    found = find_clusters(same, 0.5, np.zeros(6), SETTINGS)
    assert found.n_clusters <= 6 and len(found.labels) == 6


def test_the_spread_is_the_mean_of_standard_deviations() -> None:
    energies = np.array([1.0, 3.0, 5.0, np.nan, 5.0])
    assert energy_spread(energies, np.array([0, 0, 1, 1, 1])) == pytest.approx((1.0 + 0.0) / 2)
    assert np.isnan(energy_spread(np.full(3, np.nan), np.array([0, 0, 1])))


def test_the_controls_are_never_chosen() -> None:
    def made(delta: float, spread: float) -> Clustering:
        return Clustering(delta, np.array([0, 1]), (), True, spread)

    assert best([made(0.0, 0.1), made(0.4, 0.3), made(0.6, 0.2), made(1.0, 0.0)]).delta == 0.6
    with pytest.raises(GlasspotError, match="no frame has an energy"):
        best([made(0.4, float("nan"))])


def test_energies_of_unlike_compositions_lose_the_part_of_the_composition() -> None:
    """Isolated atoms where known; else a fit, which for two compositions leaves equal means. To 1e-9 eV."""
    data = made_up(each=4)
    mixed = []
    for n, frame in enumerate(data.frames):
        types = frame.frame.types.copy()
        types[:2] = 1 if n % 2 else 0
        counts = np.bincount(types, minlength=2)
        changed = replace(frame.frame, types=types)
        mixed.append(replace(frame, frame=changed, energy=float(counts @ [-70.0, -430.0] - 24 * 3.0)))
    known = Dataset(tuple(mixed), ("B", "O"), {"B": -70.0, "O": -430.0})
    assert energies_per_atom(known) == pytest.approx(-3.0, abs=1e-9)
    fitted = energies_per_atom(Dataset(tuple(mixed), ("B", "O")))
    assert np.ptp(fitted) < 1e-9
    assert np.isnan(energies_per_atom(made_up(each=1, energies=False))).all()


def test_a_scan_is_the_same_twice_and_has_the_controls(kernels: Kernels, energies: np.ndarray) -> None:
    told: list[tuple[int, int]] = []
    first = scan(kernels, energies, SETTINGS, (0.0, 0.5, 1.0), lambda _, done, of: told.append((done, of)))
    again = scan(kernels, energies, SETTINGS, (0.0, 0.5, 1.0))
    assert [c.delta for c in first] == [0.0, 0.5, 1.0] and told == [(1, 3), (2, 3), (3, 3)]
    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(first, again, strict=True))


def test_two_frames_are_too_few() -> None:
    two = compute_kernels(Dataset(made_up(each=1).frames[:2], ("B", "O")), QUICK)
    with pytest.raises(GlasspotError, match="expected three or more"):
        find_clusters(two, 0.5, np.zeros(2), SETTINGS)


def test_landmarks_find_the_same_groups(energies: np.ndarray) -> None:
    few = compute_kernels(made_up(each=12), replace(QUICK, exact_to=10, landmarks=15))
    labels = k_means(spectral_embedding(few, 0.5, 3), 3, seed=1)
    assert metrics.adjusted_rand_score(labels, GROUP) == pytest.approx(1.0)
    found = find_clusters(few, 0.5, energies, SETTINGS)
    assert found.n_clusters >= 2 and np.isfinite([mean for _, mean in found.curve]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("within", WITHIN)
def test_a_larger_choice_contains_a_smaller_one(method: str, within: str) -> None:
    settings = DistillSettings(QUICK, SETTINGS, delta=0.5, within=within)
    found = distill(made_up(each=12), settings)
    smaller: set[int] = set()
    for fraction in (0.05, 0.1, 0.3, 0.7, 1.0):
        chosen = found.choose(fraction, method)
        assert len(set(chosen)) == len(chosen) and (np.diff(chosen) > 0).all()
        assert smaller <= set(chosen)
        smaller = set(chosen)
    assert len(smaller) == 36


def test_every_cluster_gives_a_frame_and_its_fraction(kernels: Kernels) -> None:
    labels = np.array([0] * 20 + [1] * 10 + [2] * 6)
    orders = cluster_orders(labels, None, "random", seed=1)
    assert [int((labels[take_of_each(orders, 0.01)] == c).sum()) for c in range(3)] == [1, 1, 1]
    assert [int((labels[take_of_each(orders, 0.5)] == c).sum()) for c in range(3)] == [10, 5, 3]


def test_farthest_points_cover_and_cur_takes_what_differs() -> None:
    """Two tight groups and one far frame: the first three of both orders hold one of each."""
    chance = np.random.default_rng(2)
    near, far = (chance.normal(scale=0.01, size=(10, 3)) for _ in range(2))
    points = np.concatenate([near, far + np.array([4.0, 0.0, 0.0]), [[0.0, 3.0, 0.0]]])
    points -= points.mean(axis=0)
    kind = np.array([0] * 10 + [1] * 10 + [2])
    assert set(kind[farthest_order(points)[:3]]) == {0, 1, 2}
    assert 2 in kind[cur_order(points)[:2]]
    assert sorted(cur_order(points)) == list(range(21))


def test_the_chosen_delta_is_the_one_of_least_spread_and_groups_are_pure() -> None:
    data = made_up(each=12)
    found = distill(data, DistillSettings(QUICK, SETTINGS))
    assert [c.delta for c in found.scan] == [round(0.1 * n, 1) for n in range(11)]
    assert found.chosen.spread == min(c.spread for c in found.scan if 0 < c.delta < 1)
    for number in range(found.chosen.n_clusters):
        assert len({data.frames[i].config_type for i in np.flatnonzero(found.labels == number)}) == 1
    assert {data.frames[i].config_type for i in found.choose(0.1)} == set(GROUPS)


def test_without_energies_delta_must_be_given() -> None:
    bare = made_up(each=3, energies=False)
    with pytest.raises(GlasspotError, match="Give delta as a number"):
        distill(bare, DistillSettings(QUICK, SETTINGS))
    found = distill(bare, DistillSettings(QUICK, SETTINGS, delta=0.3))
    assert [c.delta for c in found.scan] == [0.0, 0.3, 1.0] and found.delta == 0.3


def test_wrong_words_and_fractions_are_refused() -> None:
    found = distill(made_up(each=3), DistillSettings(QUICK, SETTINGS, delta=0.3))
    with pytest.raises(GlasspotError, match=r'chosen by "clusters".*mean "cluster"'):
        found.choose(0.1, "clusters")
    with pytest.raises(GlasspotError, match="more than 0 and at most 1"):
        found.choose(0.0)
    with pytest.raises(GlasspotError, match="within is"):
        distill(made_up(each=3), DistillSettings(QUICK, SETTINGS, delta=0.3, within="best"))
