"""A gRPC server on loopback whose methods give back what they are sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, override

import grpc
import trustme

from live.sdk.places import Places


class Echo(grpc.GenericRpcHandler):
    """Any method: `…/Talk` streams both ways, every other is one message each way. ``calls`` are their names."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any]":
        self.calls.append(handler_call_details.method)
        if handler_call_details.method.endswith("/Talk"):
            return grpc.stream_stream_rpc_method_handler(_each)
        return grpc.unary_unary_rpc_method_handler(lambda message, _context: message)


def _each(messages: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
    yield from messages


def start(places: Places, *names: str) -> tuple[grpc.Server, Echo]:
    """Serve these names with TLS of its own."""
    certificate: trustme.LeafCert = places.ca.issue_cert(*names)
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
    echo = Echo()
    server = grpc.server(ThreadPoolExecutor(4), handlers=[echo])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    for name in names:
        places.relay(name, port, undo_tls=False)
    return server, echo
