"""Try inputs that would fill the memory or never end, in a process of its own with limits: one file of a target each.

python fuzz_within_limits.py TARGET=FILE ...
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
from pathlib import Path

MOST_MEMORY = 3 * 2**30  # bytes of address space
MOST_SECONDS = 20  # of one input


def main(asked: list[str]) -> int:
    """Return 0 where every input ends in a value or a GlasspotError."""
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    from fuzz_targets import TARGETS, make_folder

    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with tempfile.TemporaryDirectory() as name:
        folder = make_folder(Path(name))
        for one in asked:
            target, _, path = one.partition("=")
            signal.alarm(MOST_SECONDS)
            print(f"{target}: {TARGETS[target].try_one(Path(path).read_bytes(), folder)}")
            signal.alarm(0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
