"""A gRPC client program: calls one method and prints a line of JSON. Proxy and CA come from its environment.

grpc_client.py unary|bidi HOST:PORT METHOD
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import grpc

MESSAGES = [b"one", b"two" * 50_000, b"three"]


def main(kind: str, target: str, method: str) -> dict[str, object]:
    with grpc.secure_channel(target, grpc.ssl_channel_credentials()) as channel:
        try:
            return {"code": "OK", "messages": [len(each) for each in call(channel, kind, method)]}
        except grpc.RpcError as fault:
            # Every error that a call raises is the call as well; the stubs do not say so.
            told: Any = fault
            return {"code": told.code().name, "details": told.details()}


def call(channel: grpc.Channel, kind: str, method: str) -> Iterator[bytes]:
    if kind == "unary":
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        yield unary(MESSAGES[1], timeout=30)
    else:
        stream: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        yield from stream(iter(MESSAGES), timeout=30)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
