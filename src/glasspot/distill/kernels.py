"""The hybrid kernel of a data set and its distances (Shuaib et al., doi:10.1111/jace.20128, equations 9 to 12).

Up to ``exact_to`` frames the kernels are whole matrices (n, n). Beyond, they are columns (n, m) to m landmarks, frames
drawn at random: with them the matrix is known to good approximation (Nystroem), K ~ C W^-1 C', W the rows of C that are
landmarks, and the memory grows with n m, not n^2. Exact is the case m = n, so that all that follows is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.distill.cache import Cache, digest
from glasspot.distill.coulomb import packed_matrices, unwrapped
from glasspot.distill.longrange import Shells, structure_factors
from glasspot.distill.soap import Soap, power_spectra, soap_kernel
from glasspot.distill.taxicab import taxicab
from glasspot.errors import GlasspotError, did_you_mean
from glasspot.extras import need

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Tell = Callable[[str, int, int], None]

LONG_RANGES = ("periodic", "coulomb")
CHUNK = 64  # frames: what is computed, kept and told at a time
MEDIAN_OF = 2_000_000  # distances that the median is taken of, about


@dataclass(frozen=True)
class KernelSettings:
    """What the kernels are made of. long_range: "periodic" (structure factors) or "coulomb" (as published).

    zeta: of exp(-zeta d), in units of one over the distance d; None sets the length of decay to half of the median
    distance. exact_to: frames up to which all pairs are computed; landmarks: how many columns beyond that. seed: of
    the landmarks. GlasspotError where a value makes no sense.
    """

    soap: Soap = field(default_factory=Soap)
    shells: Shells = field(default_factory=Shells)
    long_range: str = "periodic"
    zeta: float | None = None
    exact_to: int = 5000
    landmarks: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.long_range not in LONG_RANGES:
            hint = did_you_mean(self.long_range, LONG_RANGES)
            raise GlasspotError(f'the long-range kernel is "{self.long_range}"; expected periodic or coulomb.{hint}')
        if self.zeta is not None and not self.zeta > 0:
            raise GlasspotError(f"zeta is {self.zeta:g}; expected more than 0.")
        if self.landmarks < 2 or self.exact_to < 2:
            raise GlasspotError(
                f"{self.landmarks} landmarks beyond {self.exact_to} frames; expected 2 or more of both."
            )


@dataclass(frozen=True)
class Kernels:
    """The two kernels of n frames to m of them, ``landmarks`` (m,): all of them where it is exact.

    short, long: (n, m), normalised: K(A, A) = 1. zeta: as it was used. trajectories: into how many the frames were
    parted before unwrapping, for the Coulomb matrix.
    """

    keys: tuple[str, ...]
    short: Array
    long: Array
    landmarks: Indices
    long_range: str
    zeta: float
    trajectories: int | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def exact(self) -> bool:
        """Whether all pairs are known."""
        return len(self.landmarks) == len(self)

    def hybrid(self, delta: float) -> Array:
        """Return (n, m), (1 - delta) K_short + delta K_long (equation 11). GlasspotError for delta outside 0 to 1."""
        if not 0 <= delta <= 1:
            raise GlasspotError(f"delta is {delta:g}; expected 0 (SOAP only) to 1 (long range only).")
        return np.asarray((1 - delta) * self.short + delta * self.long)

    def distances(self, delta: float) -> Array:
        """Return (n, m), sqrt(2 - 2K) (equation 12)."""
        return distance(self.hybrid(delta))


def distance(kernel: Array) -> Array:
    """Return sqrt(2 - 2K) of a normalised kernel (equation 12)."""
    return np.sqrt(np.maximum(2.0 - 2.0 * kernel, 0.0))


def compute_kernels(
    dataset: Dataset, settings: KernelSettings | None = None, cache: Cache | None = None, tell: Tell | None = None
) -> Kernels:
    """Return the kernels of a data set; ``tell(stage, done, of)`` hears how far it is.

    What is computed is kept in ``cache``, by groups of 64 frames, so a killed run goes on where it was. GlasspotError
    for an empty data set, or a package that is missing.
    """
    settings, cache, tell = settings or KernelSettings(), cache or Cache(), tell or _silent
    frames = dataset.frames
    if len(frames) < 2:
        raise GlasspotError(f"the data set holds {len(frames)} frames; expected two or more, to compare them.")
    landmarks = _landmarks(len(frames), settings)
    spectra = _spectra(dataset, settings.soap, cache, tell)
    short = soap_kernel(spectra, spectra[landmarks], settings.soap)
    if settings.long_range == "periodic":
        apart, trajectories = _structure_distances(dataset, landmarks, settings.shells, cache, tell), None
    else:
        apart, trajectories = _coulomb_distances(frames, landmarks, cache, tell)
    zeta = settings.zeta if settings.zeta is not None else _zeta(apart, landmarks)
    long = np.exp(-zeta * apart)
    keys = tuple(frame.key for frame in frames)
    return Kernels(keys, short, long, landmarks, settings.long_range, zeta, trajectories)


def _silent(stage: str, done: int, of: int) -> None:
    """Hear, and say nothing."""


def _landmarks(n: int, settings: KernelSettings) -> Indices:
    if n <= max(settings.exact_to, settings.landmarks):
        return np.arange(n)
    chosen = np.random.default_rng([settings.seed, 1]).choice(n, settings.landmarks, replace=False)
    return np.sort(chosen).astype(np.int64)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))


def _spectra(dataset: Dataset, soap: Soap, cache: Cache, tell: Tell) -> Array:
    """Return the averaged SOAP vectors (n, n_features)."""
    made = np.zeros((len(dataset), soap.n_features(len(dataset.elements))))
    # The kernel's own numbers do not change the vectors.
    setting = {k: v for k, v in asdict(soap).items() if k not in ("slope", "degree")}
    for part in _chunks(len(dataset)):
        chosen = dataset.frames[part]

        def compute(chosen: Sequence[LabelledFrame] = chosen) -> Sequence[Array]:
            return (power_spectra([frame.frame for frame in chosen], dataset.elements, soap),)

        asked = [setting, sorted(dataset.elements), [frame.key for frame in chosen]]
        made[part] = cache.get("soap", asked, compute)[0]
        tell("SOAP", part.stop, len(dataset))
    return made


def _structure_distances(dataset: Dataset, landmarks: Indices, shells: Shells, cache: Cache, tell: Tell) -> Array:
    """Return (n, m) sums of |S_ab(q) - S'_ab(q)| over pairs and shells, each weighed by the root of its wave vectors.

    An S(q) of one frame scatters as one over the root of the wave vectors in its shell; the weight makes all scatter
    alike. Shells without a wave vector in some frame are left out.
    """
    limits = need("threadpoolctl", "threadpoolctl", "mlip", "structure factors")
    values, numbers = [], []
    for part in _chunks(len(dataset)):
        chosen = dataset.frames[part]

        def compute(chosen: Sequence[LabelledFrame] = chosen) -> Sequence[Array]:
            # The matrices are small: threads of the linear algebra library would only wait for each other.
            with limits.threadpool_limits(1):
                return structure_factors([frame.frame for frame in chosen], dataset.elements, shells)

        asked = [asdict(shells), list(dataset.elements), [frame.key for frame in chosen]]
        found = cache.get("structure-factor", asked, compute)
        values.append(found[0])
        numbers.append(found[1])
        tell("structure factors", part.stop, len(dataset))
    counts = np.concatenate(numbers)
    everywhere = counts.min(axis=0) > 0
    if not everywhere.any():
        raise GlasspotError(
            f"no shell of wave vectors to {shells.q_max:g} 1/A occurs in all frames: their cells are too different, or "
            "too small. Use the Coulomb matrix for the long range."
        )
    weights = np.sqrt(counts[:, everywhere].mean(axis=0))
    rows = (np.concatenate(values)[:, :, everywhere] * weights).reshape(len(dataset), -1).astype(np.float32)
    filled = np.full(len(rows), rows.shape[1])
    return np.asarray(taxicab(rows, rows[landmarks], filled, filled[landmarks]))


def _coulomb_distances(
    frames: Sequence[LabelledFrame], landmarks: Indices, cache: Cache, tell: Tell
) -> tuple[Array, int]:
    """Return (n, m) sums of |M_ij - M'_ij| over the sorted Coulomb matrices, and the number of trajectories.

    Matrices are made again for each pair of groups rather than held, so that memory stays bounded; that costs less than
    a tenth of the comparison. With all pairs asked for, each is computed once.
    """
    positions, trajectories = unwrapped(frames)
    largest = max(frame.n_atoms for frame in frames)
    filled = np.array([frame.n_atoms * (frame.n_atoms + 1) // 2 for frame in frames])
    exact = len(landmarks) == len(frames)
    apart = np.zeros((len(frames), len(landmarks)))
    # Positions hang on the frames before, so every key is part of the name.
    keys = digest([frame.key + frame.config_type for frame in frames] + [str(n) for n in landmarks])

    def packed(which: Indices) -> NDArray[np.float32]:
        return packed_matrices([frames[i] for i in which], [positions[i] for i in which], largest)

    for part in _chunks(len(frames)):
        rows = np.arange(part.start, part.stop)
        first = part.start if exact else 0

        def compute(rows: Indices = rows, first: int = first) -> Sequence[Array]:
            mine = packed(rows)
            made = np.zeros((len(rows), len(landmarks) - first))
            for start in range(first, len(landmarks), CHUNK):
                columns = landmarks[start : start + CHUNK]
                theirs = mine if np.array_equal(columns, rows) else packed(columns)
                place = slice(start - first, start - first + len(columns))
                made[:, place] = taxicab(mine, theirs, filled[rows], filled[columns])
            return (made,)

        apart[part, first:] = cache.get("coulomb", [keys, part.start], compute)[0]
        if exact:
            apart[first:, part] = apart[part, first:].T
        tell("Coulomb matrices", part.stop, len(frames))
    return apart, trajectories


def _zeta(apart: Array, landmarks: Indices) -> float:
    """Return 2 over the median distance, over pairs of different frames."""
    step = max(1, apart.size // MEDIAN_OF)
    others = np.ones(apart.shape, dtype=bool)
    others[landmarks, np.arange(len(landmarks))] = False
    median = float(np.median(apart[others][::step]))
    # Frames that are all the same have K = 1 whatever zeta is.
    return 2.0 / median if median > 0 else 1.0
