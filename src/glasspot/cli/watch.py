"""``glasspot watch``: the live page of a run in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

HELP = "a page in your browser that shows a run while it grows"
DESCRIPTION = """\
Serve a page that shows the run in DIR while it grows: how far it is, convergence, targets against
the best so far, failures and their reasons, what runs where, the time left, scores. It keeps itself
up to date. It reads DIR only and writes nothing; the run need not be at work. Ctrl-C ends it.

Only programs of this machine can reach the page, and only with the token in its address."""
EPILOG = """\
examples:
  glasspot watch runs/silica
  glasspot watch runs/silica --port 9000

DIR on a cluster: run glasspot watch there, and on your laptop, in another terminal,
  ssh -L 8765:localhost:8765 LOGIN
then open the address that glasspot watch printed. More: docs/watch.md."""
PORT = 8765
MORE_PORTS = 20  # above PORT, where that is taken
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder of a run")
    parser.add_argument(
        "--port", metavar="N", type=int, help=f"port to serve on (default: {PORT}, or the next one that is free)"
    )
    parser.add_argument(
        "--host", metavar="NAME", default=LOOPBACK[0], help="where to listen (default: 127.0.0.1, this machine only)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    import platform

    from glasspot.errors import GlasspotError
    from glasspot.live.address import token_of
    from glasspot.live.look import Watched
    from glasspot.live.server import make_app, serve

    folder: Path = args.folder
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise GlasspotError(f"{folder} {what}; give the folder of a run, such as runs/silica")
    listening = _socket(args.host, args.port)
    port = listening.getsockname()[1]
    token = token_of(folder)
    names = () if args.host in LOOPBACK else (args.host, platform.node(), platform.node().partition(".")[0])
    watched = Watched(folder)
    try:
        print(f"{folder}: {watched.look().said}")
        shown = "localhost" if args.host in (*LOOPBACK, "0.0.0.0", "::") else args.host  # noqa: S104 - only named
        print(f"live page: http://{shown}:{port}/?token={token}")
        if args.host in LOOPBACK:
            print(f"from a laptop: ssh -L {port}:localhost:{port} {platform.node()}   and open the same address there")
        else:
            print(
                f"caution: with --host {args.host} other machines can reach this page, over a connection that is not "
                "encrypted; whoever reads the address on its way can look. 127.0.0.1 with ssh -L is safer."
            )
        print("Ctrl-C ends it; the run does not notice.", flush=True)
        serve(make_app(watched, token, names), listening)
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    print("The live page has ended.")
    return 0


def _socket(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; GlasspotError where the port is taken or the host is none of this machine."""
    import errno
    import socket

    from glasspot.errors import GlasspotError
    from glasspot.live.address import free_socket

    if port is not None and not 0 <= port <= 65535:
        raise GlasspotError(f"--port {port} is no port; give a number from 1024 to 65535")
    try:
        return free_socket(host, PORT if port is None else port, MORE_PORTS if port is None else 0)
    except socket.gaierror:
        raise GlasspotError(f"--host {host} is not a name or address of this machine; leave it out") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE and port is not None:
            raise GlasspotError(
                f"port {port} is taken by another program; leave --port out and a free one is found"
            ) from None
        if error.errno == errno.EACCES:
            raise GlasspotError(f"port {port} is for the system's own programs; give one from 1024 on") from None
        where = f"port {port}" if port is not None else f"a port from {PORT} to {PORT + MORE_PORTS}"
        raise GlasspotError(f"cannot listen on {host}, {where}: {error.strerror}") from None
