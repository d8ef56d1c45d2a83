"""A live page served from this process, to be stopped and started again on the same port."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import uvicorn

from glasspot.live.address import free_socket
from glasspot.live.look import Watched
from glasspot.live.server import make_app

TOKEN = "a-token-for-the-tests-0001"  # noqa: S105
WAIT = 10.0  # s


class Served:
    """Serves the page of a folder; use it in a ``with`` block."""

    def __init__(self, folder: Path, token: str = TOKEN) -> None:
        self.folder = folder
        self.token = token
        self.port = 0

    def __enter__(self) -> Served:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """The whole address."""
        return f"{self.root}?token={self.token}"

    @property
    def root(self) -> str:
        """The address without the token."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve, on the port of before where there was one."""
        listening = free_socket("127.0.0.1", self.port, 0)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            make_app(Watched(self.folder), self.token), http="h11", ws="none", lifespan="off", log_level="error",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        end = time.monotonic() + WAIT
        while not self._server.started and time.monotonic() < end:
            time.sleep(0.01)
        self._listening = listening

    def stop(self) -> None:
        """Serve no longer."""
        self._server.should_exit = True
        self._thread.join(WAIT)
        self._listening.close()
