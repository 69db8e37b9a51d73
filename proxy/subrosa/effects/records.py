"""What is written of a decision and of its outcome: one declared list of fields, the same in logs and evidence.

Plain words are chosen where the standards differ among themselves; an exporter maps them:

| here | Elastic Common Schema | OCSF 1.8 HTTP Activity (4002) |
|---|---|---|
| `time` | `@timestamp` | `time` |
| `id` | `event.id` | `metadata.uid` |
| `verdict` | `event.type` allowed, denied | `action_id` 1 Allowed, 2 Denied, 3 Observed |
| `reason`, `detail` | `event.reason`, `message` | `status_detail`, `message` |
| `rules` | `rule.id` | `policy.uid` |
| `policy`, `profile` | `rule.version`, `rule.ruleset` | `policy.version`, `policy.name` |
| `source`, `client` | `observer.ingress.zone`, `client.ip` | `src_endpoint` |
| `user`, `subject` | `user.name`, `tls.client.subject` | `actor.user` |
| `scheme host port path query` | `url.{scheme,domain,port,path,query}` | `http_request.url` |
| `method`, `declared_length` | `http.request.{method,body.bytes}` | `http_request.{http_method,length}` |
| `operation`, `provider` | `labels.{operation,provider}` | `api.operation`, `api.service.name` |
| `seconds` | `event.duration` (ns) | `duration` (ms) |
| `upstream_status` | `http.response.status_code` | `http_response.code` |
| `sha256` | `file.hash.sha256` | `file.hashes` |
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any

from subrosa.effects.words import verdict_word
from subrosa.policy.decision import Decision, TransferOutcome
from subrosa.policy.verdict import Verdict

type Record = dict[str, object]

DECISION_FIELDS = (
    "record", "id", "time", "verdict", "reason", "rules", "stage", "status", "detail", "remedy",
    "operation", "provider", "purpose", "enforcing", "profile", "generation", "policy", "asserted",
    "customer_content", "kinds", "recognisers", "shapes", "tags",
    "source", "client", "listener", "user", "subject",
    "transport", "method", "scheme", "host", "port", "path", "query",
    "content_type", "declared_length", "checksums", "seconds",
)  # fmt: skip
OUTCOME_FIELDS = (
    "record", "id", "time", "sent", "received", "discarded", "upstream_status", "aborted", "refused", "rule", "late",
    "sha256", "seconds",
)  # fmt: skip


def decision_record(decision: Decision, now: float, seconds: float) -> Record:
    """The fields of one decision, not yet redacted; ``now`` is Unix time, ``seconds`` what deciding took."""
    verdict = decision.verdict
    return {
        "record": "decision",
        "id": decision.id,
        "time": timestamp(now),
        "verdict": verdict_word(verdict),
        "reason": verdict.reason.value,
        "rules": verdict.rules,
        "stage": verdict.stage.label,
        "status": 0 if verdict.allows else verdict.http_status,
        "detail": verdict.detail,
        "remedy": verdict.remedy,
        "operation": verdict.operation,
        "provider": verdict.provider,
        "purpose": verdict.purpose,
        "enforcing": decision.enforcing,
        "profile": decision.profile,
        "generation": decision.generation,
        "policy": decision.digest,
        "asserted": verdict.asserted,
        "customer_content": decision.customer_content,
        "kinds": decision.kinds,
        "recognisers": decision.recognisers,
        "shapes": decision.shapes,
        "tags": decision.tags,
        "source": decision.source,
        "client": decision.client,
        "listener": decision.listener,
        "user": decision.user,
        "subject": decision.subject,
        "transport": decision.transport,
        "method": decision.method,
        "scheme": decision.scheme,
        "host": decision.host,
        "port": decision.port,
        "path": decision.path,
        "query": decision.query,
        "content_type": decision.content_type,
        "declared_length": decision.declared_length,
        "checksums": decision.checksums,
        "seconds": round(seconds, 9),
    }


@dataclass(frozen=True, slots=True)
class Told:
    """The line of a decision without checksums as it was told, between time and length."""

    verdict: Verdict
    """Kept, so that no other has its place in memory: see `_alike`."""
    middle: str

    @classmethod
    def of(cls, decision: Decision, line: str, time: str) -> "Told":
        """What `again` needs of a decision that was told at this time."""
        start = line.index(_TIME) + len(_TIME) + len(time)
        return cls(decision.verdict, line[start : line.rindex(_LENGTH)])

    def again(self, decision: Decision, now: float, seconds: float) -> str:
        """The line of another decision that is equal but for its id and the length of its body."""
        return (
            f'{{"record":"decision","id":{_text(decision.id)}{_TIME}{timestamp(now)}{self.middle}'
            f"{_LENGTH}{decision.declared_length}{_REST}{round(seconds, 9)!r}}}"
        )


class ToldBefore:
    """The decisions told last under one policy: of one that is alike most of the line is there already."""

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self._told: dict[tuple[object, ...], Told] = {}

    def find(self, decision: Decision) -> Told | None:
        """What was told alike; of decisions with checksums, which are their own, nothing."""
        return None if decision.checksums else self._told.get(_alike(decision))

    def keep(self, decision: Decision, line: str, time: str) -> None:
        """Keep what was told of a decision at this time."""
        if decision.checksums:
            return
        if len(self._told) == self._most:
            self._told.clear()
        self._told[_alike(decision)] = Told.of(decision, line, time)


def _alike(decision: Decision) -> tuple[object, ...]:
    """What decisions have in common whose lines differ in nothing but id, time, length and seconds.

    Verdicts that tell no more than an operation are one for each (`policy.plans.Plan.plain`), so which one it is does.
    """
    return (
        id(decision.verdict), decision.host, decision.path, decision.method, decision.query, decision.content_type,
        decision.client, decision.user, decision.subject, decision.source, decision.listener, decision.transport,
        decision.scheme, decision.port, decision.customer_content, decision.kinds, decision.recognisers,
        decision.shapes, decision.tags, decision.generation, decision.digest, decision.enforcing, decision.profile,
    )  # fmt: skip


_text: Callable[[Any], str] = encode_basestring_ascii
_TIME, _LENGTH, _REST = ',"time":"', ',"declared_length":', ',"checksums":[],"seconds":'


def outcome_line(outcome: TransferOutcome, now: float) -> str:
    """The fields of one outcome as one line; ``seconds`` is the whole transfer's time.

    Written out, for there is one of each transfer: `encode` takes three times as long.
    """
    text = _text
    return (
        f'{{"record":"outcome","id":{text(outcome.id)},"time":"{timestamp(now)}","sent":{outcome.sent},'
        f'"received":{outcome.received},"discarded":{outcome.discarded},'
        f'"upstream_status":{outcome.upstream_status},"aborted":{text(outcome.aborted)},'
        f'"refused":{text(outcome.refused)},"rule":{text(outcome.rule)},'
        f'"late":{"true" if outcome.late else "false"},"sha256":{text(outcome.sha256)},'
        f'"seconds":{round(outcome.seconds, 6)!r}}}'
    )


def timestamp(now: float) -> str:
    """Unix time as RFC 3339 in UTC, to the microsecond."""
    micros = int(now * 1_000_000)
    return f"{_second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


@lru_cache(maxsize=4)
def _second(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")


encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, check_circular=False).encode
"""A record as one line of ASCII JSON, without the line's end."""
