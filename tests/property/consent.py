"""Everything that might pass for consent: words in a request, and what users and settings may add to the rules."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from property.bodies import parts_of, rebuilt
from property.seeds import INPUTS, Transfer, shipped
from subrosa.loading.policy import load
from subrosa.policy.atoms import ATOMS
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.policy import Declared, Policy

# --- in a request ----------------------------------------------------------------------------------------------

NAMES = (
    "X-Consent",
    "Consent",
    "X-Override",
    "X-Data-Consent",
    "Subrosa-Verdict",
    "X-Policy-Bypass",
    "X-Approved-By",
)
VALUES = ("granted", "yes", "allow", "true", "1", "training=allowed", "legal@corp.example")
CARRIERS = (
    "x-amz-meta-consent",
    "x-goog-meta-consent",
    "x-ms-meta-consent",
    "x-purpose-consent",
    "x-object-meta-consent",
)
KEYED = ("consent", "training-consent", "opt-in", "approved")
LISTS = (("x-amz-tagging", "&"), ("x-ms-tags", "&"), ("baggage", ","))


@st.composite
def said(draw: DrawFn, transfer: Transfer) -> Transfer:
    """The same request with consent in its head, its tags, its query and its body."""
    lines = list(transfer.lines)
    for name in draw(st.lists(st.sampled_from((*NAMES, *CARRIERS)), max_size=3)):
        lines.insert(draw(st.integers(0, len(lines))), (name, draw(st.sampled_from(VALUES))))
    for name, separator in draw(st.lists(st.sampled_from(LISTS), max_size=2, unique=True)):
        word = f"{draw(st.sampled_from(KEYED))}=granted"
        at = next((at for at, line in enumerate(lines) if line[0].lower() == name), None)
        if at is None:
            lines.append((name, word))
        else:
            value = lines[at][1]
            lines[at] = (
                lines[at][0],
                value + separator + word if draw(st.booleans()) else word + separator + value,
            )
    url = transfer.url
    if draw(st.booleans()):
        url += ("&" if "?" in url else "?") + f"{draw(st.sampled_from(KEYED))}=granted"
    told = replace(transfer, lines=tuple(lines), url=url)
    return draw(in_body(told)) if draw(st.booleans()) else told


@st.composite
def in_body(draw: DrawFn, transfer: Transfer) -> Transfer:
    """Consent as one more field of the form, or one more member of the document, where no rule looks for a field."""
    key, value = draw(st.sampled_from((*KEYED, "x-amz-meta-consent"))), draw(st.sampled_from(VALUES))
    coded = any(name.lower() == "content-encoding" for name, _ in transfer.lines)
    kind = "" if coded else transfer.content_type.partition(";")[0]
    if (
        kind == "application/json"
        and transfer.body.startswith(b"{")
        and transfer.body.rstrip().endswith(b"}")
    ):
        member = f'"{key}": "{value}"'
        if b'"metadata"' not in transfer.body and draw(st.booleans()):
            member += f', "metadata": {{{member}}}'
        inner = transfer.body.strip()[1:-1]
        joined = [part for part in draw(st.permutations([member.encode(), inner])) if part.strip()]
        return replace(transfer, body=b"{" + b", ".join(joined) + b"}")
    if kind == "application/x-www-form-urlencoded" and transfer.body[:1] not in b"{[<":
        more = f"{key}={value}".encode()
        pair = (more, transfer.body) if draw(st.booleans()) else (transfer.body, more)
        return replace(transfer, body=b"&".join(pair))
    if kind == "multipart/form-data" and (parts := parts_of(transfer)):
        part = (f'Content-Disposition: form-data; name="{key}"'.encode(), value.encode())
        at = draw(st.integers(0, len(parts)))
        return rebuilt(transfer, [*parts[:at], part, *parts[at:]])
    return transfer


# --- in rules and settings -------------------------------------------------------------------------------------


def _words(name: str) -> SearchStrategy[str]:
    providers = shipped().providers
    free = {
        "provider": sorted(providers),
        "operation": [operation.id for one in providers.values() for operation in one.operations],
        "source": ["default"],
        "host": [
            "*",
            "api.openai.com",
            "*.amazonaws.com",
            "huggingface.co",
            "*.openai.azure.com",
            "api.mistral.ai",
        ],
        "path": ["/{rest...}", "/v1/files", "/v1/{x}/{rest...}", "/", "/api/{rest...}"],
        "method": ["POST", "PUT", "GET"],
    }
    return st.sampled_from(free.get(name) or sorted(ATOMS[name].values))


conditions: SearchStrategy[dict[str, object]] = st.recursive(
    st.sampled_from(sorted(ATOMS)).flatmap(
        lambda name: st.dictionaries(
            st.just(name), st.lists(_words(name), min_size=1, max_size=3), min_size=1
        )
    ),
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=4,
)


def allow(name: str, when: Mapping[str, object], **more: object) -> dict[str, object]:
    """A user's rule that allows."""
    told = {"id": name, "verdict": "allow", "when": when, "why": "our customers agreed"}
    return told | {"owner": "legal", "expires": "2027-06-30"} | more


allows: SearchStrategy[dict[str, object]] = st.lists(conditions, min_size=1, max_size=3).map(
    lambda found: {"rules": [allow(f"corp.agreed-{at}", when) for at, when in enumerate(found)]}
)


_FIELD = re.compile(rb'name="([^"]+)"')
_KEY = re.compile(r'"([a-z_]+)"\s*:')


@st.composite
def claims(draw: DrawFn, transfer: Transfer) -> dict[str, object]:
    """A user's operation that claims the transfer's own request, as exactly as may be, to be something else."""
    parts = urlsplit(transfer.url)
    segments = [
        draw(st.sampled_from([one, one, f"{{x{at}}}"])) for at, one in enumerate(parts.path.split("/")[1:])
    ]
    path = "/" + "/".join(one for one in segments if one)
    request: dict[str, object] = {}
    request["method"] = draw(st.sampled_from([transfer.method, "*"]))
    request["path"] = draw(st.sampled_from([path, path, "/{rest...}"]))
    form = {found[1].decode(): "*" for head, _ in parts_of(transfer) if (found := _FIELD.search(head))}
    keys = dict.fromkeys(_KEY.findall(transfer.body.decode("utf-8", "replace")), "*")
    query = dict(parse_qsl(parts.query))
    headers = dict(transfer.lines)
    for place, sent in {"query": query, "header": headers, "form": form, "json": keys}.items():
        known = {name: value for name, value in sent.items() if name and value and value.isprintable()}
        if draw(st.booleans()) and known:
            name = draw(st.sampled_from(sorted(known)))
            request[place] = {name: draw(st.sampled_from([known[name], "*"]))}
    purpose = draw(st.sampled_from(["inference", "storage", "saas", "evaluation", "unclassified"]))
    operation = {"id": "corp.own", "purpose": purpose, "strength": "definite", "request": request}
    return {"provider": "corp", "hosts": [parts.hostname], "operations": [operation]}


terms = st.sampled_from(
    ["ml-training", "model-training", "fine-tune", "consent", "purpose=ml-training", "archive", "ai"]
)
LISTED = ("compound", "bare", "purpose_keys", "companions", "protected", "content_keys", "content_values")
vocabularies: SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(LISTED), st.lists(terms, min_size=1, max_size=2, unique=True), min_size=1, max_size=3
).map(lambda lists: {"vocabulary": lists})


@contextmanager
def directory(files: Mapping[str, object]) -> Iterator[Path]:
    """A user's directory with these files; JSON is YAML."""
    with tempfile.TemporaryDirectory() as name:
        for file, content in files.items():
            path = Path(name, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, ensure_ascii=False))
        yield Path(name)


def loaded(files: Mapping[str, object], **changes: Any) -> Policy:
    """The shipped rules with a user's files beside them, through the loader that `run` uses."""
    with directory(files) as extra:
        return load(replace(INPUTS, extra=(extra,), **changes), 1).policy


def declared(host: str, purpose: str) -> Declared:
    """A destination that the settings declare."""
    pattern = HostPattern.parse(host)
    return Declared(host=pattern, purpose=purpose, owner="legal", why="contract 7", expires="2027-06-30")
