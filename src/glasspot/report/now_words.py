"""What runs where, in words."""

from __future__ import annotations

from glasspot.campaign.now import Now
from glasspot.report.words import count

SILENT_S = 120.0  # an MD run whose worker has said nothing for so long is pointed out; a healthy one speaks each 15 s
OLD_S = 60.0  # a note of the driver older than this is pointed out


def under_way_words(now: Now, most: int) -> str:
    """Return how many runs are under way on which hosts, those with most runs first, and what waits.

    most: hosts that are named.
    """
    hosts = sorted(now.hosts.items(), key=lambda one: (-one[1], one[0]))
    named = ", ".join(f"{host} ({number})" for host, number in hosts[:most])
    more = f" and {count(len(hosts) - most, 'more host')}" if len(hosts) > most else ""
    words = f"{count(now.under_way, 'MD run')} on {named}{more}" if hosts else "no MD run"
    return words + (f"; {now.waiting:,} asked for and waiting" if now.waiting else "")
