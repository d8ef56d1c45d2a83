"""Packages that only some methods need, and that the plain install leaves out."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from glasspot.errors import GlasspotError


def need(module: str, package: str, extra: str, what: str) -> ModuleType:
    """Return the imported ``module``; GlasspotError with the line that installs it when its ``package`` is missing.

    ``extra`` is that of pyproject.toml, ``what`` needs it: 'method "bayes"'.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise GlasspotError(f'{what} needs {package}: pip install "glasspot[{extra}]"') from error
