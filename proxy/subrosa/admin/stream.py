"""Decisions as they come, as server-sent events; bounded in number, ended at shutdown."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from aiohttp import web

from subrosa.admin.answers import decorate, problem

MOST_STREAMS = 32
HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that a peer that is gone is noticed."""

SLOW = 15.0
"""How long one write may wait for a peer that does not read."""

type Record = dict[str, object]


class Streams:
    """The open streams of one port."""

    def __init__(self, subscribe: Callable[[], AbstractContextManager[asyncio.Queue[Record]]]) -> None:
        self._subscribe = subscribe
        self._open: set[asyncio.Task[object]] = set()

    async def serve(self, request: web.Request, wanted: Callable[[Record], bool]) -> web.StreamResponse:
        """Send every wanted record until the client leaves or the port stops."""
        task = asyncio.current_task()
        if task is None or len(self._open) >= MOST_STREAMS:
            return problem(429, f"{MOST_STREAMS} streams are open already: close one")
        self._open.add(task)
        try:
            return await self._send(request, wanted)
        finally:
            self._open.discard(task)

    async def end(self, _app: web.Application) -> None:
        """End every stream."""
        for task in tuple(self._open):
            task.cancel()

    async def _send(self, request: web.Request, wanted: Callable[[Record], bool]) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        decorate(answer)
        with self._subscribe() as queue:
            await answer.prepare(request)
            events = b": subrosa decisions\n\n"
            while await _written(answer, events):
                events = await _next(queue, wanted)
        if request.transport is not None:
            request.transport.abort()
        return answer


async def _written(answer: web.StreamResponse, events: bytes) -> bool:
    """Whether the peer takes what is sent."""
    if not events:
        return True
    try:
        async with asyncio.timeout(SLOW):
            await answer.write(events)
    except (TimeoutError, ConnectionError):
        return False
    return True


async def _next(queue: asyncio.Queue[Record], wanted: Callable[[Record], bool]) -> bytes:
    """The next wanted records, as many as are there; a comment after a silence."""
    try:
        async with asyncio.timeout(HEARTBEAT):
            record = await queue.get()
    except TimeoutError:
        return b": still here\n\n"
    records = [record]
    while not queue.empty():
        records.append(queue.get_nowait())
    return "".join([_event(each) for each in records if wanted(each)]).encode()


def _event(record: Record) -> str:
    return f"event: {record.get('record', 'decision')}\ndata: {json.dumps(record, default=str)}\n\n"
