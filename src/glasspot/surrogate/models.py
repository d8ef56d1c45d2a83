"""Surrogates by name."""

from __future__ import annotations

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.extras import need
from glasspot.surrogate.data import Surrogate

NAMES = ("quadratic", "mlp", "mlp-ensemble", "plain-gp", "gaussian-process")


def make_surrogate(name: str, seed: int = 0) -> Surrogate:
    """Return an untrained surrogate; the same seed and rows give the same model.

    GlasspotError for an unknown name, and where the packages of a surrogate are not installed.
    """
    if name not in NAMES:
        raise GlasspotError(
            f'surrogate "{name}" is not known; expected one of {", ".join(NAMES)}.{did_you_mean(name, NAMES)}'
        )
    if name == "quadratic":
        from glasspot.surrogate.quadratic import Quadratic

        return Quadratic()
    what = f'surrogate "{name}"'
    need("torch", "PyTorch", "bayes", what)
    if name in ("mlp", "mlp-ensemble"):
        from glasspot.surrogate.mlp import Ensemble, Mlp

        return Mlp(seed) if name == "mlp" else Ensemble(seed)
    need("gpytorch", "GPyTorch", "bayes", what)
    from glasspot.surrogate.gaussian_process import GaussianProcess, PlainGp

    return PlainGp(seed) if name == "plain-gp" else GaussianProcess(seed)
