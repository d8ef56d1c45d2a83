"""The model "pod": proper orthogonal descriptors, fitted from sums, run by LAMMPS's ``pair_style pod``.

The sums of a frame are computed once for each pair (r_cut, size) and kept; every fit after that, a committee or a
cross-validation included, is the solution of a small linear system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.errors import GlasspotError
from glasspot.files import scratch, write_text
from glasspot.mlip.design import Design, OnStep, labels_of
from glasspot.mlip.linear import Sums, Weights, solve
from glasspot.mlip.model import Hyperparameter, Labels, Settings, Trial
from glasspot.mlip.pod_basis import PodBasis, coefficients_text
from glasspot.mlip.pod_trials import cross_validate, folds, grid, stress_grid, trial
from glasspot.mlip.points import single_points
from glasspot.mlip.prior import Like, Prior, like, make_prior
from glasspot.mlip.steady import fallen, melt_like
from glasspot.potential.learned import LearnedPotential, file_hash, learned_to_toml

COMMITTEE = 8  # members; their spread is known to a quarter of itself
CALM = 2  # melts in a row without a fall: the model is steady
BATCH = 50  # frames of one start of LAMMPS
SPACE = (
    Hyperparameter("r_cut", 4.0, 7.0, 5.0, unit="A", meaning="how far an atom sees"),
    Hyperparameter("size", 1, 3, 2, whole=True, meaning="1 small, 2 usual, 3 large: how many descriptors"),
    Hyperparameter("energy_weight", 30.0, 3000.0, 500.0, log=True, meaning="of an energy per atom against a force"),
    Hyperparameter("stress_weight", 30.0, 10000.0, 1000.0, log=True, meaning="of a stress against a force"),
    Hyperparameter("ridge", 1e-12, 1e-8, 1e-11, log=True, meaning="how much large coefficients are held back"),
)


@dataclass(frozen=True)
class PodModel:
    """POD models of ``elements``; rows are kept in ``cache`` and made by ``workers`` processes.

    offsets: eV of each element that energies count from (:func:`mean_energies`). like: what random packings are like,
    and how close atoms came. seed: of the committee. prior: weight of random packings (:mod:`glasspot.mlip.prior`), 0
    for none. melts: trial melts (:mod:`glasspot.mlip.steady`). on_step, on_melt: told (done, in all) of sums and melts.
    """

    elements: tuple[str, ...]
    offsets: Mapping[str, float]
    like: Like
    cache: Path
    workers: int = 1
    seed: int = 1
    prior: float = 5.0
    melts: int = 0
    name: str = "pod"
    source: str = ""
    on_step: OnStep | None = None
    on_melt: OnStep | None = None
    kind: str = field(default="pod", init=False)

    @property
    def space(self) -> tuple[Hyperparameter, ...]:
        """The hyper-parameters of a fit; see ``SPACE``."""
        return SPACE

    def design(self, settings: Settings) -> Design:
        """Return the rows of the basis that ``settings`` ask for."""
        basis = PodBasis(self.elements, float(settings["r_cut"]), int(settings["size"]))
        return Design(basis, self.offsets, self.cache, self.workers)

    def sums(self, frames: Sequence[LabelledFrame], settings: Settings) -> Sums:
        """Return the sums over ``frames``; their rows are made where they are missing."""
        design = self.design(settings)
        design.make(frames, self.on_step)
        return Sums.of(design.rows(frames))

    @property
    def searched(self) -> tuple[str, ...]:
        """The basis; weights and ridge are tried anew at each."""
        return ("r_cut", "size")

    def assess(self, train: Sequence[LabelledFrame], settings: Settings) -> list[Trial]:
        """Return trials of energy weights and ridges at one basis, by cross-validation within ``train``.

        Without the stresses, whose sums take twelve times as long as all others.
        """
        return self._trials([replace(frame, stress=None) for frame in train], grid(settings))

    def refine(self, train: Sequence[LabelledFrame], settings: Settings) -> list[Trial]:
        """Return trials of stress weights, where the frames have stresses; see ``mlip.model.Model``."""
        stressed = all(frame.stress is not None for frame in train)
        return self._trials(train, stress_grid(settings)) if stressed else []

    def _trials(self, train: Sequence[LabelledFrame], settings: Sequence[Settings]) -> list[Trial]:
        """Return the trials of settings that have the same basis."""
        design = self.design(settings[0])
        design.make(train, self.on_step)
        prior = make_prior(design.basis, self.like, design.folder)
        parts = [Sums.of(design.rows(part)) for part in folds(train)]
        level = prior.level(Sums.total(parts))
        return [trial(one, cross_validate(parts, weights_of(one), prior, self.prior, level)) for one in settings]

    def fit(self, train: Sequence[LabelledFrame], settings: Settings, folder: Path) -> LearnedPotential:
        """Fit model and committee to ``train`` and write them; see ``mlip.model.Model``.

        With ``melts`` the model is melted from random packings, and told of the frames in which it fell below all of
        its data, until it does no more: what is left then is a caution of the potential.
        """
        design = self.design(settings)
        design.make(train, self.on_step)
        weights = weights_of(settings)
        prior = make_prior(design.basis, self.like, design.folder)
        sums = Sums.of(design.rows(train))
        level = prior.level(sums)
        prior, cautions = self._steadied(design, sums, weights, prior, level, train, folder)
        rng = np.random.default_rng([self.seed, len(train)])
        # What each member is fitted to is drawn first, so that the rows are read once.
        drawn = [(_bootstrap(rng, len(train)), _bootstrap(rng, len(prior.energies))) for _ in range(COMMITTEE)]
        members = Sums.of_each(design.rows(train), [frames.tolist() for frames, _ in drawn])
        models = [solve(prior.added(sums, self.prior, level), weights)]
        for own, (_, packed) in zip(members, drawn, strict=True):
            models.append(solve(prior.added(own, self.prior, level, packed.astype(float)), weights))
        return self._write(design.basis, models, cautions, folder)

    def _steadied(
        self,
        design: Design,
        sums: Sums,
        weights: Weights,
        prior: Prior,
        level: float,
        train: Sequence[LabelledFrame],
        folder: Path,
    ) -> tuple[Prior, tuple[str, ...]]:
        """Return the prior with what melts of the model taught, and a caution where they never came to rest."""
        melt, calm = melt_like(train, self.like.closest), 0
        for seed in range(1, self.melts + 1):
            if self.on_melt is not None:
                self.on_melt(seed - 1, self.melts)
            model = solve(prior.added(sums, self.prior, level), weights)
            with scratch(folder) as place:
                low = fallen(self._write(design.basis, [model], (), place), melt, seed, place / "run")
            calm = calm + 1 if not low else 0
            if calm == CALM:
                return prior, ()
            if low:
                prior = prior.also(design.basis, low, folder)
        if not self.melts:
            return prior, ()
        return prior, (
            f"of {self.melts} trial melts at {melt.temperature:.0f} K no two in a row stayed sane: this model falls "
            "below every energy of its data, or into clumps; look at a quench with it frame by frame.",
        )

    def _write(
        self,
        basis: PodBasis,
        models: Sequence[NDArray[np.float64]],
        cautions: tuple[str, ...],
        folder: Path,
    ) -> LearnedPotential:
        """Write the model, its committee and potential.toml, the last, which makes the folder whole."""
        roles = ["coefficients", *(f"member{k}" for k in range(1, len(models)))]
        files = {"parameters": write_text(folder / "parameters.pod", basis.text)}
        for role, coefficients in zip(roles, models, strict=True):
            text = coefficients_text(self._with_offsets(coefficients))
            files[role] = write_text(folder / f"{role}.pod", text)
        potential = LearnedPotential(
            kind=self.kind,
            name=self.name,
            elements=self.elements,
            r_cut=basis.r_cut,
            files=files,
            hashes={role: file_hash(path) for role, path in files.items()},
            title=f"POD model of {' '.join(self.elements)}",
            source=self.source,
            closest=self.like.closest,
            cautions=cautions,
        )
        write_text(folder / "potential.toml", learned_to_toml(potential))
        return potential

    def _with_offsets(self, coefficients: NDArray[np.float64]) -> list[float]:
        """Return the coefficients of whole energies: the first of each element is that of its atoms' number."""
        whole = coefficients.reshape(len(self.elements), -1).copy()
        whole[:, 0] += [self.offsets[name] for name in self.elements]
        return [float(value) for value in whole.ravel()]

    def predict(self, potential: LearnedPotential, frames: Sequence[LabelledFrame]) -> list[Labels]:
        """Return what the model says of each frame, by LAMMPS; see ``mlip.model.Model``."""
        batches = [frames[k : k + BATCH] for k in range(0, len(frames), BATCH)]
        return [
            one[0] for batch in batches for one in single_points(potential, [f.frame for f in batch], work=self.cache)
        ]


def _bootstrap(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return how often each of ``count`` things is drawn in ``count`` draws with replacement."""
    return np.bincount(rng.integers(0, count, count), minlength=count)


def weights_of(settings: Settings) -> Weights:
    """Return the weights that ``settings`` name."""
    return Weights(float(settings["energy_weight"]), float(settings["stress_weight"]), float(settings["ridge"]))


def mean_energies(frames: Sequence[LabelledFrame], elements: Sequence[str]) -> dict[str, float]:
    """Return energies of the elements (eV) that fit all frames best, the least ones where frames leave them open."""
    if not frames:
        raise GlasspotError("there are no frames")
    counts = np.array([[frame.counts.get(name, 0) for name in elements] for frame in frames], dtype=float)
    energies = np.array([labels_of(frame)[0] for frame in frames])
    found = np.linalg.lstsq(counts, energies, rcond=1e-8)[0]
    return dict(zip(elements, (float(value) for value in found), strict=True))


def pod_model(dataset: Dataset, cache: Path, workers: int, **more: Any) -> PodModel:
    """Return the POD model of a data set; ``more``: seed, prior, melts, name, source, on_step of :class:`PodModel`."""
    frames, elements = dataset.frames, dataset.elements
    return PodModel(elements, mean_energies(frames, elements), like(frames, elements), cache, workers, **more)
