"""``python -m glasspot`` is ``glasspot``."""

import sys

from glasspot.cli import main

if __name__ == "__main__":
    sys.exit(main())
