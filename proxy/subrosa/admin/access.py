"""Who may use the admin port: a token off loopback, no foreign Host on loopback, no other site's requests anywhere."""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from subrosa.admin.answers import problem
from subrosa.admin.asking import AskedWrongError

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD"})
_OWN_SITE = frozenset({"same-origin", "none"})
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``loopback``: the port is bound to a loopback address. Off it, an empty ``token`` lets nobody in.

    ``open``: anyone may read, as on the metrics port.
    """

    loopback: bool
    token: str = ""
    open: bool = False

    @property
    def needs_token(self) -> bool:
        """Whether a request must show the token."""
        return not self.open and (bool(self.token) or not self.loopback)

    def shows_token(self, authorization: str) -> bool:
        """Whether an Authorization value is the token: as Bearer, or as the password of Basic for browsers."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            given = _password(given)
        elif scheme.lower() != "bearer":
            given = ""
        right = hmac.compare_digest(given.strip().encode(), self.token.encode())
        return right and bool(self.token)

    def allows_host(self, host: str) -> bool:
        """Whether a Host value is one that this port is reached by; off loopback any is, the token guards it."""
        return not self.loopback or is_loopback(_name_of(host))


def is_loopback(host: str) -> bool:
    """Whether a host, without port or brackets, is this machine by a name that no resolver can change."""
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def guard(access: Access, decorate: Callable[[web.StreamResponse], None]) -> Middleware:
    """A middleware that refuses who may not use the port, and gives each answer its headers."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            answer = _refusal(access, request) or await handler(request)
        except AskedWrongError as fault:
            answer = fault.answer
        except web.HTTPException as fault:
            answer = problem(fault.status, fault.reason, allow=fault.headers.get("Allow", ""))
        if not answer.prepared:
            decorate(answer)
        return answer

    return guarded


def _refusal(access: Access, request: web.Request) -> web.Response | None:
    if not access.allows_host(request.headers.get("Host", "")):
        return problem(421, "this port is bound to loopback: use http://127.0.0.1 or http://localhost")
    if request.path in OPEN_PATHS:
        return None
    if access.needs_token and not access.shows_token(request.headers.get("Authorization", "")):
        answer = problem(401, "give the admin token: `Authorization: Bearer …` (browsers: as the password)")
        answer.headers.add("WWW-Authenticate", 'Bearer realm="subrosa"')
        answer.headers.add("WWW-Authenticate", 'Basic realm="subrosa", charset="UTF-8"')
        return answer
    if request.method not in _SAFE and not _own_site(request):
        return problem(403, "another site's page may not change the gateway")
    return None


def _own_site(request: web.Request) -> bool:
    """Browsers say where a request comes from; tools that are no browsers say nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OWN_SITE:
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host", "")


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
