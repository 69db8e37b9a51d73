"""SOCKS5 (RFC 1928, RFC 1929): a user who is named is verified, and one who must be named cannot be left out."""

from typing import override

from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.modes import (
    SOCKS5_METHOD_NO_ACCEPTABLE_METHODS,
    SOCKS5_METHOD_NO_AUTHENTICATION_REQUIRED,
    SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION,
    SOCKS5_VERSION,
    Socks5Proxy,
)

from subrosa.gateway.session import Session

_GREETING = 2


class VerifiedSocks5(Socks5Proxy):
    """Offers what the client can do and the policy asks for."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self.session = session

    @override
    def state_greet(self) -> layer.CommandGenerator[None]:
        if len(self.buf) < _GREETING or len(self.buf) < _GREETING + self.buf[1]:
            return
        if self.buf[0] != SOCKS5_VERSION:
            yield from self.socks_err("no SOCKS5 greeting")
            return
        offered = self.buf[_GREETING : _GREETING + self.buf[1]]
        policy = self.session.shared.ports.policy()
        demanded = policy is None or policy.sources.must_authenticate(self.session.client)
        if SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION in offered:
            method, self.state = SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION, self.state_auth  # type: ignore[method-assign]
        elif SOCKS5_METHOD_NO_AUTHENTICATION_REQUIRED in offered and not demanded:
            method, self.state = SOCKS5_METHOD_NO_AUTHENTICATION_REQUIRED, self.state_connect  # type: ignore[method-assign]
        else:
            yield from self.socks_err("a user is asked for", SOCKS5_METHOD_NO_ACCEPTABLE_METHODS)
            return
        yield commands.SendData(self.context.client, bytes([SOCKS5_VERSION, method]))
        self.buf = self.buf[_GREETING + self.buf[1] :]
        yield from self.state()

    state = state_greet
