"""A Job says all that is asked of one simulation; its key is the hash of that. An Outcome is what came of it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glasspot.archives import load_archive
from glasspot.errors import GlasspotError
from glasspot.files import parse_json, replacing
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.protocol import Protocol

# Raise when the meaning of a job's results changes, so that old stores are not taken for new ones.
FORMAT = 1


@dataclass(frozen=True)
class Packing:
    """Start from a random packing: whole atom counts in a cubic box."""

    counts: Mapping[str, int]
    cell_length: float  # A
    seed: int

    def spec(self) -> dict[str, Any]:
        """Return plain values for the hash."""
        return {"counts": dict(self.counts), "cell_length": self.cell_length, "seed": self.seed}


@dataclass(frozen=True)
class Continue:
    """Start from the last configuration of a finished job."""

    key: str

    def spec(self) -> dict[str, Any]:
        """Return plain values for the hash."""
        return {"continue": self.key}


@dataclass(frozen=True)
class EngineChoice:
    """Which engine runs the job: "native", "lammps" or "ase"; "auto" until it is chosen (``evaluate.engines``).

    command and threads (OpenMP threads of each process) are for LAMMPS; command names another one, for example
    "mpirun -np 32 lmp".
    """

    name: str = "lammps"
    command: str | None = None
    time_limit_s: float | None = None
    threads: int = 1

    @property
    def has_settings_of_lammps(self) -> bool:
        """Tell whether something is set that only LAMMPS has."""
        return self.command is not None or self.threads != 1

    def spec(self) -> dict[str, Any]:
        """Return what decides the result, as plain values for the hash; jobs of one thread keep the hash they had."""
        threads = {} if self.threads == 1 else {"threads": self.threads}
        return {"name": self.name, "command": self.command, **threads}


@dataclass(frozen=True)
class Observe:
    """What the worker folds the frames into."""

    r_max: float  # A, of the fine pair histograms
    n_nodes: int
    blocks: int = 10  # the run is cut in blocks, for errors and for the noise of the response
    structure: bool = False  # coordination, bond angles, Qn, rings and S(Q) as well
    response: ParameterSpace | None = None  # d histogram / d parameters from fluctuations
    pressure: bool = False  # with a response: that of the pressure as well
    each_frame: bool = False  # the pair histogram of every frame, for reweighting: some MB a run
    elastic: bool = False  # elastic moduli of the last configuration

    def spec(self) -> dict[str, Any]:
        """Return plain values for the hash; jobs that ask for no more than these keep the hash they had."""
        more = {name: True for name in ("pressure", "each_frame", "elastic") if getattr(self, name)}
        return {
            "r_max": self.r_max,
            "n_nodes": self.n_nodes,
            "blocks": self.blocks,
            "structure": self.structure,
            "response": self.response.to_dict() if self.response else None,
            **more,
        }


@dataclass(frozen=True)
class Job:
    """One simulation, whole: potential, start, protocol, seed, engine and what is observed."""

    potential: Potential
    start: Packing | Continue
    protocol: Protocol
    seed: int
    engine: EngineChoice
    observe: Observe
    label: str = ""  # for people; not part of the key

    def spec(self) -> dict[str, Any]:
        """Return everything that decides the result, as plain values."""
        return {
            "format": FORMAT,
            "potential": self.potential.to_dict(),
            "start": self.start.spec(),
            "protocol": self.protocol.to_dict(),
            "seed": self.seed,
            "engine": self.engine.spec(),
            "observe": self.observe.spec(),
        }

    @cached_property  # asked for many times of many jobs, and a potential is a long text
    def key(self) -> str:
        """Return the job's name: the first 20 hex digits of the SHA-256 of its sorted JSON."""
        return content_key(self.spec())


@dataclass(frozen=True)
class Outcome:
    """What came of a job. A failure is an outcome too, with its reason and the tail of the engine's log."""

    key: str
    ok: bool
    reason: str = ""  # "" or one of the engine's reasons (engine.base.REASONS), or "input"
    message: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    texts: Mapping[str, Any] = field(default_factory=dict)  # labels, provenance

    def mean_histogram(self) -> np.ndarray:
        """Return the fine pair histogram averaged over all frames of the run, (n_pairs * (n_nodes + 1),)."""
        mean = np.average(self.arrays["histogram"], axis=0, weights=self.arrays["frames"])
        return np.asarray(mean.ravel())

    def to_bytes(self) -> bytes:
        """Return the outcome as one npz archive without pickled objects."""
        header = {
            "key": self.key,
            "ok": self.ok,
            "reason": self.reason,
            "message": self.message,
            "numbers": dict(self.numbers),
            "texts": dict(self.texts),
        }
        encoded = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, __header__=encoded, **self.arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Outcome:
        """Return the outcome that :meth:`to_bytes` wrote; GlasspotError when the bytes are damaged."""
        try:
            arrays = load_archive(data)
            header = _checked_header(parse_json(bytes(arrays.pop("__header__"))))
        except (OSError, ValueError, KeyError) as error:
            raise GlasspotError(f"a stored outcome is damaged and cannot be read ({error})") from error
        return cls(arrays=arrays, **header)


# What each value of the header of an outcome is.
HEADER = {"key": str, "ok": bool, "reason": str, "message": str, "numbers": dict, "texts": dict}


def _checked_header(header: Any) -> dict[str, Any]:
    """Return the header of an outcome; ValueError for one that :meth:`Outcome.to_bytes` cannot have written."""
    if not isinstance(header, dict) or set(header) != set(HEADER):
        raise ValueError("its header is not that of an outcome")
    wrong = next((key for key, kind in HEADER.items() if not isinstance(header[key], kind)), None)
    if wrong is not None:
        raise ValueError(f"{wrong} in its header is of another kind")
    if not all(isinstance(value, int | float) for value in header["numbers"].values()):
        raise ValueError("its numbers are none")
    return header


OUTCOME_FILE = "outcome.npz"


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Write the outcome into the job's folder so that it is there whole or not at all; UnwritableError if it cannot."""
    with replacing(folder / OUTCOME_FILE, durable=True) as temporary:
        temporary.write_bytes(outcome.to_bytes())


def content_key(spec: Mapping[str, Any]) -> str:
    """Return the first 20 hex digits of the SHA-256 of the sorted JSON of ``spec``."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
