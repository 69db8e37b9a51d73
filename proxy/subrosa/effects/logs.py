"""Logs on one stream: JSON lines for machines, or short lines for a person at a terminal; configured once."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from subrosa.effects.patience import PatientStream, Stream
from subrosa.effects.redact import REDACTED, redact_query
from subrosa.effects.secrets import KNOWN

type DecisionLog = Callable[[str, str], None]
"""Takes a redacted record as an encoded line, and its verdict's word; writes one line of log."""

_QUIETED = ("aiohttp", "asyncio", "mitmproxy", "watchfiles")
_QUERY = re.compile(r"(?<=\?)[^\s\"'<>`]+")
_USERINFO = re.compile(r"(?<=//)[^\s/@]+@")
_AUTHORIZATION = re.compile(r"(?i)\b((?:proxy-)?authorization\W{1,4}(?:\w+ )?|bearer |basic )[^\s\"',;]+")


def configure(to: Stream, *, console: bool = False, level: int = logging.INFO) -> DecisionLog:
    """Send everything that logs to ``to``, and give the function that writes decision lines.

    A stream with a file descriptor is never waited for (see `patience`). Other libraries are heard from WARNING
    on. The one place that changes process-wide state; the last call wins.
    """
    stream = _patient(to)
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        scrub_event,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), timestamp_key="time")
        if console
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    handler: logging.StreamHandler[Stream] = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIETED:
        logging.getLogger(name).setLevel(logging.WARNING)
    return _console(stream) if console else _json(stream)


class _Lines:
    """The logger that structlog writes rendered lines to."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    debug = info = warning = error = critical = exception = fatal = warn = log = failure = err = msg


def _patient(stream: Stream) -> Stream:
    descriptor = getattr(stream, "fileno", None)
    if descriptor is None:
        return stream
    try:
        number = descriptor()
    except OSError:  # io.UnsupportedOperation: the stream is in memory
        return stream
    stream.flush()
    return PatientStream(number)


def _json(stream: Stream) -> DecisionLog:
    """Lines that one turn of the event loop brings leave in one call: a call for each costs more than the line."""
    waiting: list[str] = []

    def flush() -> None:
        lines = "".join(waiting)
        waiting.clear()
        stream.write(lines)
        stream.flush()

    def write(line: str, verdict: str) -> None:
        level = "info" if verdict == "allow" else "warning"
        waiting.append(f'{{"event":"decision","level":"{level}",{line[1:]}\n')
        if len(waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(flush)
            except RuntimeError:  # no loop runs, so there are no turns
                flush()

    return write


def _console(stream: Stream) -> DecisionLog:
    def write(line: str, _verdict: str) -> None:
        stream.write(told(json.loads(line)) + "\n")
        stream.flush()

    return write


def told(record: Mapping[str, object]) -> str:
    """One decision in one line for a person."""
    rules = record["rules"]
    rule = rules[0] if isinstance(rules, (tuple, list)) and rules else record["reason"]
    words = [
        str(record["time"])[11:19],
        f"{record['verdict']!s:<11}",
        f"{record['method']} {record['host']}{record['path']}",
        f"[{rule}]",
        f"({record['operation'] or record['purpose']}, from {record['source']}, id {record['id']})",
    ]
    return " ".join(_printable(word) for word in words)


def _printable(text: str) -> str:
    return "".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text])


def scrub_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: every text of a line without secrets."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = scrub(value)
    return event


def scrub(text: str) -> str:
    """Free text, such as another library's message, without query values, userinfo, credentials and tokens."""
    text = _QUERY.sub(lambda match: redact_query(match[0]), text)
    text = _USERINFO.sub(REDACTED + "@", text)
    text = _AUTHORIZATION.sub(lambda match: match[1] + REDACTED, text)
    return KNOWN.sub(REDACTED, text)
