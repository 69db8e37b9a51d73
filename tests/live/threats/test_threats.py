"""Every class of the catalogue of threats, by raw octets through the real engine: nothing arrives."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from live.harness import LANES
from live.threats import content, framing, meaning, unseen
from live.threats.ground import Ground, check, grounds, sink
from live.threats.rows import OPENAI, Act, Fine, Row, Way, as_h2, json

in_one_loop = pytest.mark.asyncio(loop_scope="module")

ROWS: tuple[Row | Act, ...] = (*unseen.ROWS, *content.ROWS, *framing.ROWS, *meaning.ROWS)


def over_h2(row: Row) -> Row:
    """The same body over HTTP/2."""
    says = f"{row.says}, over HTTP/2"
    return replace(row, says=says, octets=as_h2(row.octets), way=Way.H2, status=(0, *row.status))


def in_pieces(row: Row) -> Row:
    """The same octets in writes of seven."""
    return replace(row, says=f"{row.says}, in writes of seven", piece=7)


_BODIES = [row for row in (*content.ROWS, *meaning.ROWS) if isinstance(row, Row) and row.way is Way.TLS]
_SHORT = [row for row in (*content.ROWS, *framing.ROWS) if isinstance(row, Row) and len(row.octets) < 2000]
ONCE_MORE = (
    *(
        over_h2(row)
        for row in _BODIES
        if row.octets.count(b" HTTP/1.1\r\n") == 1
        and b"Upgrade:" not in row.octets
        and len(row.octets) < 500_000
    ),
    *map(in_pieces, _SHORT),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=LANES)
async def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    directory, lanes = tmp_path_factory.mktemp("threats"), LANES[request.param]
    async with grounds(directory, sink(), sink(), alpn=("http/1.1",), lanes=lanes) as found:
        yield found


@in_one_loop
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_nothing_arrives(ground: Ground, row: Row | Act) -> None:
    await check(ground, row)


@in_one_loop
@pytest.mark.parametrize("row", ONCE_MORE, ids=str)
async def test_nothing_arrives_however_it_is_carried(ground: Ground, row: Row) -> None:
    await check(ground, row)


@in_one_loop
@pytest.mark.parametrize("way", [Way.TLS, Way.SOCKS], ids=str)
async def test_the_sink_would_have_told(ground: Ground, way: Way) -> None:
    """The control: what is innocent arrives and is counted, so that none counted means none arrived."""
    before = ground.reached()
    octets = json("/v1/embeddings", {"input": "x"})
    heard = await ground.attempt(Fine(twin=0, says="", octets=octets, connect=OPENAI, way=way))
    assert heard.status == 200
    after = ground.reached()
    assert after[0] in (
        before[0],
        before[0] + 1,
    )  # over a connection that another test left, or one of its own
    assert after[1] > before[1]


def test_every_class_has_a_row() -> None:
    missing = set(range(1, 58)) - {row.threat for row in ROWS}
    assert not missing
    assert len(ROWS) >= 150
    assert len({str(row) for row in ROWS}) == len(ROWS)
