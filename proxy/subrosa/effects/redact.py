"""What may be written of a transfer: everything but secrets and content; a function of a record, total and pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from subrosa.effects.records import Record
from subrosa.effects.secrets import (
    HARMLESS,
    KNOWN,
    LEAST,
    has_userinfo,
    is_public,
    is_secret,
    is_secret_name,
    looks_random,
)
from subrosa.facts.tags import Vocabulary, canonical

REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class TagWords:
    """The closed words that tags may be told in: the vocabulary of tags.yaml, in one spelling."""

    words: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "TagWords":
        """All entries of a vocabulary, composites in their parts."""
        lists: tuple[Iterable[str], ...] = (
            vocabulary.compound,
            vocabulary.bare,
            vocabulary.purpose_keys,
            vocabulary.companions,
            vocabulary.naming_keys,
            vocabulary.protected,
            vocabulary.content_keys,
            vocabulary.content_values,
        )
        parts = (part for entries in lists for entry in entries for part in entry.split("="))
        return cls(frozenset(map(_squeezed, parts)))

    def has(self, text: str) -> bool:
        """Whether every word of a tag's value is in the vocabulary, or only switches on or off."""
        return all(_known(_squeezed(word), self.words) for word in _TAG_SPLIT.split(text))


def redact(record: Record, words: TagWords) -> Record:
    """The record as it may be written; fields that hold nothing of the client's are left as they are.

    Long texts and lists are cut after redaction, and say how long they were.
    """
    clean = dict(record)
    for name, rule in _RULES.items():
        value = clean.get(name)
        if value:
            clean[name] = _cut(rule(str(value)))
    if clean.get("path"):
        clean["path"] = _cut(redact_path(str(clean["path"]), str(clean.get("host", ""))))
    if clean.get("tags"):
        clean["tags"] = _few([_tag(tag, words) for tag in _rows(clean["tags"])])
    if clean.get("checksums"):
        clean["checksums"] = _few([_checksum(row) for row in _rows(clean["checksums"])])
    return clean


MOST_TEXT = 4096
MOST_ROWS = 64
_MARK = re.compile(r"…\[\d+ chars\]")


def _cut(text: str) -> str:
    if len(text) <= MOST_TEXT or _MARK.fullmatch(text, MOST_TEXT):
        return text
    return f"{text[:MOST_TEXT]}…[{len(text)} chars]"


def _few(rows: list[list[str]]) -> list[list[str]]:
    if len(rows) <= MOST_ROWS + 1:
        return rows
    return [*rows[:MOST_ROWS], [f"[{len(rows) - MOST_ROWS} more]"]]


# --- queries -----------------------------------------------------------------------------------------------


def redact_query(query: str) -> str:
    """A query in which the values of secret parameters, and values that look secret, are gone."""
    return "&".join([_parameter(piece) for piece in query.split("&")])


def _parameter(piece: str) -> str:
    raw_name, mark, raw_value = piece.partition("=")
    name = _plain(raw_name)
    shown = REDACTED if is_secret(name) else raw_name
    if not raw_value:
        return shown + mark
    harmless = name in HARMLESS
    if not harmless and is_secret_name(name):
        return f"{shown}={REDACTED}"
    value = _plain(raw_value)
    if _hides_secret(value) or (not harmless and looks_random(value)):
        return f"{shown}={REDACTED}"
    return shown + mark + raw_value


def _hides_secret(value: str) -> bool:
    return (
        (len(value) >= LEAST and KNOWN.search(value) is not None)
        or has_userinfo(value)
        or ("=" in value and _PARAMETER.search(value) is not None)
    )


def _plain(text: str) -> str:
    """The text with its escapes undone until nothing changes, three times at most."""
    for _ in range(3):
        if "%" not in text:
            break
        text = unquote(text, errors="replace")
    return text


_PARAMETER = re.compile(r"(?i)(?:token|secret|signature|password|api_?key|\bsig|\bkey|\bcode|\bpwd)=[^&\s]")


# --- paths -------------------------------------------------------------------------------------------------

_PLACES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("hooks.slack.com", re.compile(r"/(?:services|workflows|triggers)/(.+)")),
    ("zoom.us", re.compile(r"/rec(?:ording)?/[a-z_-]+/(.+)")),
    ("", re.compile(r"/rec/(?:download|play|share|webhook_download|embed|archive)/(.+)")),
    ("", re.compile(r"/(?:api/)?(?:v\d+/)?webhooks/\d+/(.+)")),  # Discord
    ("", re.compile(r"/(?:webhooks?|webhookb2|webhook-test|hooks?|IncomingWebhook|genericWebhook)/(.+)")),
    ("", re.compile(r"/bot\d+:([^/]+)")),  # Telegram
    ("", re.compile(r"/(?:trigger/[^/]+/with|trigger/[^/]+/json/with)/key/(.+)")),  # IFTTT
    ("", re.compile(r"/(?:inputs?|integration|receiver/v1/http|collect(?:or)?)/([^/]{16,})")),  # Loggly, PagerDuty …
    ("", re.compile(r"(?i)/(?:tokens?|keys?|api-?keys?|secrets?|passwords?|sessions?|invites?|magic-?links?"
                    r"|reset(?:-password)?|verify|activate|unsubscribe|share|s|join|t)/([^/]{12,}.*)")),
    ("hc-ping.com", re.compile(r"/(.+)")),
    ("ntfy.sh", re.compile(r"/(.+)")),
    ("webhook.site", re.compile(r"/(.+)")),
    ("make.com", re.compile(r"/(.+)")),
)  # fmt: skip
"""Host (or any) and the part of a path that opens a door; whatever looks opaque there goes, the words stay."""
_DOOR_HOSTS = tuple(place for place, _ in _PLACES if place)
_WORD = re.compile(r"[a-z]+(?:[-_][a-z]+)*|v?\d{1,10}|[TBC][A-Z0-9]{8,11}")
_QUIET = re.compile(r"(?:/[^/;@%:]{0,15})+")
_DOORS = re.compile(
    r"(?i)/(?:rec|recording|webhook|hook|incomingwebhook|genericwebhook|bot\d|key|token|secret|password|session|invite|"
    r"magic-?link|reset(?:-password)?|verify|activate|unsubscribe|share|services|workflows|triggers|inputs?|integration|receiver|collect|"
    r"api-?key|s|join|t)s?/"
)
_MATRIX = re.compile(r";([^;=/]+)=([^;/]+)")


def redact_path(path: str, host: str = "") -> str:
    """A path in which segments that are tokens are gone; ids, digests and object names stay."""
    opens = host.endswith(_DOOR_HOSTS) or _DOORS.search(path) is not None
    if not opens and _QUIET.fullmatch(path):
        return path
    for place, pattern in _PLACES if opens else ():
        if not place or host == place or host.endswith("." + place):
            match = pattern.search(path)
            if match is not None:
                path = path[: match.start(1)] + _opaque(match[1]) + path[match.end(1) :]
    return "/".join([_segment(segment) for segment in path.split("/")])


def _opaque(rest: str) -> str:
    return "/".join([part if _WORD.fullmatch(part) or not part else REDACTED for part in rest.split("/")])


_LOUD = frozenset(";@:%")


def _segment(segment: str) -> str:
    if segment == REDACTED or (len(segment) < LEAST and _LOUD.isdisjoint(segment)):
        return segment
    plain = _plain(segment)
    if is_public(plain):
        return segment
    if is_secret(plain) or has_userinfo(plain):
        return REDACTED
    return _MATRIX.sub(_matrix, segment)


def _matrix(match: re.Match[str]) -> str:
    return f";{match[1]}={REDACTED}" if is_secret_name(_plain(match[1])) else match[0]


# --- tags, checksums, words --------------------------------------------------------------------------------

_TAG_SPLIT = re.compile(r"[,;|=\n]")
_SWITCHES = frozenset({"", "y", "yes", "n", "no", "true", "false", "0", "1", "on", "off", "?0", "?1"})
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,47}")


def _squeezed(text: str) -> str:
    return canonical(text).replace("-", "")


def _known(word: str, words: frozenset[str]) -> bool:
    return word in words or word in _SWITCHES


def _tag(row: tuple[str, ...], words: TagWords) -> list[str]:
    carrier, key, value = (*row, "", "", "")[:3]
    shown_key = key if words.has(key) or (_KEY.fullmatch(key) and not is_secret(key)) else _length(key)
    return [carrier, shown_key, value if words.has(value) else _length(value)]


def _length(text: str) -> str:
    return f"[{len(text)} chars]"


_DIGESTS = frozenset(
    """
    content-md5 content-digest repr-digest digest x-amz-content-sha256 x-goog-hash x-amz-checksum-crc32
    x-amz-checksum-crc32c x-amz-checksum-crc64nvme x-amz-checksum-sha1 x-amz-checksum-sha256 x-amz-checksum-sha512
    x-amz-checksum-md5 x-amz-checksum-xxhash64 x-amz-checksum-xxhash3 x-amz-checksum-xxhash128
    x-amz-checksum-algorithm x-amz-checksum-type
    """.split()
)
_BASE64 = (
    "(?:"
    + "|".join(r"[A-Za-z0-9+/]{" + end for end in ("6}==", "11}=", "22}==", "27}=", "43}=", "86}=="))
    + ")"
)
_MEMBER = rf"[a-z0-9-]{{2,16}}=:?{_BASE64}:?"
_DIGEST = re.compile(
    rf"{_BASE64}|{_MEMBER}(?:, ?{_MEMBER})*|[0-9a-fA-F]{{32}}|[0-9a-fA-F]{{40}}|[0-9a-fA-F]{{64}}|[0-9a-fA-F]{{128}}"
    r"|UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]{8,48}|CRC32C?|CRC64NVME|SHA1|SHA256|FULL_OBJECT|COMPOSITE"
)
"""A checksum of 4, 8, 16, 20, 32 or 64 octets in base64, as a member of a field, or in hex; or the word for none."""


def _checksum(row: tuple[str, ...]) -> list[str]:
    name, value = (*row, "", "")[:2]
    return [
        name if name in _DIGESTS else _length(name),
        value if name in _DIGESTS and _DIGEST.fullmatch(value) else _length(value),
    ]


_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,80}")
_METHOD = re.compile(r"[A-Z-]{1,20}")
_QUOTED = re.compile(r"`([^`]*)`?")
_SLUG = re.compile(r"[a-z][a-z0-9._-]{0,39}")


def _media_type(value: str) -> str:
    kind = value.partition(";")[0].strip()
    return kind if _is_media_type(kind) else _length(value)


@lru_cache(maxsize=1024)
def _is_media_type(kind: str) -> bool:
    return _MEDIA_TYPE.fullmatch(kind) is not None and not is_secret(kind)


def _method(value: str) -> str:
    return value if _METHOD.fullmatch(value) else _length(value)


def _detail(value: str) -> str:
    """A sentence of ours, in which what it quotes of the client's stays only where it is a plain word."""
    told = _QUOTED.sub(lambda match: match[0] if _harmless(match[1]) else f"`{_length(match[1])}`", value)
    return REDACTED if looks_random(told) or KNOWN.search(told) else told


def _harmless(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None and not is_secret(text)


_RULES = {"query": redact_query, "content_type": _media_type, "method": _method, "detail": _detail}


def _rows(value: object) -> list[tuple[str, ...]]:
    return (
        [tuple(map(str, row)) for row in value if isinstance(row, (tuple, list))]
        if isinstance(value, (tuple, list))
        else []
    )
