"""Where a redirected connection was going (Linux netfilter), for the transparent mode."""

import socket
import struct

_SO_ORIGINAL_DST = 80
_SOL_IPV6 = 41


def original_destination(sock: socket.socket) -> tuple[str, int]:
    """Address and port that the client dialled.

    Raises:
        OSError: for a connection that was not redirected.
    """
    if "." in sock.getsockname()[0]:
        found = sock.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
        port, packed = struct.unpack_from("!2xH4s", found)
        return socket.inet_ntop(socket.AF_INET, packed), port
    found = sock.getsockopt(_SOL_IPV6, _SO_ORIGINAL_DST, 28)
    port, packed = struct.unpack_from("!2xH4x16s", found)
    return socket.inet_ntop(socket.AF_INET6, packed), port
