"""Several small neural networks of one shape, trained side by side in PyTorch.

Shape and training are those of the paper's loop for borosilicates (methods A; its authors' code is
github.com/ruoxia-c/Borosilicate-Glass-Potential): hidden layers of 32, 64, 64 and 16, ReLU, Adam, weight decay, a
learning rate that is lowered when the held-out loss stands still, 70 % of the data to train on. The split is by
parameter set: with a split by row the held-out loss would be that of sets that were trained on.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

HIDDEN = (32, 64, 64, 16)
TRAINED = 0.7  # share of the parameter sets
BATCH = 128
STEPS = 3000
CHECK = 50  # steps between two looks at the held-out loss
RATE, LOWERED, STANDSTILL = 5e-3, 0.5, 5  # learning rate, its factor, looks without gain before it is lowered
DECAY = 1e-4


class Nets:
    """``members`` networks trained on ``x`` (n, d), ``y`` (n, k) with nan, each on its own split of ``group``.

    ``held`` (members, n) is True for rows that a member was not trained on. Inputs and outputs should be of order 1.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, group: np.ndarray, members: int, seed: int) -> None:
        import torch

        rng = np.random.default_rng(seed)
        self.held = np.array([_held(group, rng) for _ in range(members)])
        torch.manual_seed(seed)
        sizes = (x.shape[1], *HIDDEN, y.shape[1])
        self._weights = [_initial(members, a, b) for a, b in pairwise(sizes)]
        self._biases = [_initial(members, a, b, bias=True) for a, b in pairwise(sizes)]
        self._train(torch.as_tensor(x).float(), torch.as_tensor(y).float(), rng)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return what each member says (members, n, k)."""
        import torch

        with torch.no_grad():
            return np.asarray(self._forward(torch.as_tensor(x).float().expand(len(self.held), *x.shape)).double())

    def _forward(self, values: Any) -> Any:
        """Return the outputs (members, n, k) of inputs (members, n, d)."""
        import torch

        last = len(self._weights) - 1
        for number, (weights, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            values = torch.baddbmm(bias, values, weights)
            if number < last:
                values = values.relu()
        return values

    def _train(self, x: Any, y: Any, rng: np.random.Generator) -> None:
        """Minimise the summed squared error of each member on its rows; keep the weights of the least held-out loss."""
        import torch

        parameters = [*self._weights, *self._biases]
        adam = torch.optim.Adam(parameters, lr=RATE, weight_decay=DECAY)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, factor=LOWERED, patience=STANDSTILL)
        known = torch.isfinite(y)
        y = torch.where(known, y, 0.0)
        held = torch.as_tensor(self.held)[:, :, None] & known
        own = [np.flatnonzero(~row) for row in self.held]
        best = np.full(len(own), math.inf)
        kept = [p.detach().clone() for p in parameters]
        for step in range(1, STEPS + 1):
            part = torch.as_tensor(np.array([rng.choice(rows, min(BATCH, len(x))) for rows in own]))
            adam.zero_grad()
            off = torch.where(known[part], self._forward(x[part]) - y[part], 0.0)
            (off**2).sum(2).mean(1).sum().backward()
            adam.step()
            if step % CHECK:
                continue
            with torch.no_grad():
                off = torch.where(held, self._forward(x.expand(len(own), *x.shape)) - y, 0.0)
                loss = ((off**2).sum((1, 2)) / held.sum((1, 2)).clamp_min(1)).numpy()
                plateau.step(float(loss.sum()))
                better = loss < best
                best = np.where(better, loss, best)
                for copy, now in zip(kept, parameters, strict=True):
                    copy[better] = now[better]
        with torch.no_grad():
            for copy, now in zip(kept, parameters, strict=True):
                now.copy_(copy)


def _held(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which rows (n,) a member is not trained on: about 30 % of the groups, at least one where there are two."""
    groups = rng.permutation(np.unique(group))
    trained = min(max(1, round(TRAINED * len(groups))), max(1, len(groups) - 1))
    return np.isin(group, groups[trained:])


def _initial(members: int, inputs: int, outputs: int, bias: bool = False) -> Any:
    """Return random weights (members, inputs, outputs), or biases (members, 1, outputs), as torch.nn.Linear does."""
    import torch

    shape = (members, 1, outputs) if bias else (members, inputs, outputs)
    return torch.nn.Parameter((2.0 * torch.rand(shape) - 1.0) / math.sqrt(inputs))
