"""Which frames a model was fitted to: what it says of those is no test of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import LabelledFrame
from glasspot.errors import GlasspotError
from glasspot.files import parse_json
from glasspot.mlip.parity import Parity

RECORD, PARITY = "fit.json", "parity.npz"
SAME_ENERGY = 1e-8  # eV/atom: less than two configurations differ by, more than what a file rounds away


@dataclass(frozen=True)
class Seen:
    """keys: of the frames. n_atoms, energies (eV/atom): of the same frames, where they are kept; else empty.

    A file that was written again with fewer digits has the same frames with other keys; their energies tell them.
    """

    keys: frozenset[str]
    n_atoms: NDArray[np.int64]
    energies: NDArray[np.float64]

    def has(self, frame: LabelledFrame) -> bool:
        """Tell whether the model was fitted to ``frame``."""
        if frame.key in self.keys:
            return True
        if frame.energy is None:
            return False
        near = np.abs(self.energies - frame.energy / frame.n_atoms) < SAME_ENERGY
        return bool(np.any(near & (self.n_atoms == frame.n_atoms)))


def read_seen(folder: Path) -> Seen | None:
    """Return what the model in ``folder`` was fitted to; None without a record of it.

    GlasspotError for a record that cannot be read.
    """
    path = folder / RECORD
    try:
        record = parse_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise GlasspotError(
            f"{path} cannot be read ({error}), so it is not known which frames the model was fitted to. Restore it, or "
            "remove it and test frames that you know to be new."
        ) from error
    keys = record.get("train_keys") if isinstance(record, dict) else None
    if not isinstance(keys, list):
        return None
    n_atoms, energies = np.empty(0, dtype=np.int64), np.empty(0)
    if (folder / PARITY).exists():
        parity = Parity.load(folder / PARITY)
        trained = parity.use == "train"
        n_atoms, energies = parity.n_atoms[trained], parity.energy_ref[trained]
    return Seen(frozenset(str(key) for key in keys), n_atoms, energies)
