"""The ordinary requests of tests/corpus on the wire: none is refused, over HTTP/1.1 in both lanes and HTTP/2."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from corpus.test_corpus import LEAST, LINES, transfer
from live.test_rule_parity import Lane, can_be_sent, lane_to
from property.seeds import Transfer

SENT = [(f"{file}:{number}", made) for file, number, line in LINES if can_be_sent(made := transfer(line))]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lane]:
    async with lane_to(tmp_path_factory.mktemp("corpus"), [case for _, case in SENT], ()) as made:
        yield made


def _ways(case: Transfer) -> tuple[str, ...]:
    upgrades = any(name.lower() == "upgrade" for name, _ in case.lines)
    return ("lean", "h1") if upgrades or case.url.startswith("http://") else ("lean", "h1", "h2")


def test_nearly_all_of_the_corpus_goes_on_the_wire() -> None:
    assert len(SENT) > LEAST


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("way", "case"),
    [
        pytest.param(way, case, id=f"{way}-{line}-{case.name[:60]}")
        for line, case in SENT
        for way in _ways(case)
    ],
)
async def test_an_ordinary_request_passes_on_the_wire(lane: Lane, case: Transfer, way: str) -> None:
    lane.setup.recorder.decisions.clear()
    heard = await lane.send(case, way)
    await lane.setup.recorder.at_rest()
    lane.hang_up()

    (told,) = [one.verdict for one in lane.setup.recorder.decisions]
    assert told.allows, (told.rules, told.operation, told.detail)
    assert heard.status == 200
