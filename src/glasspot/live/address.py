"""Where the live page stands: the port it is served on, and the token that its address holds."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from glasspot.campaign.folder import PAGE_TOKEN
from glasspot.errors import GlasspotError
from glasspot.store import Store

LEAST = 16  # characters of a token


def free_socket(host: str, port: int, more: int) -> socket.socket:
    """Return a socket bound to ``port``, or, where that is taken, to one of the ``more`` ports above it.

    Raises OSError where none can be had.
    """
    families = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = families[0]
    for number in range(port, port + more + 1):
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((address[0], number, *address[2:]))
        except OSError:
            bound.close()
            if number == port + more:
                raise
        else:
            bound.listen(128)
            return bound
    raise AssertionError("the last port either works or raises")


def token_of(folder: Path) -> str:
    """Return the token of a folder's page: that of its store, the same each time, or a new one where it has none."""
    try:
        with Store.open(folder) as store:
            kept = store.get_meta(PAGE_TOKEN)
    except GlasspotError:
        kept = None
    return str(kept) if isinstance(kept, str) and len(kept) >= LEAST else secrets.token_urlsafe(24)
