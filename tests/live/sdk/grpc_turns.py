"""A gRPC client program that takes turns: it sends the next message once the last one was answered.

grpc_turns.py unary|stream|turns HOST:PORT METHOD none|gzip; the messages come as a line of JSON. Prints a line of JSON.
"""

import json
import queue
import sys
from collections.abc import Iterator
from typing import Any

import grpc

CODINGS = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


def main(kind: str, target: str, method: str, coding: str) -> dict[str, object]:
    messages = [each.encode() for each in json.load(sys.stdin)]
    found: list[str] = []
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(), compression=CODINGS[coding]) as channel:
        try:
            for answer in call(channel, kind, method, messages):
                found.append(answer.decode())  # noqa: PERF401 - what came before a fault counts
        except grpc.RpcError as fault:
            told: Any = fault
            return {"code": told.code().name, "details": told.details(), "answers": found}
    return {"code": "OK", "details": "", "answers": found}


def call(channel: grpc.Channel, kind: str, method: str, messages: list[bytes]) -> Iterator[bytes]:
    if kind == "unary":
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        yield unary(messages[0], timeout=20)
        return
    stream: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
    if kind == "stream":
        yield from stream(iter(messages), timeout=20)
        return
    turns: queue.Queue[bytes | None] = queue.Queue()
    left = iter([*messages[1:], None])
    turns.put(messages[0])
    for answer in stream(iter(turns.get, None), timeout=20):
        yield answer
        turns.put(next(left))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
