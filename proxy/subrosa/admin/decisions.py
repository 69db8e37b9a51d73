"""Which of the latest decisions somebody asks for: by their words, and page by page."""

from collections.abc import Callable, Mapping, Sequence

from subrosa.admin.asking import Checks, number, one_of, text

type Record = Mapping[str, object]

MOST_DECISIONS = 1_000
VERDICTS = ("allow", "block", "would_block")
WORDS = {
    "reason": "only with this reason",
    "rule": "only those that this rule decided, or had a part in",
    "operation": "only of this operation of the catalogue",
    "provider": "only of this provider",
    "purpose": "only with this purpose",
    "kind": "only with content of this kind",
    "source": "only from this source",
    "client": "only from this address",
    "user": "only of this proxy user",
    "host": "only to this host",
    "transport": "only over this transport, such as `tunnel`",
}
"""Filter to what it leaves."""
FILTERS: Checks = {
    "verdict": one_of("verdict", *VERDICTS),
    **{name: text(name) for name in WORDS},
}
PAGE: Checks = {"limit": number("limit", MOST_DECISIONS), "before": text("before"), **FILTERS}
_SEVERAL = {"rule": "rules", "kind": "kinds"}
"""Filter to the field that has several words, one of which is enough."""


def filter_of(asked: Mapping[str, str]) -> Callable[[Record], bool]:
    """Whether a record has the words that were asked for."""
    wanted = {name: word for name, word in asked.items() if name in FILTERS}
    return lambda record: all(_has(record, name, word) for name, word in wanted.items())


def page_of(records: Sequence[Record], asked: Mapping[str, str]) -> dict[str, object] | None:
    """One page of ``records``, newest first, and the id before which the next begins; None where that is not known.

    A record that is older than all that are kept is not known: what follows it cannot be told.
    """
    start = 0
    if "before" in asked:
        known = (at for at, record in enumerate(records) if record.get("id") == asked["before"])
        if (found := next(known, None)) is None:
            return None
        start = found + 1
    wanted, limit = filter_of(asked), int(asked.get("limit", "100"))
    page: list[Record] = []
    for record in records[start:]:
        if not wanted(record):
            continue
        if len(page) == limit:
            return {"decisions": page, "next": page[-1].get("id")}
        page.append(record)
    return {"decisions": page, "next": None}


def _has(record: Record, name: str, word: str) -> bool:
    if name not in _SEVERAL:
        return record.get(name) == word
    several = record.get(_SEVERAL[name])
    return isinstance(several, (tuple, list)) and word in several
