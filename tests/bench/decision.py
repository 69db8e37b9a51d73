"""What one decision costs, by kind of request, and how that grows with the number of rules: `python -m bench.decision`.

CPU time of the thread, so that a busy machine changes little; each figure is of single decisions, less what reading the
clock costs. *Head* is a new inspection and its head; *held* goes on with a small body and its end. The policies are
kept from the garbage collector, whose walks through them would be anybody's time.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import cycle

from property.seeds import Transfer, head_of, shipped
from subrosa.facts.records import ClientFacts, ConnectFacts, RequestHead
from subrosa.policy.conditions import build
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.index import Index
from subrosa.policy.inspection import Inspection
from subrosa.policy.operations import Operation, RequestPattern
from subrosa.policy.policy import Policy, precedence
from subrosa.policy.purposes import Purpose, Strength
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.verdict import Outcome, Reason

SIZES = (100, 1_000, 10_000, 100_000)
"""Rules in the synthetic policies: half operations of the catalogue, half blocks of a user by host."""
DECISIONS = 4_000
TURNS = 5
NUMBER, NEW_EACH_TIME = "NUMBER", 10_000
"""What stands for a number in an address, and how many there are: more than any memory of short paths."""
HOSTS = 20
"""Hosts that the requests of a synthetic run go to."""
CLIENT = ConnectFacts(client=ClientFacts(listener="explicit:8080", address=ip_address("127.0.0.1")))

_JSON = ("Content-Type", "application/json")
_CHAT = b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "Summarise the meeting of today."}]}'
_PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: '
    b'form-data; name="file"; filename="minutes.txt"\r\n\r\nAda: hello\r\n--b--\r\n'
)
_USUAL = (
    ("User-Agent", "client/1.0"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
)


def _request(name: str, line: str, *lines: tuple[str, str], body: bytes = b"") -> Transfer:
    method, url = line.split(" ")
    return Transfer(name=name, method=method, url=url, lines=(*_USUAL, *lines), body=body)


REQUESTS = (
    _request("GET, unclassified host", "GET https://example.com/index.html"),
    _request("GET of an object, S3", "GET https://syn.s3.eu-central-1.amazonaws.com/rec/minutes.pdf"),
    _request(
        "PUT of a recording, S3",
        "PUT https://syn.s3.eu-central-1.amazonaws.com/zoom/GMT20260108-120125_Recording.mp4",
        ("Content-Type", "video/mp4"),
        ("x-amz-tagging", "team=sales&kind=recording"),
        body=b"\0\0\0\x18ftypmp42" + b"\0" * 1000,
    ),
    _request(
        "PUT of an object, S3, another key each time",
        f"PUT https://syn.s3.eu-central-1.amazonaws.com/rec/{NUMBER}.pdf?x-id=PutObject",
        ("Content-Type", "application/pdf"),
        body=b"%PDF-1.7",
    ),
    _request(
        "GET, unclassified host, another path each time",
        f"GET https://example.com/api/v1/items/{NUMBER}",
    ),
    _request(
        "POST of a film, unclassified host",
        "POST https://films.example.com/in/a.mp4",
        ("Content-Type", "video/mp4"),
        body=b"\0\0\0\x18ftypmp42" + b"\0" * 1000,
    ),
    _request(
        "POST of octets, unclassified host",
        "POST https://intake.example.com/in/a.bin",
        ("Content-Type", "application/octet-stream"),
        body=b"\0\1" * 500,
    ),
    _request(
        "POST of JSON, unclassified host",
        "POST https://hooks.example.com/v1/events",
        _JSON,
        body=b'{"event": "recording.completed", "id": 7}',
    ),
    _request("chat completion, OpenAI", "POST https://api.openai.com/v1/chat/completions", _JSON, body=_CHAT),
    _request(
        "file upload, OpenAI",
        "POST https://api.openai.com/v1/files",
        ("Content-Type", "multipart/form-data; boundary=b"),
        body=_PARTS,
    ),
    _request(
        "fine-tuning job, OpenAI",
        "POST https://api.openai.com/v1/fine_tuning/jobs",
        _JSON,
        body=b'{"model": "gpt-4.1", "training_file": "file-1"}',
    ),
    _request(
        "training job, SageMaker",
        "POST https://api.sagemaker.eu-central-1.amazonaws.com/",
        ("X-Amz-Target", "SageMaker.CreateTrainingJob"),
        ("Content-Type", "application/x-amz-json-1.1"),
        body=b'{"TrainingJobName": "t"}',
    ),
    _request(
        "message, Slack",
        "POST https://slack.com/api/chat.postMessage",
        _JSON,
        body=b'{"channel": "C1", "text": "The minutes are there."}',
    ),
    _request(
        "InvokeModel, Bedrock",
        "POST https://bedrock-runtime.eu-central-1.amazonaws.com/model/anthropic.claude-v2/invoke",
        _JSON,
        body=b'{"messages": [{"role": "user", "content": "Summarise."}], "max_tokens": 100}',
    ),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one kind of decision, in microseconds of CPU."""

    median: float
    p99: float

    @classmethod
    def of(cls, decide: Callable[[], object], times: int) -> "Cost":
        """Measure after a warm-up of a tenth."""
        for _ in range(times // 10):
            decide()
        spent = sorted(max(0, one - _clock()) for one in _timed(decide, times))
        return cls(statistics.median(spent) / 1000, spent[len(spent) * 99 // 100] / 1000)


def _timed(decide: Callable[[], object], times: int) -> Iterator[int]:
    clock = time.thread_time_ns
    for _ in range(times):
        before = clock()
        decide()
        yield clock() - before


_CLOCK: list[float] = []


def _clock() -> float:
    """What two readings of the clock cost, in nanoseconds."""
    if not _CLOCK:
        _CLOCK.append(statistics.median(_timed(lambda: None, 20_000)))
    return _CLOCK[0]


def head_only(policy: Policy, heads: Sequence[RequestHead]) -> Callable[[], object]:
    """A decision at the head, of each in turn."""
    turn = cycle(heads)
    return lambda: Inspection(policy, CLIENT).head(next(turn))


def whole(policy: Policy, heads: Sequence[RequestHead], body: bytes) -> Callable[[], object]:
    """A decision with the body, where that is asked for."""
    turn = cycle(heads)

    def decide() -> None:
        inspection = Inspection(policy, CLIENT)
        if not inspection.head(next(turn)).decided:
            inspection.data(body)
            inspection.end()

    return decide


def _heads(request: Transfer) -> list[RequestHead]:
    """The request's head; many, where its address has a number in it that is another each time."""
    if NUMBER not in request.url:
        return [head_of(request)]
    urls = (request.url.replace(NUMBER, str(number)) for number in range(NEW_EACH_TIME))
    return [head_of(replace(request, url=url)) for url in urls]


def by_request(times: int = DECISIONS) -> Iterator[dict[str, object]]:
    """Each kind of request under the shipped rules."""
    policy = shipped()
    gc.collect()
    gc.freeze()
    for request in REQUESTS:
        heads = _heads(request)
        told = Inspection(policy, CLIENT).head(heads[0])
        at_head = Cost.of(head_only(policy, heads), times)
        row: dict[str, object] = {
            "request": request.name,
            "decided": "head" if told.decided else "body",
            "head_median_us": round(at_head.median, 1),
            "head_p99_us": round(at_head.p99, 1),
        }
        if not told.decided:
            held = Cost.of(whole(policy, heads, request.body), times // 2)
            row |= {"held_median_us": round(held.median, 1), "held_p99_us": round(held.p99, 1)}
        yield row


# --- many rules ------------------------------------------------------------------------------------------------


def synthetic(rules: int) -> Policy:
    """The shipped policy's own rules, and so many more: providers of ten operations, blocks that name a host."""
    base, index = shipped(), Index()
    each, purposes = rules // 2, (Purpose.SAAS, Purpose.FINE_TUNING)
    for at in range(each):
        pattern = RequestPattern(frozenset({"POST"}), f"/v1/things{at % 10}/{{id}}")
        one = Operation(
            id=f"p{at // 10}.o{at % 10}",
            provider=f"p{at // 10}",
            purpose=purposes[at % 2],
            strength=Strength.LIKELY,
            requests=(pattern,),
        )
        index.add(HostPattern.parse(f"api.p{at // 10}.example"), one, pattern)
    blocks = [
        Rule(
            id=f"corp.r{at}",
            rank=Rank.BLOCK,
            outcome=Outcome.BLOCK,
            reason=Reason.USER_RULE,
            when=build({"host": [f"www.q{at}.example"], "method": ["PUT"]}),
        )
        for at in range(each)
    ]
    own = (*base.blocks.everywhere, *base.allows.everywhere, *base.defaults.everywhere)
    first, second, third = precedence((*own, *blocks))
    return replace(base, index=index, blocks=first, allows=second, defaults=third)


def _asked(rules: int) -> Iterator[Transfer]:
    """Requests to a catalogued host, to one that a block names, and to one that nobody knows, in turn."""
    for at in range(HOSTS):
        spread = at * (rules // 2) // HOSTS
        yield _request("", f"POST https://api.p{spread // 10}.example/v1/things0/7", _JSON, body=b"{}")
        yield _request("", f"GET https://www.q{spread}.example/a/b")
        yield _request("", f"GET https://nobody{at}.example/a/b")


def by_rules(times: int = DECISIONS, sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, object]]:
    """The same mix of requests under more and more rules, in turns; ``ratio`` is to the first of these policies."""
    policies = {rules: synthetic(rules) for rules in sizes}
    heads = {rules: [head_of(one) for one in _asked(rules)] for rules in sizes}
    gc.collect()
    gc.freeze()
    turns: dict[int, list[Cost]] = {rules: [] for rules in sizes}
    for _ in range(TURNS):
        for rules, policy in policies.items():
            turns[rules].append(Cost.of(head_only(policy, heads[rules]), times // TURNS))
    medians = {rules: statistics.median(cost.median for cost in costs) for rules, costs in turns.items()}
    for rules, costs in turns.items():
        yield {
            "rules": rules,
            "head_median_us": round(medians[rules], 1),
            "head_p99_us": round(statistics.median(cost.p99 for cost in costs), 1),
            "ratio": round(medians[rules] / medians[sizes[0]], 2),
        }


def measure(times: int = DECISIONS) -> list[dict[str, object]]:
    """All figures, one row a kind of request and one a number of rules."""
    return [*by_request(times), *by_rules(times)]


def main() -> None:
    """Print the rows as a table, or as JSON."""
    parser = argparse.ArgumentParser(prog="bench.decision", description=__doc__)
    parser.add_argument("--decisions", type=int, default=DECISIONS, help="of each kind")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    told = parser.parse_args()
    rows = measure(told.decisions)
    if told.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"{'request or rules':48}{'decided':>8}{'head us':>9}{'p99':>7}{'held us':>9}{'p99':>7}{'ratio':>7}"
    )
    for row in rows:
        name = row.get("request", f"{row.get('rules'):,} rules" if "rules" in row else "")
        cells = [row.get(key, "") for key in _COLUMNS]
        print(f"{name:48}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)))


_COLUMNS = ("decided", "head_median_us", "head_p99_us", "held_median_us", "held_p99_us", "ratio")
_WIDTHS = (8, 9, 7, 9, 7, 7)

if __name__ == "__main__":
    main()
