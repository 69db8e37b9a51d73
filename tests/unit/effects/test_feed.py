"""The latest decisions and who follows them; what one process tells stands in the recorder's tests."""

from collections.abc import Iterable

import pytest

from subrosa.effects.feed import Feed
from subrosa.effects.records import Record


def records(first: int, count: int) -> list[Record]:
    return [{"record": "decision", "id": f"{at}"} for at in range(first, first + count)]


def ids(found: Iterable[Record]) -> list[str]:
    return [str(record["id"]) for record in found]


class Batch:
    """Records that note when they are read."""

    def __init__(self, *found: Record) -> None:
        self.found = found
        self.reads = 0

    def __call__(self) -> Iterable[Record]:
        self.reads += 1
        return self.found


def test_what_comes_in_batches_is_read_once_and_only_when_somebody_looks() -> None:
    feed = Feed()
    batches = [Batch(*records(0, 2)), Batch(*records(2, 2), {"record": "outcome", "id": "1", "sent": 7})]
    for batch in batches:
        feed.take_later(len(batch.found), batch)
    assert [batch.reads for batch in batches] == [0, 0]

    assert ids(feed.recent()) == ["3", "2", "1", "0"]
    assert feed.recent()[2]["outcome"] == {"record": "outcome", "id": "1", "sent": 7}
    assert [batch.reads for batch in batches] == [1, 1]


@pytest.mark.asyncio
async def test_who_follows_hears_only_what_comes_from_then_on_and_at_once() -> None:
    feed = Feed()
    feed.take_later(1, Batch(*records(0, 1)))
    with feed.subscribe() as queue:
        feed.take_later(2, Batch(*records(1, 2)))
        heard = [queue.get_nowait() for _ in range(queue.qsize())]

    assert ids(heard) == ["1", "2"]
    assert ids(feed.recent()) == ["2", "1", "0"]


def test_what_nobody_looks_at_is_bounded_and_the_latest_stay() -> None:
    feed = Feed(most_recent=10)
    batches = [Batch(*records(at * 6, 6)) for at in range(100)]
    for batch in batches:
        feed.take_later(6, batch)

    assert len(feed._unread) == 4
    assert ids(feed.recent()) == [f"{at}" for at in range(599, 589, -1)]
    assert sum(batch.reads for batch in batches) == 4
    assert feed._unread_count == 0
