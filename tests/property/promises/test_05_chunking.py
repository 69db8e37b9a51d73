"""Promise 5. Chunking changes nothing."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from property.seeds import SEEDS, STREAMS, Transfer, head_of, judge
from property.strategies import composed, encoded, seeds, splits, strides, transfers
from subrosa.content.messageframes import Framing, MessageFrames
from subrosa.facts.unreadable import UnreadableError


@settings(max_examples=400)
@given(st.data())
def test_promise_05_chunking_changes_nothing(data: st.DataObject) -> None:
    transfer = data.draw(transfers)
    whole = judge(transfer)
    pieces = judge(transfer, data.draw(splits(transfer.body)))

    assert pieces.verdict == whole.verdict
    assert pieces.facts == whole.facts


@settings(max_examples=200)
@given(st.data())
def test_promise_05_compression_and_frames_change_nothing(data: st.DataObject) -> None:
    """The stage may be a later one: a coding gives out what it holds at its own pace."""
    transfer = data.draw(st.one_of(seeds, composed()))
    wrapped = data.draw(encoded(transfer))
    plain = judge(transfer)
    unwrapped = judge(wrapped, data.draw(splits(wrapped.body)))

    assert unwrapped.told == plain.told
    assert unwrapped.facts == plain.facts


@given(st.sampled_from([1, 2, 3, 7, 1021, 65_536]), st.sampled_from(SEEDS))
def test_promise_05_every_seed_in_steps(step: int, transfer: Transfer) -> None:
    if step * 2000 < len(transfer.body):
        return

    assert judge(transfer, strides(transfer.body, step)).verdict == judge(transfer).verdict


@settings(max_examples=100)
@given(st.data())
def test_promise_05_messages_are_the_same_however_their_frames_were_cut(data: st.DataObject) -> None:
    transfer = data.draw(st.sampled_from([one for one in STREAMS if one.body]))
    framing = Framing.of(head_of(transfer).fields)
    assert framing is not None
    body = transfer.body * data.draw(st.integers(1, 3))
    seen: list[list[tuple[bytes, bytes]]] = []
    for pieces in ((body,), data.draw(splits(body))):
        frames, found = MessageFrames(framing), list[tuple[bytes, bytes]]()
        with suppress(UnreadableError):
            for piece in pieces:
                found.extend(frames.feed(piece))
        seen.append(found)

    assert seen[0] == seen[1]
    assert body.startswith(b"".join(frame for frame, _ in seen[1]))
