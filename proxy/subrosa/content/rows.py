"""Rows of training data, told by the keys that trainers ask for."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Final

MOST_ROWS: Final = 20
"""Rows that are looked at; a file's rows are alike."""

type Row = dict[str, object]

_CHAT_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_CUTS: Final = frozenset({"MonoCut", "MultiCut", "MixedCut"})


def _chat(row: Row) -> bool:
    """OpenAI and Bedrock conversations with an answer to learn from; a row that names a model is a logged request."""
    roles = [str(message.get("role")) for message in _dicts(row.get("messages"))]
    return "model" not in row and "assistant" in roles and _CHAT_ROLES.issuperset(roles)


def _preference(row: Row) -> bool:
    return {"chosen", "rejected"} <= row.keys() or {"preferred_output", "non_preferred_output"} <= row.keys()


def _prompt_completion(row: Row) -> bool:
    return {"prompt", "completion"} <= row.keys() and "model" not in row


def _alpaca(row: Row) -> bool:
    return isinstance(row.get("instruction"), str) and isinstance(row.get("output"), str)


def _sharegpt(row: Row) -> bool:
    turns = _dicts(row.get("conversations"))
    return bool(turns) and all({"from", "value"} <= turn.keys() for turn in turns)


def _vertex(row: Row) -> bool:
    contents = _dicts(row.get("contents"))
    return any(turn.get("role") == "model" for turn in contents) and all("parts" in turn for turn in contents)


def _asr(row: Row) -> bool:
    return "audio_filepath" in row and ("duration" in row or "text" in row)


def _lhotse(row: Row) -> bool:
    return str(row.get("type")) in _CUTS or ("supervisions" in row and "recording" in row)


def _groundtruth(row: Row) -> bool:
    """SageMaker manifests; the augmented ones say in ``…-metadata`` who labelled the object."""
    return isinstance(row.get("source-ref"), str) or (
        isinstance(row.get("source"), str)
        and any(key.endswith("-metadata") and isinstance(value, dict) for key, value in row.items())
    )


def _metadata(row: Row) -> bool:
    """Hugging Face folders: a file and what is said of it."""
    return isinstance(row.get("file_name"), str) and bool(
        {"transcription", "text", "caption", "label", "sentence"} & row.keys()
    )


def _label_studio(row: Row) -> bool:
    annotations = _dicts(row.get("annotations"))
    return isinstance(row.get("data"), dict) and any(
        isinstance(one.get("result"), list) for one in annotations
    )


type Recognises = Callable[[Row], bool]

LINES: Final[dict[str, Recognises]] = {
    "chat-jsonl": _chat,
    "preference-jsonl": _preference,
    "prompt-completion-jsonl": _prompt_completion,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "vertex-jsonl": _vertex,
    "asr-manifest": _asr,
    "lhotse-cuts": _lhotse,
    "groundtruth-manifest": _groundtruth,
    "hf-metadata": _metadata,
    "label-studio": _label_studio,
}
"""Shape to what every row of it must be."""


NEVER_A_REQUEST: Final = frozenset(
    {"preference-jsonl", "asr-manifest", "lhotse-cuts", "groundtruth-manifest", "label-studio"}
)
"""Shapes of which one row alone is no call of an inference API."""

_THEIR_KEYS: Final = frozenset(
    "chosen preferred_output audio_filepath type supervisions source-ref source annotations".split()
)
"""Each of these has one of these keys."""


def never_a_request(row: Row) -> bool:
    """Whether one row alone has a shape that no call of an inference API has."""
    return not _THEIR_KEYS.isdisjoint(row) and any(LINES[shape](row) for shape in NEVER_A_REQUEST)


_LONG_ROWS: Final = {
    "chat-jsonl": re.compile(
        r'\A\s*\{(?!.{0,4096}?"model"\s*:).{0,4096}?"messages"\s*:\s*\[\s*\{\s*"(?:role|content)"\s*:'
    ),
    "prompt-completion-jsonl": re.compile(r'\A\s*\{\s*"(?:prompt|completion)"\s*:'),
    "alpaca": re.compile(r'\A\s*\{\s*"(?:instruction|output)"\s*:'),
    "sharegpt": re.compile(r'\A\s*\{.{0,4096}?"conversations"\s*:\s*\[\s*\{\s*"(?:from|value)"\s*:'),
    "vertex-jsonl": re.compile(r'\A\s*\{.{0,4096}?"contents"\s*:\s*\[\s*\{\s*"(?:role|parts)"\s*:'),
}


def shapes_of_a_long_row(text: str) -> list[str]:
    """The shapes that the beginning of a row suggests whose end is not here; whole transcripts make such rows."""
    return [shape for shape, begins in _LONG_ROWS.items() if begins.match(text)]


def shapes_of_rows(rows: list[Row]) -> list[str]:
    """The shapes that every row has; none of no rows."""
    return [shape for shape, recognises in LINES.items() if rows and all(recognises(row) for row in rows)]


def rows_of_lines(text: str, *, cut: bool) -> list[Row]:
    """The first rows of a JSON Lines file, none when a line is no object; with ``cut`` the last line may be a piece."""
    lines = text.split("\n")
    if cut:
        lines.pop()
    rows: list[Row] = []
    for line in lines:
        if line.strip():
            row = _loads(line)
            if row is None:
                return []
            rows.append(row)
            if len(rows) == MOST_ROWS:
                break
    return rows


def rows_of_array(text: str) -> list[Row]:
    """The first elements of a JSON array of objects, as far as they are whole."""
    rows: list[Row] = []
    for element in _elements(text):
        if not isinstance(element, dict):
            return []
        rows.append(element)
        if len(rows) == MOST_ROWS:
            break
    return rows


def _elements(text: str) -> Iterator[object]:
    decoder = json.JSONDecoder()
    at = text.find("[") + 1
    while at:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\r\n,"))
        try:
            element, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield element


def _loads(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _dicts(value: object) -> list[Row]:
    """A list of objects, or nothing."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return []
    return value
