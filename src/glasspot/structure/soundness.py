"""Is this configuration a glass at all, and did the run that made it stay on its feet?

    reference = reference_of(training_frames)
    judged = together(judge(frames, reference), judge_run(temperature, asked))
    if judged.failed: ...
    for finding in judged.findings: print(finding.message)

Judged against reference frames where there are some (ab initio frames, or those a potential was trained on), by
absolute rules otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from glasspot.errors import GlasspotError
from glasspot.structure.faults import (
    BURST_DENSITY,
    FAILURE,
    WARNING,
    Finding,
    density_drift,
    holes,
    isolated,
    segregation,
    too_close,
)
from glasspot.structure.frames import Frame
from glasspot.structure.look import Look, Reference, reference_of

__all__ = ["Finding", "Reference", "Soundness", "judge", "judge_run", "reference_of", "together"]

MOST_FRAMES = 20  # of a trajectory that are judged, evenly spaced, the last among them

# A thermostat keeps 50 atoms within 12 % (one standard deviation); twice what was asked is no fluctuation.
HOT, SPARE_K = 2.0, 200.0
K_B = 8.617333262e-5  # eV/K
# The potential energy of a solid that is heated to T and melts rises by 1.5 k T and some 0.2 eV an atom.
RISES, SPARE_EV = 3.0, 1.0


@dataclass(frozen=True)
class Soundness:
    """What was found, the worst first, and the ``numbers`` it was judged by (A, g/cm3, S as in ``mixing``)."""

    findings: tuple[Finding, ...]
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing at all was found."""
        return not self.findings

    @property
    def failed(self) -> bool:
        """Whether this is no glass: something worse than a warning was found."""
        return any(finding.severity == FAILURE for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One line: "sound", or what is wrong."""
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in self.findings))
        return f"{'not a sound glass' if self.failed else 'doubtful'}: {kinds}" if kinds else "sound"


def judge(
    frames: Frame | Sequence[Frame], reference: Reference | None = None, density: float | None = None
) -> Soundness:
    """Return whether frames of one glass are sound: at most MOST_FRAMES of them, the last among them.

    ``reference``: what good frames show, from :func:`reference_of`; without it absolute rules hold. ``density``: what
    is expected (g/cm3), as that of the start box. GlasspotError for no frame.
    """
    listed = [frames] if isinstance(frames, Frame) else list(frames)
    if not listed:
        raise GlasspotError("no frame is given to be judged; at least one is needed.")
    chosen = np.unique(np.linspace(0, len(listed) - 1, MOST_FRAMES).round().astype(int))
    looks = [Look(listed[k]) for k in chosen]
    numbers: dict[str, float] = {"frames": float(len(looks))}
    findings = [
        *too_close(looks, reference, numbers),
        *isolated(looks, reference, numbers),
        *holes(looks, reference, numbers),
        *segregation(looks, reference, numbers),
        *density_drift(looks, reference, density, numbers),
    ]
    return Soundness(tuple(sorted(findings, key=lambda finding: finding.severity != FAILURE)), numbers)


def judge_run(
    temperature: ArrayLike,
    asked: ArrayLike,
    density: ArrayLike | None = None,
    energy: ArrayLike | None = None,
) -> Soundness:
    """Return whether the record of a run ran away: arrays (n,), one value a line of the record.

    ``temperature`` and ``asked`` (of the thermostat) in K, ``density`` in g/cm3, ``energy`` the potential energy in
    eV an atom. Lines of a minimisation have ``asked`` nan and are left out. GlasspotError for arrays of other lengths.
    """
    found, wanted = np.atleast_1d(np.asarray(temperature, float)), np.atleast_1d(np.asarray(asked, float))
    records = {"temperature": found, "density": density, "energy": energy}
    columns = {name: np.asarray(values, float) for name, values in records.items() if values is not None}
    for name, values in columns.items():
        if values.shape != wanted.shape:
            raise GlasspotError(f"the {name} of a run has {values.shape} values, what was asked {wanted.shape}.")
    running = np.isfinite(wanted)
    columns = {name: values[running] for name, values in columns.items()}
    wanted = wanted[running]
    if not len(wanted):
        return Soundness(())
    broken = [name for name, values in columns.items() if not np.isfinite(values).all()]
    if broken:
        message = f"the {' and the '.join(broken)} of the run is not a number any more: the forces have no bounds."
        return Soundness((Finding("not finite", FAILURE, f"{message} {_LESS}"),))
    findings, numbers = _hot(columns["temperature"], wanted)
    if "density" in columns:
        findings += _swelling(columns["density"], numbers)
    if "energy" in columns:
        findings += _climbing(columns["energy"], wanted, numbers)
    return Soundness(tuple(sorted(findings, key=lambda finding: finding.severity != FAILURE)), numbers)


_LESS = "Take a shorter time step or a lower temperature, or train the potential on what it met there."


def _hot(found: np.ndarray, wanted: np.ndarray) -> tuple[list[Finding], dict[str, float]]:
    over = found - HOT * wanted - SPARE_K
    worst = int(np.argmax(over))
    numbers = {"hottest_K": float(found.max())}
    if over[worst] <= 0.0:
        return [], numbers
    message = (
        f"the temperature reached {found[worst]:.0f} K where {wanted[worst]:.0f} K was asked: energy came from "
        f"nowhere, as where atoms fall into a hole of the potential. {_LESS}"
    )
    return [Finding("temperature", FAILURE, message)], numbers


def _swelling(density: np.ndarray, numbers: dict[str, float]) -> list[Finding]:
    numbers["lowest_density_g_cm3"] = float(density.min())
    if density.min() >= (1.0 - BURST_DENSITY) * density[0]:
        return []
    message = (
        f"the density fell from {density[0]:.2f} to {density.min():.2f} g/cm3 on the way: the melt boiled. Melt at a "
        "lower temperature or under pressure, or keep the volume (NVT)."
    )
    return [Finding("density", FAILURE if density[-1] < density.min() * 1.1 else WARNING, message)]


def _climbing(energy: np.ndarray, wanted: np.ndarray, numbers: dict[str, float]) -> list[Finding]:
    lowest = np.minimum.accumulate(energy)
    rise = energy - lowest
    over = rise - RISES * 1.5 * K_B * np.maximum.accumulate(wanted) - SPARE_EV
    worst = int(np.argmax(over))
    numbers["largest_energy_rise_eV"] = float(rise.max())
    if over[worst] <= 0.0:
        return []
    message = (
        f"the potential energy rose by {rise[worst]:.2f} eV an atom, far more than melting at {wanted[worst]:.0f} K "
        f"takes: the atoms were torn apart. {_LESS}"
    )
    return [Finding("energy", FAILURE, message)]


def together(*parts: Soundness) -> Soundness:
    """Return several judgements as one: of frames and of the run's record."""
    findings = [finding for part in parts for finding in part.findings]
    numbers = {key: value for part in parts for key, value in part.numbers.items()}
    return Soundness(tuple(sorted(findings, key=lambda finding: finding.severity != FAILURE)), numbers)
