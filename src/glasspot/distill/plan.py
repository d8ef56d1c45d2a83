"""What distilling will cost in memory, disk and time, before it begins.

Times are those of one core of an AMD EPYC (2026, see benchmarks/README.md): an estimate to a factor of two elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from glasspot.distill.kernels import CHUNK, KernelSettings

SOAP_S = 2.8e-4  # an atom at the density of B2O3
WAVES_S = 3.4e-8  # an atom and atom: the wave vectors grow with the cell
TAXICAB_S = 1.0e-9  # an entry of two matrices
CUBE_S = 1.2e-10  # of n^3, for the eigenvectors
DELTAS = 11


@dataclass(frozen=True)
class Plan:
    """frames, and landmarks (all frames where exact); memory and disk in GB; seconds with ``workers`` cores."""

    frames: int
    landmarks: int
    memory_GB: float
    disk_GB: float
    seconds: float
    workers: int

    @property
    def exact(self) -> bool:
        return self.frames == self.landmarks

    def __str__(self) -> str:
        how = "all pairs" if self.exact else f"{self.landmarks} landmarks (Nystroem)"
        time = f"{self.seconds:.0f} s" if self.seconds < 120 else f"{self.seconds / 60:.0f} min"
        if self.seconds > 7200:
            time = f"{self.seconds / 3600:.1f} h"
        cores = f"{self.workers} core{'s' * (self.workers != 1)}"
        return (
            f"{self.frames:,} frames, {how}: about {time} on {cores}, {max(self.memory_GB, 0.1):.1f} GB of memory, "
            f"{max(self.disk_GB, 0.001):.2g} GB on disk to go on from"
        )


def plan(n_frames: int, n_atoms: float, n_elements: int, settings: KernelSettings, workers: int) -> Plan:
    """Return the cost of ``n_frames`` frames of ``n_atoms`` atoms (the mean) with ``n_elements`` elements.

    In memory at once: the SOAP vectors, two kernels (n, m), and with all pairs four more matrices for the eigenvectors
    of a delta, with landmarks two; for the Coulomb matrix its distances and two groups of 64 packed matrices too.
    """
    exact = n_frames <= max(settings.exact_to, settings.landmarks)
    m = n_frames if exact else settings.landmarks
    features = settings.soap.n_features(n_elements)
    matrix = 8.0 * n_frames * m
    packed = n_atoms * (n_atoms + 1) / 2
    memory = 8.0 * n_frames * features + matrix * (7 if exact else 5) + 24.0 * n_frames * n_atoms * 2
    disk = 8.0 * n_frames * features
    seconds = SOAP_S * n_atoms * n_frames
    if settings.long_range == "coulomb":
        pairs = n_frames * m / (2 if exact else 1)
        seconds += TAXICAB_S * packed * pairs
        memory += matrix + 2 * CHUNK * packed * 4
        disk += matrix / (2 if exact else 1)
    else:
        shells = len(settings.shells.centres) * n_elements * (n_elements + 1) / 2
        seconds += WAVES_S * n_atoms**2 * n_frames + TAXICAB_S * shells * n_frames * m
        disk += 8.0 * n_frames * shells
    seconds += DELTAS * CUBE_S * (n_frames**3 if exact else 3 * n_frames * m**2)
    return Plan(n_frames, m, memory / 1e9, disk / 1e9, seconds / max(workers, 1), workers)
