"""Who may use the page: every request passes `Guard`; see docs/workbench.md, "Security".

The page starts processes, so a web site open in the same browser must not reach it, nor another
user of this machine.
"""

import hashlib
import hmac
import secrets
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import psutil
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from utils.errors import UsageError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE = frozenset({"GET", "HEAD"})
OPEN_PATHS = ("/login", "/static/")
"""What needs no session: the page for the password, and files that are public anyway."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ATTEMPTS, WINDOW = 5, 60.0  # wrong passwords of one address in so many seconds
NO_ORIGIN = "none"
WRONG_ORIGIN = 4403  # close code of a WebSocket


class Password:
    """A password that is kept as a slow hash, and tried a few times a minute at most."""

    def __init__(self, text: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._salt = secrets.token_bytes(16)
        self._hash = self._of(text)
        self._attempts: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=ATTEMPTS))

    def _of(self, text: str) -> bytes:
        return hashlib.scrypt(text.encode(), salt=self._salt, n=2**14, r=8, p=1)

    def wait(self, address: str) -> float:
        """Count an attempt of an address; return the seconds to wait first if it had too many."""
        attempts, now = self._attempts[address], self._clock()
        if len(attempts) == ATTEMPTS and attempts[0] + WINDOW > now:
            return attempts[0] + WINDOW - now
        attempts.append(now)  # before it is checked: many may be tried at once
        return 0.0

    def is_right(self, text: str, address: str) -> bool:
        """Whether it is the password, which ends the count."""
        right = hmac.compare_digest(self._of(text), self._hash)
        if right:
            self._attempts.pop(address, None)
        return right


@dataclass
class Door:
    """The keys of one run of the server.

    Attributes
    ----------
    names : frozenset of str
        Host names under which the page may be asked for; a name that another site let point here
        is not among them.
    port : int
        Names the cookie, since cookies of all ports of a host are in one jar.
    password : Password or None
        Asked for instead of the token.
    """

    names: frozenset[str]
    port: int
    password: Password | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _sessions: set[str] = field(default_factory=set)

    @property
    def cookie(self) -> str:
        """The name of the cookie."""
        return f"workbench_{self.port}"

    def enter(self, response: Response) -> Response:
        """Start a session in the browser that gets this response."""
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        response.set_cookie(self.cookie, session, samesite="strict", httponly=True)
        return response

    def session(self, request: HTTPConnection) -> str | None:
        """Return the session that a request belongs to."""
        given = request.cookies.get(self.cookie, "")
        return given if given in self._sessions else None

    def csrf(self, session: str) -> str:
        """Return what each POST of a session must carry; other sites cannot read it."""
        return hmac.new(self._secret, session.encode(), "sha256").hexdigest()

    def check_page(self, socket: HTTPConnection, asked: Mapping[str, Any]) -> None:
        """Refuse the first message of a WebSocket unless it is of a page of this session.

        Raises
        ------
        UsageError
            If it has another token.
        """
        expected = self.csrf(self.session(socket) or "")
        if not hmac.compare_digest(str(asked.get("csrf", "")).encode(), expected.encode()):
            raise UsageError("the page is of an earlier run; load it again")

    def is_token(self, given: str) -> bool:
        """Whether it is the token of the first URL."""
        return self.password is None and hmac.compare_digest(given.encode(), self.token.encode())


class Guard:
    """ASGI middleware that refuses what no page of ours has sent, and adds the safe headers."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope), scope)
        if scope["type"] == "websocket":
            if refusal:
                await send({"type": "websocket.close", "code": WRONG_ORIGIN})
            else:
                await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (refusal or self.app)(scope, receive, send_safely)

    def _refusal(self, request: HTTPConnection, scope: Scope) -> Response | None:
        host = request.headers.get("host", "")
        origin = request.headers.get("origin", NO_ORIGIN).lower()
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE
        if host_name(host) not in self.door.names:
            return _refused("this name is not one of this server")
        if origin != f"http://{host.lower()}" and (changes or origin != NO_ORIGIN):
            return _refused("another site asks for this page")
        if scope["type"] == "http" and scope["path"].startswith(OPEN_PATHS):
            return None
        session = self.door.session(request)
        if session is None:
            return (
                None
                if _may_enter(scope)
                else _refused("open the address that the program printed", HTTPStatus.UNAUTHORIZED)
            )
        if scope["type"] == "http" and changes:
            given = request.headers.get("x-csrf-token", "").encode()
            if not hmac.compare_digest(given, self.door.csrf(session).encode()):
                return _refused("the page is of an earlier run; load it again")
        return None


def _may_enter(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in SAFE and scope["path"] == "/"


def _refused(why: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> Response:
    return PlainTextResponse(f"Refused: {why}.\n", status)


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets; empty if it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def names_of(host: str | None) -> frozenset[str]:
    """Return the names under which a server at this address may be asked for."""
    if host is None or host in LOOPBACK:
        return LOOPBACK
    return LOOPBACK | {host.lower(), socket.gethostname().lower(), *own_addresses()}


def own_addresses() -> Iterable[str]:
    """Yield the addresses of this machine."""
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                yield address.address.partition("%")[0].lower()
