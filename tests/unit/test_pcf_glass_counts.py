"""Pair curves of a set from the store, which sorts the counts of elements by name and not as the labels of pairs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from glasspot.campaign.glass_curves import NODES_PER_BIN, _partials

LABELS = ["Si-Si", "Si-Ba", "Si-O", "Ba-Ba", "Ba-O", "O-O"]
COUNTS = {"Ba": 7, "O": 665, "Si": 329}


def test_ideal_gas_is_one_whatever_the_order_of_the_counts() -> None:
    n_bins, r_max, volume = 10, 5.0, 15000.0
    edges = np.linspace(0, r_max, n_bins + 1)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    fine = np.zeros((len(LABELS), n_bins * NODES_PER_BIN + 1))
    for row, label in enumerate(LABELS):
        a, b = label.split("-")
        pairs = COUNTS[a] * (COUNTS[a] - 1) / 2 if a == b else COUNTS[a] * COUNTS[b]
        fine[row, NODES_PER_BIN // 2 :: NODES_PER_BIN] = pairs * shells / volume
    outcome = SimpleNamespace(
        texts={"labels": LABELS, "counts": COUNTS}, numbers={"volume": volume}, mean_histogram=lambda: fine
    )
    found = _partials(SimpleNamespace(n_bins=n_bins, r_max=r_max), outcome)  # type: ignore[arg-type]
    for curve in found.values():
        np.testing.assert_allclose(curve, 1.0, rtol=1e-12)
