"""gRPC, message by message: a real client takes turns with a real server through the gateway."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, override

import grpc
import pytest

from live.doubles import policy
from live.harness import HOST, LIMITS, Setup, gateway, replace
from subrosa.content.kinds import KindTable, Recogniser
from subrosa.facts.body import Kind
from subrosa.policy.conditions import build
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.verdict import Outcome, Reason

pytestmark = pytest.mark.asyncio

SCRIPT = Path(__file__).parent / "sdk/grpc_turns.py"
CHATS = replace(
    policy(
        Rule(
            id="pledge.training-destination",
            rank=Rank.SEALED,
            outcome=Outcome.BLOCK,
            reason=Reason.TRAINING_DESTINATION,
            when=build({"kind": "chat"}),
        )
    ),
    kinds=KindTable([Recogniser(id="a-chat", kind=Kind.CHAT, meeting=True, text="SECRET")]),
)


def note(text: str) -> str:
    """A message with one text field, long enough for recognisers to look at."""
    text = text.ljust(100)
    return f"\n{chr(len(text))}{text}"


HELLO, SECRET, LONG = note("hello"), note("this is SECRET"), "x" * 300_000


class Echo(grpc.GenericRpcHandler):
    """Any method gives back each message as it comes; ``heard`` are all of them."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any]":
        return grpc.stream_stream_rpc_method_handler(self._each)

    def _each(self, messages: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        for message in messages:
            self.heard.append(message)
            yield message


@contextlib.asynccontextmanager
async def facing_grpc(directory: Path, **more: Any) -> AsyncIterator[tuple[Setup, int, Echo]]:
    async with gateway(directory, current=CHATS, **more) as setup:
        leaf = setup.authority.ca.issue_cert(HOST)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        echo = Echo()
        server = grpc.server(ThreadPoolExecutor(2), handlers=[echo])
        port = server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(leaf.private_key_pem.bytes(), chain)])
        )
        server.start()
        try:
            yield setup, port, echo
        finally:
            await asyncio.to_thread(server.stop(None).wait)


async def talk(setup: Setup, port: int, kind: str, coding: str, *messages: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), kind, f"{HOST}:{port}", "/acme.Notes/Talk", coding),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "https_proxy": f"http://127.0.0.1:{setup.port}",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(setup.ca),
        },
    )
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(messages).encode()), 40)
    told: dict[str, Any] = json.loads(out)
    return told


@pytest.mark.parametrize("coding", ["none", "gzip"])
@pytest.mark.parametrize("kind", ["stream", "turns"])
async def test_messages_pass_and_nobody_waits_for_the_other(tmp_path: Path, kind: str, coding: str) -> None:
    async with facing_grpc(tmp_path) as (setup, port, echo):
        told = await talk(setup, port, kind, coding, HELLO, LONG, "", HELLO)
        assert told == {"code": "OK", "details": "", "answers": [HELLO, LONG, "", HELLO]}
        await setup.recorder.at_rest()
        assert (setup.recorder.outcomes[0].refused, setup.recorder.outcomes[0].late) == ("", False)
        assert len(echo.heard) == 4


@pytest.mark.parametrize("coding", ["none", "gzip"])
async def test_a_refused_call_tells_why_and_no_message_of_it_leaves(tmp_path: Path, coding: str) -> None:
    async with facing_grpc(tmp_path) as (setup, port, echo):
        told = await talk(setup, port, "unary", coding, SECRET)
        assert told["code"] == "PERMISSION_DENIED"
        assert "pledge.training-destination" in told["details"]
        await setup.recorder.at_rest()
        outcome = setup.recorder.outcomes[0]
        assert (outcome.refused, outcome.rule) == ("training-destination", "pledge.training-destination")
        assert (outcome.late, outcome.sent) == (False, 0)
        assert echo.heard == []


@pytest.mark.parametrize("coding", ["none", "gzip"])
@pytest.mark.parametrize("kind", ["stream", "turns"])
async def test_a_refused_message_ends_the_stream_and_counts_as_late(
    tmp_path: Path, kind: str, coding: str
) -> None:
    async with facing_grpc(tmp_path) as (setup, port, echo):
        told = await talk(setup, port, kind, coding, HELLO, SECRET, HELLO)
        assert told["code"] == "PERMISSION_DENIED"
        assert "pledge.training-destination" in told["details"]
        if kind == "turns":
            assert told["answers"] == [HELLO]
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].late
        assert SECRET.encode() not in echo.heard


async def test_a_message_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    limits = replace(LIMITS, message=1000)
    async with facing_grpc(tmp_path, limits=limits) as (setup, port, _):
        told = await talk(setup, port, "turns", "none", HELLO, LONG)
        assert told["code"] == "RESOURCE_EXHAUSTED"
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].rule == "guard.limit"
