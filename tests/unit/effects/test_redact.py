"""Redaction: a table of secrets in the shapes and places where they really occur, and a table of what must stay."""

from typing import Any

import pytest

from subrosa.effects.logs import scrub
from subrosa.effects.records import decision_record, encode
from subrosa.effects.redact import REDACTED, TagWords, redact, redact_path, redact_query
from subrosa.facts.tags import Vocabulary
from telling import NOW, decision

WORDS = TagWords.of(
    Vocabulary(
        compound=frozenset({"model-training", "train-ai=y"}),
        purpose_keys=frozenset({"purpose"}),
        content_values=frozenset({"recording"}),
        protected=frozenset({"noai"}),
    )
)

JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4ifQ"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJVadQssw5c"
)
SIGV4 = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
SESSION = "IQoJb3JpZ2luX2VjEKT//////////wEaCXVzLWVhc3QtMSJHMEUCIQDc7Kx"
ZOOM = "4bQn8Yv0rT3mWz7KpX2LdEuJ5hSaGc9fVqNtRyB1xOiMkDjPwCeHlUsAoZg6I"
HEX = "9f86d081884c7d659a2feaa0c55ad015"

# where, how it is written there (`{}` is the secret), the secret
SECRETS: list[tuple[str, str, str]] = [
    # signed URLs
    ("query", "X-Amz-Signature={}", SIGV4),
    ("query", "X-Amz-Security-Token={}", SESSION.replace("/", "%2F")),
    ("query", "X-Amz-Credential={}", "AKIAIOSFODNN7EXAMPLE%2F20261125%2Fus-east-1%2Fs3%2Faws4_request"),
    ("query", "x-amz-signature={}", SIGV4),
    ("query", "AWSAccessKeyId={}&Expires=1", "AKIAIOSFODNN7EXAMPLE"),
    ("query", "Expires=1795574394&Signature={}", "vjbyPxybdZaNmGa%2ByT272YEAiv4%3D"),
    ("query", "X-Goog-Signature={}", SIGV4 * 4),
    ("query", "GoogleAccessId={}", "uploader@meet-recordings.iam.gserviceaccount.com"),
    (
        "query",
        "sv=2024-11-04&se=2026-12-01&sr=b&sp=rw&sig={}",
        "nB1pXc%2FqZk3%2BT0Lw9mYv7hRrE2sUuJ4dGfKaQxWzCo8%3D",
    ),
    ("query", "sig={}", "short"),
    ("query", "Policy=abc&Signature=x&Key-Pair-Id={}", "K2JCJMDEHXQW5F"),
    ("query", "uploadType=resumable&upload_id={}", "ABgVH8_9mYv7hRrE2s-UuJ4dGfKaQxWzCo8nB1pXcqZk3T0Lw"),
    ("query", "alt=media&token={}", "8f7e2c1a-5b9d-4c3e-a1f0-6d2b8e4c7a90"),
    ("query", "q-sign-algorithm=sha1&q-signature={}", "e9d1c5b7a3f28640"),
    ("query", "OSSAccessKeyId={}", "LTAI5tExampleKeyId00"),
    # credentials as parameters
    ("query", "access_token={}", "ya29.a0AfH6SMBx-example_token.value"),
    ("query", "api_key={}", "1234"),
    ("query", "apikey={}", "abc"),
    ("query", "key={}", "AIzaSyA-example_Example-0123456789abcdefg"),
    ("query", "code={}", "4%2F0AX4XfWh-example"),
    ("query", "client_secret={}", "GOCSPX-abcdefghijklmnop"),
    ("query", "password={}", "hunter2"),
    ("query", "passwd={}", "tr0ub4dor"),
    ("query", "pwd={}", "aXd5ZmVlbGluZ2x1Y2t5"),
    ("query", "user=u&pass={}", "correct-horse"),
    ("query", "PassWord={}", "caseless"),
    ("query", "X-API-Key={}", "dashes"),
    ("query", "accessToken={}", "camel"),
    ("query", "refresh%5Ftoken={}", "escapedname"),
    ("query", "id_token={}", JWT),
    ("query", "assertion={}", "PHNhbWxwOlJlc3BvbnNl"),
    ("query", "SAMLResponse={}", "PHNhbWxwOlJlc3BvbnNl"),
    ("query", "sessionid={}", "38afes7a8"),
    ("query", "JSESSIONID={}", "1A530637289A03B07199A44E8D531427"),
    ("query", "csrf_token={}", "q1w2e3"),
    ("query", "zak={}", "ZAK1"),
    ("query", "tk={}", "Zm9v"),
    ("query", "sentry_key={}", "b1946ac92492d2347c6235b4d2611184"),
    ("query", "otp={}", "123456"),
    ("query", "a=1&token={}&b=2", "middle"),
    # values that say what they are, under a name that does not
    ("query", "v={}", JWT),
    ("query", "state=x&data={}", JWT.rsplit(".", 1)[0] + "."),
    ("query", "u={}", "AKIAIOSFODNN7EXAMPLE"),
    ("query", "m=sk-proj-{}", "AbCdEfGhIjKlMnOpQrStUvWxYz0123"),
    ("query", "m=ghp_{}", "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
    ("query", "q={}", "xoxb-123456789012-1234567890123-AbCdEfGhIjKl"),
    ("query", "q={}", "hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEf"),
    ("query", "q={}", "glpat-AbCdEfGhIjKlMnOpQrSt"),
    ("query", "q={}", HEX + "ab"),
    ("query", "q={}", "dGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGl0IGxvb2tzIGxpa2Ugb25l"),
    ("query", "next=https%3A%2F%2Fx.example%2F%3Ftoken%3D{}", "nested"),
    ("query", "url=https%3A%2F%2Fuser%3A{}%40host.example%2F", "s3cr3t"),
    ("query", "url=https%253A%252F%252Fuser%253A{}%2540host.example", "twice"),
    ("query", "{}", JWT),
    ("query", "{}=1", "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWxYz"),
    # paths
    ("path", "/rec/download/{}", ZOOM),
    ("path", "/rec/play/{}", ZOOM[:20]),
    ("path", "/rec/share/{}", ZOOM[:24] + ".abc"),
    ("path", "/rec/webhook_download/{}", JWT),
    ("path", "/webhook_download/{}", JWT),
    ("path", "/api/webhooks/1012345678901234567/{}", "W3bh00kT0kenWithEnoughLength_-AbCdEf"),
    ("path", "/webhookb2/x/IncomingWebhook/{}/y", HEX),
    ("path", "/bot123456789:{}/sendDocument", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
    ("path", "/trigger/upload/with/key/{}", "dQw4w9WgXcQ"),
    ("path", "/inputs/{}/tag/http/", "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"),
    ("path", "/integration/{}/enqueue", HEX),
    ("path", "/v1/input/{}", HEX),
    ("path", "/reset-password/{}", "mZ81kd92ndkwo10s"),
    ("path", "/proxy/https:/user:{}@host.example/x", "pa55word"),
    ("path", "/files;jsessionid={}/x", "1A530637289A03B0"),
    ("path", "/x/{}", HEX + "-" + HEX),
    ("path", "/x/ghs_{}", "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
    ("path", "/x/%65{}", JWT[1:]),
    ("slack", "/services/T00000000/B00000000/{}", "XXXXXXXXXXXXXXXXXXXXXXXX"),
    ("slack", "/workflows/T00000000/A00000000/123456789012345678/{}", "aBcDeFgHiJkLmNoPqRsTuVwX"),
    ("slack", "/services/T00000000/B00000000/{}", "short1"),
    # headers, tags, sentences
    ("content_type", "text/{}", "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123"),
    ("content_type", "multipart/form-data; boundary={}", "boundaryLooksLikeAToken0123456789"),
    ("content_type", "Bearer {}", "abc"),
    ("method", "GET{}", "s3cr3t"),
    ("tag value", "{}", "Quarterly numbers are bad, do not share"),
    ("tag value", "model-training, {}", "Alice Miller"),
    ("tag key", "{}", "patient 4711 Alice Miller"),
    ("tag key", "{}", "ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
    ("detail", "path `/rec/download/{}` is percent-encoded twice", "aB3dE5"),
    ("detail", "query `token={}…` holds a second kind of separator", "cutoff"),
    ("detail", "it said {} and stopped", JWT),
    ("checksum value", "{}", "not-a-digest-but-a-note"),
    ("checksum name", "x-amz-checksum-{}", "s3cr3t"),
]

# where, value; all of it stays
HARMLESS: list[tuple[str, str]] = [
    ("query", "prefix=recordings/2026/11/25/zoom_8123456789_team-weekly-meeting.mp4"),
    ("query", "list-type=2&prefix=a&max-keys=1000&delimiter=/"),
    ("query", "partNumber=3&uploadId=VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA"),
    ("query", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261125T000000Z&X-Amz-SignedHeaders=host"),
    ("query", "api-version=2024-10-21"),
    ("query", "mip_opt_out=true&model=nova-2-meeting&language=en-GB"),
    ("query", "after=2026-11-25T00:00:00Z&limit=20&order=desc"),
    ("query", "q=the-quick-brown-fox-jumps-over-the-lazy-dog-and-runs"),
    ("query", "sp=rw&sv=2024-11-04&se=2026-12-01T00:00:00Z&sr=b&comp=block"),
    ("query", ""),
    ("path", "/v1/files"),
    ("path", "/v1/fine_tuning/jobs/ftjob-abc123/events"),
    ("path", "/openai/deployments/gpt-4o/chat/completions"),
    ("path", "/recordings/2026/11/25/zoom_8123456789_team-weekly-meeting.mp4"),
    ("path", "/recordings/GMT20261125-143000_Recording_gallery_1920x1080.mp4"),
    ("path", "/api/models/org/whisper-large-v3/preupload/main"),
    ("path", "/lfs/objects/e3/b0/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("path", "/repos/x/commits/da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("path", "/meetings/123e4567-e89b-12d3-a456-426614174000/recordings"),
    ("path", "/v2.1/projects/speech-data/datasets/meetings"),
    ("path", "/services/apexrest/upload"),
    ("path", "/webhooks/github"),
    ("path", "/"),
    ("content_type", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("content_type", "application/x-amz-json-1.1"),
    ("method", "M-SEARCH"),
    ("tag value", "model-training"),
    ("tag value", "Model Training"),
    ("tag value", "train-ai=y, noai"),
    ("tag value", "true"),
    ("tag key", "purpose"),
    ("tag key", "x.data-class"),
    ("detail", "the body's field `purpose` is given twice"),
    ("detail", "rule `pledge.training-tag` failed: ValueError"),
    ("checksum value", "sQqNsWTgdUEFt6mb5y4/5Q=="),
    ("checksum value", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ("checksum value", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
]


def told(where: str, text: str) -> str:
    """The redacted record, as JSON, of a decision with this text in this place."""
    places: dict[str, dict[str, Any]] = {
        "slack": {"host": "hooks.slack.com", "path": text},
        "tag value": {"tags": (("x-amz-tagging", "purpose", text),)},
        "tag key": {"tags": (("x-amz-meta-*", text, "true"),)},
        "checksum value": {"checksums": (("content-digest", text),)},
        "checksum name": {"checksums": ((text, "AAAAAA=="),)},
    }
    changes = places.get(where, {where: text})
    detail = changes.pop("detail", "")
    record = decision_record(decision(**changes), NOW, 1e-5)
    return encode(redact(record | ({"detail": detail} if detail else {}), WORDS))


def test_the_table_is_long_enough() -> None:
    assert len(SECRETS) >= 60


@pytest.mark.parametrize(
    ("where", "written", "secret"), SECRETS, ids=[f"{where}: {written}"[:60] for where, written, _ in SECRETS]
)
def test_a_secret_is_not_told(where: str, written: str, secret: str) -> None:
    text = told(where, written.format(secret))

    assert secret not in text
    assert encode(secret)[1:-1] not in text


@pytest.mark.parametrize(
    ("where", "text"), HARMLESS, ids=[f"{where}: {text}"[:60] for where, text in HARMLESS]
)
def test_what_evidence_needs_is_told(where: str, text: str) -> None:
    assert encode(text) in told(where, text)


def test_the_names_of_redacted_parameters_and_their_neighbours_stay() -> None:
    assert redact_query("a=1&X-Amz-Signature=abc&b=&c") == f"a=1&X-Amz-Signature={REDACTED}&b=&c"


def test_the_path_around_a_token_stays() -> None:
    assert redact_path("/rec/download/abc123/x.mp4") == f"/rec/download/{REDACTED}/{REDACTED}"
    assert redact_path("/services/T00000000/B00000000/abc123", "hooks.slack.com") == (
        f"/services/T00000000/B00000000/{REDACTED}"
    )


def test_a_media_type_is_told_without_its_parameters() -> None:
    assert '"content_type":"multipart/form-data"' in told("content_type", "multipart/form-data; boundary=x")


def test_a_tag_that_is_not_in_the_vocabulary_is_told_by_its_length() -> None:
    assert '["x-amz-tagging","purpose","[6 chars]"]' in told("tag value", "budget")


def test_redaction_is_idempotent() -> None:
    record = decision_record(decision(query="token=x", path=f"/rec/play/{ZOOM}"), NOW, 0.1)
    once = redact(record, WORDS)

    assert redact(once, WORDS) == once


def test_the_record_given_is_left_as_it_was() -> None:
    record = decision_record(decision(query="token=x"), NOW, 0.1)
    redact(record, WORDS)

    assert record["query"] == "token=x"


def test_what_is_too_long_is_cut_after_its_secrets_are_gone() -> None:
    record = decision_record(
        decision(
            query="a=" + "b/" * 5_000 + "&token=x",
            path="/" + "a/" * 5_000,
            tags=tuple(("c", f"k{number}", "true") for number in range(1_000)),
        ),
        NOW,
        1e-5,
    )
    clean = redact(record, WORDS)

    assert len(encode(clean)) < 15_000
    assert str(clean["path"]).endswith("/a…[10001 chars]")
    assert encode(clean).count("936 more") == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "eyJa.",
        "a:",
        "a@",
        "a:b@",
        "hook/",
        "SG.",
        "-----BEGIN",
        "/rec/a",
        "//",
        ";a",
        "%25",
        "%",
        "`",
        "0",
        "=",
        "sk-",
    ],
)
def test_a_hostile_text_costs_time_in_proportion_to_its_length(piece: str) -> None:
    text = piece * (300_000 // len(piece))

    assert redact_query("a=" + text)
    assert redact_path("/" + text)
    assert scrub(text)
    assert redact(decision_record(decision(tags=((text, text, text),), content_type=text), NOW, 0), WORDS)
