"""The server of a live page: the page, the parts that changed, and the scripts that it needs."""

from __future__ import annotations

import hashlib
import html
import socket
from collections.abc import Collection
from functools import cache
from importlib import resources
from string import Template

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from glasspot import __version__
from glasspot.live.guard import Guard
from glasspot.live.look import Watched
from glasspot.live.view import View
from glasspot.report.html import asset

HTML, JSON, SCRIPT = "text/html; charset=utf-8", "application/json", "text/javascript; charset=utf-8"
LASTING = "private, max-age=31536000, immutable"  # of an address that holds the digest of what stands there
CHECKED = "private, no-cache"
FIGURES, LIVE, PLOTLY = "figures.js", "live.js", "plotly.js"


def make_app(watched: Watched, token: str, names: Collection[str] = ()) -> Starlette:
    """Return the application that shows ``watched`` to those who know ``token``; ``names``: see :class:`Guard`."""

    async def page(request: Request) -> Response:
        view = await run_in_threadpool(watched.look, False)
        return Response(_page(view), media_type=HTML, headers={"Cache-Control": "no-store"})

    async def state(request: Request) -> Response:
        view = await run_in_threadpool(watched.look)
        return _answer(request, view.content, view.tag)

    async def part(request: Request) -> Response:
        found = watched.view.part(request.path_params["name"])
        if found is None:
            return Response("There is no such part now.\n", 404)
        return _answer(request, found.content, found.tag)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in (FIGURES, LIVE, PLOTLY):
            return Response("There is no such file.\n", 404)
        script = await run_in_threadpool(_script, name)
        return Response(script, media_type=SCRIPT, headers={"Cache-Control": LASTING})

    routes = [
        Route("/", page), Route("/state", state), Route("/part/{name}", part), Route("/static/{digest}/{name}", static)
    ]  # fmt: skip
    middleware = [
        Middleware(Guard, token=token, names=tuple(names)),
        Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
    ]
    return Starlette(routes=routes, middleware=middleware)


def serve(app: Starlette, listening: socket.socket) -> None:
    """Answer on a socket that listens, until Ctrl-C or SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", loop="asyncio", log_level="error", access_log=False,
        server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _answer(request: Request, content: bytes, tag: str) -> Response:
    """Return JSON, or that the browser has it already."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": CHECKED, "X-Glasspot-Assets": _assets()}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=JSON, headers=headers)


def _page(view: View) -> str:
    values = {
        "version": __version__,
        "name": view.page_title,
        "kind": view.kind,
        "title": view.title,
        "description": view.description,
        "tag": view.tag,
        "again": f"{view.again_s:g}",
        "assets": _assets(),
    }
    scripts = {"figures": FIGURES, "script": LIVE, "plotly": PLOTLY}
    return Template(_own("live.html")).substitute(
        {key: html.escape(value) for key, value in values.items()},
        parts=_parts(view),
        css=asset("page.css") + _own("live.css"),
        **{key: f"static/{_digest(name)}/{name}" for key, name in scripts.items()},
    )


def _parts(view: View) -> str:
    links = [f'<a href="#{part.name}">{html.escape(part.heading)}</a>' for part in view.parts if part.heading]
    nav = f'<nav aria-label="Parts of the page">{" ".join(links)}</nav>' if len(links) > 1 else ""
    return "".join(part.html + (nav if part.name == "answer" else "") for part in view.parts)


@cache
def _own(name: str) -> str:
    return resources.files("glasspot.live").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _script(name: str) -> str:
    if name == PLOTLY:
        from plotly.offline import get_plotlyjs

        return str(get_plotlyjs())
    return asset(name) if name == FIGURES else _own(name)


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_script(name).encode()).hexdigest()[:16]


@cache
def _assets() -> str:
    """Return a word that changes with the page itself, its scripts and its looks."""
    text = "".join(
        [_own("live.html"), _own("live.css"), asset("page.css"), *(_digest(n) for n in (FIGURES, LIVE, PLOTLY))]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
