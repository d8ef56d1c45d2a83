"""What made a result: versions, the commit of a source checkout, the kind of machine, and when."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from pathlib import Path

from glasspot import __version__


def provenance() -> dict[str, str]:
    """Return versions, machine and time (UTC) as text; whoever ran an engine adds the engine's own version."""
    import numpy as np
    import scipy

    found = {
        "glasspot": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": version("numba"),
        "machine": f"{platform.system()} {platform.machine()}",
        "host": platform.node(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    commit = source_commit()
    return found if commit is None else {"commit": commit, **found}


def source_commit() -> str | None:
    """Return the commit of the git checkout that glasspot runs from; None where it was installed without one."""
    folder = Path(__file__).resolve().parents[2] / ".git"
    try:
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:12]
        return (folder / head.removeprefix("ref: ")).read_text().strip()[:12]
    except OSError:
        return None
