"""Wherever a secret is planted in what a client sends, no line that is written holds it."""

import string
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from subrosa.effects.logs import scrub
from subrosa.effects.records import decision_record, encode
from subrosa.effects.redact import TagWords, redact
from subrosa.facts.tags import Vocabulary
from telling import NOW, decision

WORDS = TagWords.of(Vocabulary(compound=frozenset({"model-training"})))
ALNUM = string.ascii_letters + string.digits

random_tokens = st.one_of(
    st.text(string.digits + "abcdef", min_size=64, max_size=96),
    st.text(ALNUM + "-_", min_size=43, max_size=120),
).filter(lambda text: len(set(text)) > 10)
known_tokens = st.tuples(
    st.sampled_from(["sk-", "sk-proj-", "ghp_", "hf_", "xoxb-", "glpat-", "npm_", "r8_", "gsk_"]),
    st.text(ALNUM, min_size=20, max_size=40),
).map("".join)
tokens = known_tokens | random_tokens
secret_names = st.sampled_from(
    "token access_token X-Amz-Signature sig api_key key code password client_secret pwd x-api-key sessionid".split()
)
chaff = st.text(string.ascii_lowercase + "/", max_size=12)
pairs = st.lists(st.tuples(st.sampled_from(["a", "page", "model", "b c"]), chaff), max_size=4)
MARK = "pl4nted"
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60).map(
    lambda text: MARK + text + MARK
)


def written(**changes: object) -> str:
    record = decision_record(decision(**changes), NOW, 1e-5)
    return encode(redact(record, WORDS))


def quoted(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)


@given(pairs, secret_names, words, pairs)
def test_the_value_of_a_secret_parameter_is_never_written(
    before: list[tuple[str, str]], name: str, secret: str, after: list[tuple[str, str]]
) -> None:
    assert MARK not in written(query=quoted([*before, (name, secret), *after]))


@given(pairs, st.sampled_from(["v", "next", "data", "q"]), chaff, tokens, pairs)
def test_a_token_under_any_name_is_never_written(
    before: list[tuple[str, str]], name: str, prefix: str, secret: str, after: list[tuple[str, str]]
) -> None:
    assert secret not in written(query=quoted([*before, (name, f"{prefix}/{secret}"), *after]))


@given(st.lists(chaff, max_size=3), tokens, st.lists(chaff, max_size=3))
def test_a_token_in_a_path_is_never_written(before: list[str], secret: str, after: list[str]) -> None:
    if len(secret) in {40, 64, 96, 128}:
        secret += "g"
    assert secret not in written(path="/" + "/".join([*before, secret, *after]))


@given(st.sampled_from(["purpose", "note", "x"]), words)
def test_what_a_tag_says_outside_the_vocabulary_is_never_written(key: str, value: str) -> None:
    assert MARK not in written(tags=(("x-amz-tagging", key, value),))


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300), st.text(max_size=100))
def test_redaction_is_total_and_idempotent(path: str, query: str, value: str, method: str) -> None:
    record = decision_record(
        decision(path=path, query=query, method=method, content_type=value, tags=(("c", value, path),)),
        NOW,
        0,
    )
    once = redact(record, WORDS)

    assert redact(once, WORDS)["query"] == once["query"]
    assert encode(once).isascii()


@given(st.text(max_size=40), tokens, st.text(max_size=40))
def test_other_libraries_messages_lose_their_tokens(before: str, secret: str, after: str) -> None:
    assert secret not in scrub(f"{before} Authorization: Bearer {secret}, {after}")
    assert secret not in scrub(f"GET https://host.example/x?token={secret} {after}")
