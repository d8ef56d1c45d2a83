"""Machine code that numba keeps in files, and what to say when a file is damaged or there is no place for any."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

READING = re.compile(r"numba.core.caching\.py\", line \d+, in _?load")


def is_damaged(error: BaseException) -> bool:
    """Tell whether ``error`` came up while kept code was read, here or in a worker: a file is cut short, say."""
    return not isinstance(error, OSError) and bool(READING.search("".join(traceback.format_exception(error))))


def trouble(error: BaseException) -> str:
    """Return in words for the user what is wrong with the kept code; "" for an error of another kind."""
    if is_damaged(error):
        return (
            f"a file of machine code that numba kept cannot be read ({error}). Delete the files *.nbi and *.nbc in the "
            f"__pycache__ folders of {Path(__file__).parent}, in the folder NUMBA_CACHE_DIR where that is set, and in "
            "~/.cache/numba; they are made anew."
        )
    if "no locator available" in str(error):
        return (
            f"there is no place for compiled code: neither {Path(__file__).parent} nor the user's cache folder can be "
            "written. Set the environment variable NUMBA_CACHE_DIR to a folder that can."
        )
    return ""
