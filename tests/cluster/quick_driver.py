"""The command line of glasspot with a cluster looked at every second, so that tests need not wait for minutes."""

from __future__ import annotations

import sys

from glasspot.cli import main
from glasspot.execute import cluster_blocks

cluster_blocks.CLUSTER = cluster_blocks.Pace(scheduler=1.0, strategy=0.5, beat=1, silence=10)

if __name__ == "__main__":
    sys.exit(main())
