"""Connections to destinations: vetted, at exactly the vetted addresses, in bounded time, and used again."""

import asyncio
import ssl
from urllib.parse import urlsplit

from subrosa.facts.hosts import Authority, Host
from subrosa.gateway.judging import Shared
from subrosa.gateway.lean.answers import AnswerError, Answers
from subrosa.gateway.lean.trust import Trust
from subrosa.gateway.lean.upstream import Key, Upstream
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.vetting import DialError, DialFailed, vetted

_MOST_IDLE = 1024
_IDLE_SECONDS = 30.0
_TICK = 5.0
_SUCCESS = range(200, 300)


class Dialler:
    """Opens connections for one process, and keeps those that nobody uses."""

    def __init__(self, shared: Shared, trust: Trust, parent: str | None) -> None:
        self._shared = shared
        self._trust = trust
        self.parent = _parent(parent)
        """The parent proxy, spoken to in clear."""
        self._idle: dict[Key, list[Upstream]] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, key: Key, authority: Authority, *, fresh: bool = False) -> Upstream:
        """A connection to a destination; not ``fresh``: maybe one that was used before.

        Raises:
            DialFailed: refused, unresolved, unreachable, not trusted, or out of time.
        """
        via = self.parent
        addresses = await vetted(self._shared, via or authority, parent=via is not None)
        if not fresh and (kept := self._take(key, addresses)) is not None:
            return kept
        upstream = Upstream(key, self._shared.limits.response_head)
        await self._connect(upstream, via or authority, addresses)
        if key[2]:
            await self._secure(upstream, key, authority)
        upstream.pipe.limit(self._shared.limits.backlog)
        return upstream

    # --- what is kept --------------------------------------------------------------------------------------

    def give(self, upstream: Upstream) -> None:
        """Take back a connection that its client needs no more."""
        tls, loop = upstream.pipe.tls, asyncio.get_running_loop()
        if tls is not None and upstream.reused:
            self._trust.keep(upstream.key, tls, loop.time())
        if not upstream.usable or upstream.pinned or self._count >= _MOST_IDLE:
            upstream.pipe.abort()
            return
        upstream.idle_since = loop.time()
        upstream.gone_idle = self._forget
        self._idle.setdefault(upstream.key, []).append(upstream)
        self._count += 1
        if self._timer is None:
            self._timer = loop.call_later(_TICK, self._sweep)

    def close(self) -> None:
        """Close all that is kept."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for upstream in [each for kept in self._idle.values() for each in kept]:
            upstream.pipe.abort()

    def _take(self, key: Key, addresses: list[str]) -> Upstream | None:
        """The one that was used last, at an address that may be dialled now."""
        kept = self._idle.get(key, [])
        for upstream in reversed(kept):
            if upstream.usable and upstream.address in addresses:
                self._forget(upstream)
                return upstream
        return None

    def _forget(self, upstream: Upstream) -> None:
        upstream.gone_idle = None
        kept = self._idle.get(upstream.key, [])
        if upstream in kept:
            kept.remove(upstream)
            self._count -= 1
            if not kept:
                del self._idle[upstream.key]

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        old = loop.time() - _IDLE_SECONDS
        for upstream in [each for kept in self._idle.values() for each in kept if each.idle_since < old]:
            upstream.pipe.close()
        self._timer = loop.call_later(_TICK, self._sweep) if self._idle else None

    # --- what is opened ------------------------------------------------------------------------------------

    async def _connect(self, upstream: Upstream, authority: Authority, addresses: list[str]) -> None:
        last = DialError(f"{authority} has no address", fault=ProxyError.DNS_ERROR)
        limit, loop = self._shared.limits.connect_seconds, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit):
                for address in addresses:
                    try:
                        await loop.create_connection(lambda: upstream.pipe, address, authority.port)
                    except OSError as fault:
                        refused = isinstance(fault, ConnectionRefusedError)
                        told = ProxyError.REFUSED if refused else ProxyError.UNAVAILABLE
                        last = DialError(f"{authority} cannot be reached", fault=told)
                    else:
                        upstream.address = address
                        return
        except TimeoutError:
            last = DialError(f"{authority} did not answer within {limit:g} s", fault=ProxyError.TIMEOUT)
        raise DialFailed(last)

    async def _secure(self, upstream: Upstream, key: Key, authority: Authority) -> None:
        """TLS to the destination, through the parent proxy where there is one."""
        limit = self._shared.limits.connect_seconds
        pipe, host = upstream.pipe, authority.host
        try:
            async with asyncio.timeout(limit):
                if self.parent is not None:
                    await self._tunnel(upstream, authority)
                pipe.ready = asyncio.get_running_loop().create_future()
                context = self._trust.context(host)
                pipe.start_tls(context, key[0], self._trust.session(key))
                await pipe.ready
        except TimeoutError:
            told = DialError(f"{authority} did not answer within {limit:g} s", fault=ProxyError.TIMEOUT)
        except ssl.SSLCertVerificationError:
            told = DialError("the destination's certificate is not trusted", fault=ProxyError.TLS_CERTIFICATE)
        except (AnswerError, ssl.SSLError, OSError) as fault:
            parent = isinstance(fault, AnswerError)
            told = DialError(
                "the parent proxy refused the connection"
                if parent
                else "the TLS handshake with the destination failed",
                fault=ProxyError.UNAVAILABLE if parent else ProxyError.TLS_PROTOCOL,
            )
        else:
            return
        pipe.abort()
        raise DialFailed(told)

    async def _tunnel(self, upstream: Upstream, authority: Authority) -> None:
        """RFC 9110 9.3.6; what the parent says beside 2xx is not told."""
        waiting = _Tunnel(asyncio.get_running_loop().create_future(), self._shared.limits.response_head)
        upstream.pipe.owner = waiting
        named = str(authority).encode()
        upstream.pipe.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (named, named))
        status = await waiting.status
        if status not in _SUCCESS:
            raise AnswerError("it refused")
        upstream.pipe.owner = upstream


class _Tunnel:
    """Owns a pipe until the parent proxy has answered."""

    def __init__(self, status: "asyncio.Future[int]", most: int) -> None:
        self.status = status
        self._answers = Answers(most)
        self._buffer = bytearray()

    def received(self, octets: memoryview) -> None:
        self._buffer += octets
        head = self._answers.take(self._buffer, to_head=True)
        if head is not None:
            if self._buffer:
                raise AnswerError("octets follow the answer")
            self._done(head.status)

    def ended(self) -> None:
        raise AnswerError("it closed the connection")

    def lost(self) -> None:
        self.ended()

    def full(self) -> None:
        pass

    def room(self) -> None:
        pass

    def failed(self, fault: BaseException) -> None:
        if not self.status.done():
            self.status.set_exception(fault)

    def _done(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)


def _parent(url: str | None) -> Authority | None:
    """The parent proxy of the settings; one that is spoken to in TLS is the engine's."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    return Authority(Host.parse(f"[{host}]" if ":" in host else host), parts.port or 80)
