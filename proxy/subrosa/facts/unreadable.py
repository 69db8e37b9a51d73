"""The one error of every reader: input that cannot be read in exactly one way."""

from enum import StrEnum


class Ambiguity(StrEnum):
    """Why something has no single reading; a closed list, because metrics carry it."""

    BAD_SYNTAX = "bad-syntax"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    BAD_CHARSET = "bad-charset"
    BAD_ENCODING = "bad-encoding"
    UNKNOWN_ENCODING = "unknown-encoding"
    LABEL_MISMATCH = "label-mismatch"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    TRUNCATED = "truncated"


class UnreadableError(ValueError):
    """Input with no reading, or with more than one.

    ``ambiguity`` is for metrics; ``detail`` is for people: lower case, names the input in backticks, never
    content of a body.
    """

    def __init__(self, ambiguity: Ambiguity, detail: str) -> None:
        super().__init__(detail)
        self.ambiguity = ambiguity
        self.detail = detail
