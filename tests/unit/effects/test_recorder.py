import asyncio
import json
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from helpers import policy
from subrosa.effects.evidence import Told
from subrosa.effects.feed import Feed
from subrosa.effects.recorder import Recorder
from subrosa.effects.records import decision_record, encode
from subrosa.effects.redact import TagWords, redact
from subrosa.effects.segments import read_segments
from subrosa.gateway import ports
from subrosa.policy.decision import Decision, EvidenceError, TransferOutcome
from telling import ALLOW, BLOCK, NOW, OBSERVED, Lines, Shelf, decision, metrics, outcome, settled


class Kit:
    """A recorder on doubles."""

    def __init__(self, *, most_recent: int = 1_000) -> None:
        self.metrics, self.registry = metrics()
        self.log, self.shelf = Lines(), Shelf()
        self.feed = Feed(most_recent)
        self.recorder = Recorder(self.metrics, self.log, lambda: NOW, self.feed.take)
        self.recorder.keep_in(self.shelf)
        self.recorder.policy_swapped(policy())

    def transfers(self) -> dict[tuple[str, str], float]:
        return transfers(self.registry)

    def kept(self) -> list[dict[str, object]]:
        return [json.loads(line) for line, _ in self.shelf.lines]


def test_it_is_what_the_gateway_asks_for() -> None:
    port: ports.Recorder = Kit().recorder

    assert port is not None


def transfers(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["verdict"], sample.labels["reason"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "subrosa_transfers_total"
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("verdict", [ALLOW, BLOCK, OBSERVED])
@pytest.mark.parametrize("content", [True, False])
async def test_one_decision_is_one_record_one_line_and_one_count(verdict: object, content: bool) -> None:
    kit = Kit()
    for number in range(20):
        await settled(
            kit.recorder.decided(decision(id=f"{number}", verdict=verdict, customer_content=content), 1e-5)
        )
    names = [f"{number}" for number in range(20)]

    assert [record["id"] for record in kit.kept()] == names
    assert [record["id"] for record in kit.log.records] == names
    assert sum(kit.transfers().values()) == 20
    assert Counter(durable for _, durable in kit.shelf.lines) == {content: 20}


@pytest.mark.asyncio
async def test_log_and_evidence_tell_the_same() -> None:
    kit = Kit()
    await settled(kit.recorder.decided(decision(tags=(("x-purpose", "x-purpose", "model-training"),)), 1e-5))

    assert kit.kept() == [json.loads(json.dumps(kit.log.records[0]))]


@pytest.mark.asyncio
async def test_what_is_told_is_redacted_with_the_vocabulary_in_force() -> None:
    kit = Kit()
    tags = (("x-purpose", "x-purpose", "model-training"), ("x-purpose", "x-purpose", "budget"))
    await settled(kit.recorder.decided(decision(query="sig=abc", tags=tags), 1e-5))

    assert kit.kept()[0]["query"] == "sig=[redacted]"
    assert kit.kept()[0]["tags"] == [
        ["x-purpose", "x-purpose", "model-training"],
        ["x-purpose", "x-purpose", "[6 chars]"],
    ]


CHANGED: dict[str, object] = {
    "verdict": replace(BLOCK, operation="acme.other"),
    "generation": 2, "digest": "77", "profile": "strict", "enforcing": False, "customer_content": False,
    "source": "recorder", "client": "192.0.2.2", "listener": "explicit:9090", "user": "ada", "subject": "CN=ada",
    "transport": "h2", "method": "PUT", "scheme": "http", "host": "other.example", "port": 80, "path": "/other",
    "query": "a=b", "content_type": "text/plain", "declared_length": 7, "kinds": ("audio",),
    "recognisers": ("wav",), "shapes": ("coco",), "tags": (("x-a", "x-a", "model-training"),),
    "checksums": (("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),),
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("field", [one.name for one in fields(Decision) if one.name not in {"id", "shared"}])
async def test_whatever_a_decision_differs_in_from_the_last_one_is_told(field: str) -> None:
    kit, words = Kit(), TagWords.of(policy().tags.vocabulary)
    told = [decision(id="1"), decision(id="2", **{field: CHANGED[field]}), decision(id="3")]
    for one in told:
        await settled(kit.recorder.decided(one, 1e-5))

    assert kit.kept() == [json.loads(encode(redact(decision_record(one, NOW, 1e-5), words))) for one in told]


@pytest.mark.asyncio
async def test_an_allow_that_cannot_be_kept_is_told_as_the_refusal_that_it_becomes() -> None:
    kit = Kit()
    kit.shelf.fault = "disk full"
    with pytest.raises(EvidenceError):
        await settled(kit.recorder.decided(decision(verdict=ALLOW), 1e-5))

    assert kit.transfers() == {("block", "evidence"): 1}
    assert [(record["verdict"], record["reason"]) for record in kit.log.records] == [("block", "evidence")]
    assert kit.kept() == []


@pytest.mark.asyncio
async def test_a_block_that_cannot_be_kept_stays_the_block_that_it_is() -> None:
    kit = Kit()
    kit.shelf.fault = "disk full"
    with pytest.raises(EvidenceError):
        await settled(kit.recorder.decided(decision(), 1e-5))

    assert kit.transfers() == {("block", "training-destination"): 1}


@pytest.mark.asyncio
async def test_a_control_request_passes_while_evidence_fails() -> None:
    kit = Kit()
    kit.shelf.fault = "disk full"
    await settled(kit.recorder.decided(decision(verdict=ALLOW, customer_content=False), 1e-5))

    assert kit.transfers() == {("allow", "allowed"): 1}


@pytest.mark.asyncio
async def test_without_a_store_customer_content_is_refused() -> None:
    made, _ = metrics()
    recorder = Recorder(made, Lines(), lambda: NOW, Feed().take)
    with pytest.raises(EvidenceError):
        await settled(recorder.decided(decision(verdict=ALLOW), 1e-5))
    await settled(recorder.decided(decision(verdict=ALLOW, customer_content=False), 1e-5))


@pytest.mark.asyncio
async def test_a_caller_who_gives_up_leaves_a_refusal_and_a_record_that_nothing_left() -> None:
    kit = Kit()
    kit.shelf.stuck = True
    task = asyncio.ensure_future(settled(kit.recorder.decided(decision(verdict=ALLOW), 1e-5)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert kit.transfers() == {("block", "evidence"): 1}
    assert [(record["record"], record.get("aborted")) for record in kit.kept()] == [
        ("decision", None),
        ("outcome", "gateway"),
    ]


@pytest.mark.asyncio
async def test_an_outcome_follows_its_decision() -> None:
    kit = Kit()
    await settled(kit.recorder.decided(decision(), 1e-5))
    kit.recorder.ended(decision(), outcome(discarded=7, sha256="ab"))

    assert [record["record"] for record in kit.kept()] == ["decision", "outcome"]
    assert [durable for _, durable in kit.shelf.lines] == [True, False]
    shown = kit.feed.recent()[0]["outcome"]
    assert isinstance(shown, dict)
    assert shown["discarded"] == 7


@pytest.mark.asyncio
async def test_the_end_of_a_transfer_never_raises() -> None:
    kit = Kit()
    kit.shelf.fault = "disk full"
    kit.recorder.ended(decision(), outcome())
    kit.recorder.ended(decision(), TransferOutcome(id="x", seconds="no number"))  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_the_latest_decisions_are_kept_newest_first_and_no_more_than_so_many() -> None:
    kit = Kit(most_recent=3)
    for number in range(10):
        await settled(kit.recorder.decided(decision(id=f"{number}"), 1e-5))

    assert [record["id"] for record in kit.feed.recent()] == ["9", "8", "7"]


@pytest.mark.asyncio
async def test_listeners_hear_decisions_and_outcomes_and_slow_ones_lose_the_oldest() -> None:
    kit = Kit()
    with kit.feed.subscribe(most=2) as slow, kit.feed.subscribe() as quick:
        for number in range(4):
            await settled(kit.recorder.decided(decision(id=f"{number}"), 1e-5))
        kit.recorder.ended(decision(id="3"), outcome("3"))
        heard = [quick.get_nowait()["id"] for _ in range(quick.qsize())]
        late = [slow.get_nowait()["record"] for _ in range(slow.qsize())]
    await settled(kit.recorder.decided(decision(id="after"), 1e-5))

    assert heard == ["0", "1", "2", "3", "3"]
    assert late == ["decision", "outcome"]
    assert quick.empty()


@pytest.mark.asyncio
async def test_a_batch_that_is_lost_is_counted_and_its_fault_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kit = Kit()
    for told in (Told(3), Told(2, "full"), Told(4, "full"), Told(1), Told(1)):
        kit.recorder.evidence_told(told)
    lines = capsys.readouterr().out

    assert kit.registry.get_sample_value("subrosa_evidence_records_total") == 5
    assert kit.registry.get_sample_value("subrosa_evidence_failures_total") == 6
    assert lines.count("evidence cannot be kept") == 1
    assert lines.count("evidence is kept again") == 1


@pytest.mark.asyncio
async def test_through_a_real_store_every_decision_is_there_once(tmp_path: Path) -> None:
    from subrosa.effects.evidence import Evidence
    from subrosa.effects.segments import Segments

    kit = Kit()
    store = Evidence(Segments(tmp_path, lambda: NOW), kit.recorder.evidence_told)
    kit.recorder.keep_in(store)

    async def one(name: int) -> None:
        made: Decision = decision(id=f"{name}", verdict=ALLOW, customer_content=name % 3 > 0)
        await settled(kit.recorder.decided(made, 1e-5))
        kit.recorder.ended(made, replace(outcome(), id=f"{name}"))

    await asyncio.gather(*(one(name) for name in range(300)))
    await store.close()
    await asyncio.sleep(0)
    found = Counter((entry.record["record"], entry.record.get("id")) for entry in read_segments(tmp_path))

    assert found == Counter(
        [("segment", None), *((kind, f"{name}") for name in range(300) for kind in ("decision", "outcome"))]
    )
    assert kit.registry.get_sample_value("subrosa_evidence_records_total") == 600
