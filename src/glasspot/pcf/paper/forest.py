"""The random forest of the paper: from fingerprints to latent vectors (sections IV and V, Figs. 4 and 7).

scikit-learn grows the trees; they are kept as plain arrays and read with numpy, so that a saved model holds no object
of scikit-learn and needs none to predict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glasspot.extras import need
from glasspot.pcf.model import Tell, silent

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ForestSettings:
    """The four hyper-parameters of the paper, at its values: trees, features looked at in a split, depth, samples that
    a node needs to be split."""

    trees: int = 15
    features: int = 30
    depth: int = 20
    min_split: int = 2


SEARCHED: Mapping[str, tuple[int, ...]] = {
    "trees": (1, 2, 5, 10, 15, 20, 30, 50),
    "features": (1, 5, 10, 20, 30, 40, 50, 58),
    "depth": (1, 2, 4, 6, 8, 12, 16, 20, 30),
    "min_split": (2, 3, 4, 6, 8, 12, 16, 20),
}


@dataclass(frozen=True)
class Forest:
    """Trees one after another in arrays over nodes. left, right: node numbers of the children, -1 for a leaf; feature
    and threshold: a sample goes left where the feature is not above the threshold; value (n_nodes, n_outputs);
    roots (n_trees,)."""

    left: IntArray
    right: IntArray
    feature: IntArray
    threshold: FloatArray
    value: FloatArray
    roots: IntArray

    def of_each_tree(self, samples: FloatArray) -> FloatArray:
        """Return what each tree says of samples (n, n_features): (n_trees, n, n_outputs)."""
        # Trees compare in single precision; a sample in double could fall on the other side of a threshold.
        x = samples.astype(np.float32).astype(np.float64)
        rows = np.arange(len(x))
        said = np.empty((len(self.roots), len(x), self.value.shape[1]))
        for k, root in enumerate(self.roots):
            node = np.full(len(x), root)
            inner = self.left[node] >= 0
            while inner.any():
                lower = x[rows, self.feature[node]] <= self.threshold[node]
                node = np.where(inner, np.where(lower, self.left[node], self.right[node]), node)
                inner = self.left[node] >= 0
            said[k] = self.value[node]
        return said

    def predict(self, samples: FloatArray) -> FloatArray:
        """Return the mean over the trees, (n, n_outputs)."""
        return np.asarray(self.of_each_tree(samples).mean(axis=0))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return every array by name."""
        return {name: getattr(self, name) for name in ("left", "right", "feature", "threshold", "value", "roots")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], n_features: int) -> Forest:
        """Return the forest of :meth:`arrays`; KeyError for a missing one, ValueError for arrays that are no trees."""
        left, right, feature, roots = (
            np.asarray(arrays[name], dtype=np.int64) for name in ("left", "right", "feature", "roots")
        )
        found = cls(
            left, right, feature, np.asarray(arrays["threshold"], float), np.asarray(arrays["value"], float), roots
        )
        n = len(left)
        inner = left >= 0
        # A child stands behind its parent: a file made by hand cannot send a prediction round in circles.
        children = np.stack([left[inner], right[inner]])
        if (
            any(part.shape != (n,) for part in (right, feature, found.threshold))
            or found.value.shape[:1] != (n,)
            or (children <= np.flatnonzero(inner)).any()
            or (children >= n).any()
            or not ((roots >= 0) & (roots < n)).all()
            or not ((feature[inner] >= 0) & (feature[inner] < n_features)).all()
        ):
            raise ValueError("the arrays of the forest do not make trees")
        return found


def grow(samples: FloatArray, values: FloatArray, settings: ForestSettings, seed: int = 0) -> Forest:
    """Return the forest that scikit-learn grows on samples (n, n_features) and values (n, n_outputs)."""
    ensemble = need("sklearn.ensemble", "scikit-learn", "pcf", "the model of the paper")
    regressor = ensemble.RandomForestRegressor(
        n_estimators=settings.trees,
        max_features=min(settings.features, samples.shape[1]),
        max_depth=settings.depth,
        min_samples_split=settings.min_split,
        random_state=seed,
        n_jobs=1,
    )
    regressor.fit(samples, values if values.shape[1] > 1 else values[:, 0])
    trees = [member.tree_ for member in regressor.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]

    def children(side: str) -> IntArray:
        parts = [
            np.where(getattr(tree, side) < 0, -1, getattr(tree, side) + root)
            for tree, root in zip(trees, roots, strict=True)
        ]
        return np.concatenate(parts).astype(np.int64)

    return Forest(
        left=children("children_left"),
        right=children("children_right"),
        feature=np.concatenate([tree.feature for tree in trees]).astype(np.int64),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        value=np.concatenate([tree.value[:, :, 0] for tree in trees]),
        roots=roots.astype(np.int64),
    )


@dataclass(frozen=True)
class SearchCurve:
    """One hyper-parameter varied, the others at the paper's values: mean squared error of the training samples and of
    those held out (Fig. 7), each as long as ``values``."""

    name: str
    values: tuple[int, ...]
    train: tuple[float, ...]
    held_out: tuple[float, ...]

    @property
    def best(self) -> int:
        """The value with the lowest error of the samples held out."""
        return self.values[int(np.argmin(self.held_out))]


def search(
    train: tuple[FloatArray, FloatArray],
    held_out: tuple[FloatArray, FloatArray],
    start: ForestSettings | None = None,
    seed: int = 0,
    tell: Tell = silent,
) -> tuple[SearchCurve, ...]:
    """Return the error over each of the four hyper-parameters; train, held_out: (samples, values)."""
    start = start or ForestSettings()
    steps = sum(map(len, SEARCHED.values()))
    done = 0
    found = []
    for name, values in SEARCHED.items():
        errors: list[list[float]] = [[], []]
        for value in values:
            forest = grow(*train, replace(start, **{name: value}), seed)
            for part, (samples, wanted) in zip(errors, (train, held_out), strict=True):
                part.append(float(((forest.predict(samples) - wanted) ** 2).mean()))
            done += 1
            tell("forest", done, steps)
        found.append(SearchCurve(name, values, tuple(errors[0]), tuple(errors[1])))
    return tuple(found)


def best_of(curves: tuple[SearchCurve, ...]) -> ForestSettings:
    """Return the settings that are best, each by its own curve."""
    return ForestSettings(**{**asdict(ForestSettings()), **{curve.name: curve.best for curve in curves}})
