"""A job that ended without an answer, through no fault of its own that anybody knows of."""

from __future__ import annotations

NO_MORE_FILE = "no-more"  # beside the folders of the jobs: no job begins while it is there


class JobLostError(Exception):
    """The worker of one job is gone (killed, out of memory, out of wall time, its node down); other jobs go on.

    ``concurrent.futures.BrokenExecutor`` says the same of all jobs under way.
    """


class NotBegunError(Exception):
    """A job was not begun, because somebody asked that no more begin."""
