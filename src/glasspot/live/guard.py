"""Who may look at the live page: the one who knows its address. A server on loopback can be reached by every user of
the machine, and, through tricks with names (DNS rebinding), by any page that the browser has open.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD")
# Nothing from elsewhere; plotly sets styles on what it draws, and makes pictures of it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
REFUSED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>glasspot watch</title><link rel="icon" href="data:,"><p>{}</p></html>\n'
)
UNKNOWN = "This page needs its token: open the whole address that glasspot watch printed."
MISNAMED = "This server does not answer to that name: open the address that glasspot watch printed."


class Guard:
    """Lets only those through who give the token, by the names of this machine, and who only read.

    The token comes in the address (?token=...) once, and from then on in a cookie. names: of this machine, besides
    localhost and addresses of numbers, which no trick with names can give.
    """

    def __init__(self, app: ASGIApp, token: str, names: Collection[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._names = {"localhost", *(name.lower() for name in names)}
        # Cookies do not tell ports apart: each run has a name of its own, which does not give its token away.
        self._cookie = f"glasspot-{hashlib.sha256(self._token).hexdigest()[:12]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        fresh = self._is_token(parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0])

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                sent.update(HEADERS)
                if answer is None and fresh:
                    value = f"{self._cookie}={self._token.decode()}; Path=/; HttpOnly; SameSite=Strict"
                    sent.append("Set-Cookie", value)
            await send(message)

        await (answer or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["method"] not in METHODS:
            return _refused("This page can only be read.", 405, {"Allow": ", ".join(METHODS)})
        if not self._is_ours(headers.get("host", "")):
            return _refused(MISNAMED, 403)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not (self._is_token(given) or self._is_token(self._kept(headers))):
            return _refused(UNKNOWN, 403)
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def _kept(self, headers: Headers) -> str:
        """Return the token of the browser's cookie."""
        for line in headers.getlist("cookie"):
            try:
                found = SimpleCookie(line).get(self._cookie)
            except CookieError:
                continue
            if found is not None:
                return found.value
        return ""

    def _is_ours(self, host: str) -> bool:
        name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host.lower()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _refused(words: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(REFUSED.format(words), status, headers, "text/html; charset=utf-8")
