"""Checks of what the frames say: labels that are missing, duplicates, forces with a net force, energies out of line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from glasspot.dataset.doubts import Doubt, doubt, grouped, typical
from glasspot.dataset.labelled import Dataset, LabelledFrame

NET_FORCE = 0.05  # of what n random forces of this size would add up to
STILL = 0.05  # A, rms: frames that hardly differ
SPREADS = 8.0  # robust standard deviations: an outlier
OUTLIER = 0.02  # eV/atom: differences below are no outliers, however tight the rest
MANY = 0.1  # of a group: no outliers
FEW = 0.02  # of the frames: an element in fewer may be missing from a random training set
BOUND = (-12.0, 0.0)  # eV/atom: energies of binding lie between (diamond has -7.4, W -8.9)


def check_labels(dataset: Dataset) -> list[Doubt]:
    """Return what is doubtful about labels, duplicates and elements."""
    frames = dataset.frames
    return [
        *_missing(frames),
        *_zero_forces(frames),
        *_net_force(frames),
        *_duplicates(frames),
        *_near_duplicates(frames),
        *_outliers(frames),
        *_rare_elements(dataset),
        *_binding(dataset),
    ]


def _missing(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    doubts = []
    for label, name in (("energy", "energy"), ("forces", "forces"), ("stress", "stress")):
        lacking = [frame for frame in frames if getattr(frame, label) is None]
        if not lacking:
            continue
        if len(lacking) == len(frames):
            advice = (
                "Pressures cannot be fitted or tested."
                if label == "stress"
                else f"Nothing can be fitted to it; if the file has it, name its key: keys={{'{label}': ...}}."
            )
            doubts += doubt("missing", f"no frame has {_article(name)}", lacking, advice)
        else:
            kinds = Counter(frame.config_type or "no config_type" for frame in lacking)
            which = ", ".join(f"{kind}: {n}" for kind, n in kinds.items())
            doubts += doubt("missing", f"some frames have no {name} ({which})", lacking, "They teach that much less.")
    return doubts


def _article(name: str) -> str:
    return name if name == "forces" else f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _zero_forces(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    zero = [f for f in frames if f.forces is not None and f.n_atoms > 1 and not f.forces.any()]
    advice = "If these are no perfect crystals, zero stands for 'not computed': leave them out."
    return doubt("zero-forces", "all forces are exactly zero", zero, advice)


def _net_force(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    pushed = []
    for frame in frames:
        if frame.forces is None or frame.n_atoms < 2:
            continue
        expected = float(np.sqrt((frame.forces**2).sum()))  # of random directions: a sum of n grows as sqrt(n)
        if float(np.linalg.norm(frame.forces.sum(axis=0))) > NET_FORCE * max(expected, 1e-3):
            pushed.append(frame)
    advice = "Forces of one cell must add up to zero: is an atom missing, or the calculation not converged?"
    return doubt("net-force", "the forces do not add up to zero", pushed, advice)


def _duplicates(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    first: dict[str, LabelledFrame] = {}
    again, against = [], []
    for frame in frames:
        other = first.setdefault(frame.key, frame)
        if other is frame:
            continue
        again.append(frame)
        known = frame.energy is not None and other.energy is not None
        if known and abs(frame.energy - other.energy) > 1e-4 * frame.n_atoms:  # type: ignore[operator]
            against.append(frame)
    return [
        *doubt("duplicates", "frames occur more than once", again, "Each counts once more in a fit; remove them."),
        *doubt(
            "contradiction",
            "frames with the same atoms have different energies, more than 0.1 meV/atom apart",
            against,
            "They are of different methods or settings: keep those of one.",
        ),
    ]


def displacement(one: LabelledFrame, two: LabelledFrame) -> np.ndarray | None:
    """Return how far each atom moved (n, 3) in A, nearest images; None where atoms or cell are others."""
    if one.symbols != two.symbols or not np.allclose(one.frame.cell, two.frame.cell, atol=1e-6):
        return None
    moved = (two.frame.positions - one.frame.positions) @ np.linalg.inv(one.frame.cell)
    return np.asarray((moved - np.round(moved)) @ one.frame.cell)


def _near_duplicates(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    near = []
    for one, two in pairwise(frames):
        moved = displacement(one, two)
        if moved is not None and 0 < (moved**2).sum() < STILL**2 * two.n_atoms:
            near.append(two)
    advice = "They add little and, split at random, make a test look better than it is: distill the set, or thin it."
    return doubt("near-duplicates", f"frames differ from the one before by less than {STILL} A (rms)", near, advice)


def _outliers(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    far = []
    for group in grouped([frame for frame in frames if frame.energy is not None]).values():
        if len(group) < 8:
            continue
        energies = np.array([frame.energy for frame in group], dtype=np.float64) / [frame.n_atoms for frame in group]
        apart = np.abs(energies - typical(list(energies)))
        # 1.4826: the standard deviation of a normal distribution from its median absolute deviation.
        limit = max(SPREADS * 1.4826 * float(np.median(apart)), OUTLIER)
        beyond = [frame for frame, distance in zip(group, apart, strict=True) if distance > limit]
        # Many are no outliers but a second kind, as strained crystals among relaxed ones.
        far += beyond if len(beyond) <= MANY * len(group) else []
    advice = "Compared with frames of the same kind and composition; look whether the calculation converged."
    return doubt("energy-outlier", "energies lie far from the others", far, advice)


def _rare_elements(dataset: Dataset) -> list[Doubt]:
    doubts = []
    for element in dataset.elements:
        having = [frame for frame in dataset.frames if element in frame.counts]
        if len(having) < max(3, FEW * len(dataset)) and len(having) < len(dataset):
            advice = "After a random split it may be in the test only, where no model can know it: add frames of it."
            doubts += doubt("rare-element", f"{element} occurs in few frames", having, advice)
    return doubts


def _binding(dataset: Dataset) -> list[Doubt]:
    """Compare the energies of the isolated atoms with those of the frames, where all are there."""
    if not dataset.isolated or any(element not in dataset.isolated for element in dataset.elements):
        return []
    strange = []
    for frame in dataset.frames:
        if frame.energy is not None:
            atoms = sum(dataset.isolated[element] * n for element, n in frame.counts.items())
            if not BOUND[0] < (frame.energy - atoms) / frame.n_atoms < BOUND[1]:
                strange.append(frame)
    advice = "Isolated atoms and frames must be of one code with one set of pseudopotentials, and in one unit."
    return doubt("isolated", "the energy of binding is not between -12 and 0 eV/atom", strange, advice)
