"""Every form of refusal, read by the client it is for."""

import json
import re
from collections.abc import Callable
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import httpx2
import openai
import pytest
from botocore.parsers import create_parser
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined] # their documented name
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.refusal import DOCS, Answer, Told, answer, docs_link, message
from subrosa.gateway.shapes import ProxyError, Shape
from subrosa.policy.verdict import REASONS, Outcome, Reason, Verdict

_ID = "0194a000-0000-7000-8000-000000000001"
_VERDICT = Verdict(
    reason=Reason.TRAINING_DESTINATION,
    rules=("pledge.training-destination", "pledge.training-tag"),
    operation="openai.files.create.fine_tune",
)
_NASTY = "a \"b\" \\ <c> & 'd' ]]> %41 é 日本 🌹 \r\nset-cookie: x=1\x00\x1b[31m\u202e\ud800"
_FORMS = [pytest.param(shape, id=shape.value) for shape in Shape]


def _fields(given: Answer) -> dict[str, str]:
    fields = {name.decode("ascii"): value.decode("ascii") for name, value in given.fields}
    assert len(fields) == len(given.fields)
    return fields


def _told(given: Answer, shape: Shape) -> str:
    """The message as a reader of the form finds it."""
    if shape is Shape.GRPC:
        return unquote(_fields(given)["grpc-message"], errors="strict")
    return _READERS[shape](given.body.decode("utf-8-sig"))


def _in_xml(body: str) -> str:
    return next(str(node.text) for node in ET.fromstring(body).iter("Message"))  # noqa: S314 - our own text


def _in_page(body: str) -> str:
    return str(ET.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", body)).findtext("p"))  # noqa: S314 - the same


_READERS: dict[Shape, Callable[[str], str]] = {
    Shape.PROBLEM: lambda body: str(json.loads(body)["detail"]),
    Shape.GOOGLE: lambda body: str(json.loads(body)["error"]["message"]),
    Shape.HUGGINGFACE: lambda body: str(json.loads(body)["error"]),
    Shape.AWS_JSON: lambda body: str(json.loads(body)["message"]),
    Shape.AWS_REST: lambda body: str(json.loads(body)["message"]),
    Shape.S3: _in_xml,
    Shape.AZURE: _in_xml,
    Shape.AWS_QUERY: _in_xml,
    Shape.HTML: _in_page,
    Shape.TEXT: lambda body: body.rstrip("\n"),
}


@pytest.mark.parametrize("shape", _FORMS)
def test_every_form_tells_why_by_which_rule_and_under_which_id(shape: Shape) -> None:
    given = answer(_VERDICT, _ID, shape, request=Told())
    told = _told(given, shape)
    assert told == message(_VERDICT, _ID)
    for part in (
        "meeting content may not be sent to model training",
        "openai.files.create.fine_tune",
        "pledge.training-destination",
        _ID,
        "Consent does not lift this",
    ):
        assert part in told


@pytest.mark.parametrize("shape", _FORMS)
def test_every_form_carries_the_same_fields(shape: Shape) -> None:
    given = answer(_VERDICT, _ID, shape, request=Told())
    fields = _fields(given)
    assert fields["proxy-status"] == (
        'subrosa; error=http_request_denied; details="training-destination; rule pledge.training-destination; '
        'operation openai.files.create.fine_tune"'
    )
    assert fields["x-should-retry"] == "false"
    assert fields["cache-control"] == "no-store"
    assert fields["subrosa-decision"] == _ID
    assert all(name == name.lower() for name in fields)
    if shape is Shape.GRPC:
        assert (given.status, given.body, given.trailers_only) == (200, b"", True)
        assert "content-length" not in fields
    else:
        assert (given.status, given.trailers_only) == (403, False)
        assert fields["content-length"] == str(len(given.body))
        assert fields["x-error-message"] == message(_VERDICT, _ID)


@pytest.mark.parametrize("shape", [shape for shape in Shape if shape is not Shape.GRPC])
def test_an_answer_to_head_has_the_same_fields_and_no_body(shape: Shape) -> None:
    whole = answer(_VERDICT, _ID, shape, request=Told())
    bare = answer(_VERDICT, _ID, shape, request=Told(method="HEAD"))
    assert bare.body == b""
    assert bare.fields == whole.fields


@pytest.mark.parametrize("shape", _FORMS)
def test_no_text_breaks_out_of_its_form(shape: Shape) -> None:
    verdict = Verdict(
        reason=Reason.USER_RULE,
        rules=(_NASTY,),
        operation=_NASTY,
        detail=_NASTY,
        remedy=_NASTY,
        provider=_NASTY,
    )
    given = answer(verdict, _NASTY, shape, request=Told(content_type=_NASTY))
    assert _told(given, shape) == message(verdict, _NASTY)
    assert message(verdict, _NASTY).isprintable()
    for name, value in given.fields:
        assert re.fullmatch(rb"[a-z0-9-]+", name)
        assert re.fullmatch(rb"[\x20-\x7e]*", value)
    assert "set-cookie" not in _fields(given)


@given(
    st.sampled_from(Shape),
    st.text(max_size=600),
    st.text(max_size=600),
    st.text(max_size=200),
    st.sampled_from(Reason),
)
def test_any_text_in_a_verdict_gives_a_bounded_answer_that_its_reader_understands(
    shape: Shape, detail: str, remedy: str, word: str, reason: Reason
) -> None:
    verdict = Verdict(reason=reason, rules=(word,), operation=word, detail=detail, remedy=remedy)
    given = answer(verdict, word, shape, request=Told())
    assert _told(given, shape) == message(verdict, word)
    assert len(message(verdict, word)) <= 1800
    assert sum(len(name) + len(value) for name, value in given.fields) < 8000
    assert given.trailers_only or given.status >= 400
    assert b"\n" not in b"".join(value for _, value in given.fields)


def test_details_are_a_string_of_structured_fields() -> None:
    verdict = Verdict(reason=Reason.USER_RULE, rules=('say "no" \\ é',))
    assert _fields(answer(verdict, _ID, Shape.TEXT, request=Told()))["proxy-status"].endswith(
        r'details="user-rule; rule say \"no\" \\ ?"'
    )


def test_a_remedy_is_told_where_there_is_one() -> None:
    verdict = Verdict(
        reason=Reason.VENDOR_DEFAULT, rules=("pledge.vendor-default",), remedy="give query `mip_opt_out=true`"
    )
    assert "What to do: give query `mip_opt_out=true`. Consent does not lift this." in message(verdict, _ID)


@pytest.mark.parametrize("rule", ["guard.egress", "strict.unclassified", "corp.no-dropbox", ""])
def test_only_the_pledge_speaks_of_consent(rule: str) -> None:
    assert "onsent" not in message(Verdict(rules=(rule,) if rule else ()), _ID)


@pytest.mark.parametrize(
    ("rule", "anchor"),
    [
        pytest.param("pledge.training-tag", "pledge.training-tag", id="a shipped rule has its own place"),
        pytest.param("guard.egress", "guard.egress", id="so has a guard"),
        pytest.param("corp.x", "user-rules", id="rules of users share one"),
        pytest.param("", "refusals", id="a refusal without a rule has one too"),
        pytest.param("pledge.x y#z", "pledge.x%20y%23z", id="what is no word is escaped"),
    ],
)
def test_docs(rule: str, anchor: str) -> None:
    assert docs_link(rule) == f"{DOCS}#{anchor}"


@pytest.mark.parametrize(
    ("reason", "fault", "status", "error", "retry"),
    [
        pytest.param(Reason.NO_VERDICT, None, 403, "http_request_denied", False, id="no verdict is a denial"),
        pytest.param(Reason.LOCKDOWN, None, 403, "http_request_denied", False, id="lockdown is a denial"),
        pytest.param(Reason.EGRESS, None, 403, "destination_ip_prohibited", False, id="a forbidden address"),
        pytest.param(
            Reason.HEAD, None, 400, "http_request_error; status-code=400", False, id="a malformed head"
        ),
        pytest.param(Reason.LIMIT, None, 413, "http_request_error; status-code=413", False, id="a limit"),
        pytest.param(Reason.NO_POLICY, None, 503, "proxy_configuration_error", False, id="no policy"),
        pytest.param(
            Reason.EVIDENCE, None, 503, "proxy_internal_error", False, id="evidence that cannot be kept"
        ),
        pytest.param(Reason.ENGINE, None, 503, "proxy_internal_error", False, id="a failure inside"),
        pytest.param(
            Reason.UPSTREAM,
            None,
            502,
            "destination_unavailable",
            True,
            id="a dead upstream may be tried again",
        ),
        pytest.param(
            Reason.UPSTREAM,
            ProxyError.TLS_CERTIFICATE,
            502,
            "tls_certificate_error",
            False,
            id="a certificate that is not trusted stays so",
        ),
        pytest.param(Reason.UPSTREAM, ProxyError.DNS_TIMEOUT, 502, "dns_timeout", True, id="a slow resolver"),
    ],
)
def test_proxy_status(reason: Reason, fault: ProxyError | None, status: int, error: str, retry: bool) -> None:
    given = answer(Verdict(reason=reason), _ID, Shape.PROBLEM, request=Told(fault=fault))
    assert given.status == status
    assert _fields(given)["proxy-status"].startswith(f"subrosa; error={error}; details=")
    assert _fields(given).get("x-should-retry") == (None if retry else "false")


def test_a_verdict_may_name_its_own_status() -> None:
    given = answer(Verdict(reason=Reason.HEAD, status=431), _ID, Shape.PROBLEM, request=Told())
    assert (given.status, json.loads(given.body)["status"]) == (431, 431)
    assert "status-code=431" in _fields(given)["proxy-status"]


def test_even_an_allowing_verdict_is_told_as_a_refusal() -> None:
    verdict = Verdict(outcome=Outcome.ALLOW, reason=Reason.ALLOWED)
    assert answer(verdict, _ID, Shape.PROBLEM, request=Told()).status == 403


def test_authentication_is_asked_for_by_basic() -> None:
    given = answer(Verdict(reason=Reason.AUTHENTICATION), _ID, Shape.TEXT, request=Told(method="CONNECT"))
    assert given.status == 407
    assert _fields(given)["proxy-authenticate"] == 'Basic realm="subrosa", charset="UTF-8"'


@pytest.mark.parametrize("reason", [pytest.param(reason, id=reason.value) for reason in Reason])
@pytest.mark.parametrize("shape", _FORMS)
def test_every_reason_has_every_form(reason: Reason, shape: Shape) -> None:
    given = answer(Verdict(reason=reason), _ID, shape, request=Told())
    assert REASONS[reason].title in _told(given, shape)


# --- real clients -------------------------------------------------------------------------------------------


def test_openai_prints_the_message() -> None:
    given = answer(_VERDICT, _ID, Shape.PROBLEM, request=Told())

    def respond(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(given.status, headers=list(given.fields), content=given.body)

    with (
        httpx2.Client(transport=httpx2.MockTransport(respond)) as http,
        openai.OpenAI(api_key="k", http_client=http) as client,
        pytest.raises(openai.PermissionDeniedError) as caught,
    ):
        client.models.list()
    assert message(_VERDICT, _ID) in str(caught.value)
    assert caught.value.code == "subrosa_training_destination"
    assert caught.value.type == "policy_violation"


@pytest.mark.parametrize(
    ("shape", "protocol", "code"),
    [
        pytest.param(Shape.S3, "rest-xml", "AccessDenied", id="S3"),
        pytest.param(Shape.AWS_QUERY, "query", "AccessDenied", id="query"),
        pytest.param(Shape.AWS_JSON, "json", "AccessDeniedException", id="JSON"),
        pytest.param(Shape.AWS_REST, "rest-json", "AccessDeniedException", id="REST JSON"),
    ],
)
def test_botocore_prints_the_message(shape: Shape, protocol: str, code: str) -> None:
    given = answer(_VERDICT, _ID, shape, request=Told())
    parsed = create_parser(protocol).parse(
        {"status_code": given.status, "headers": _fields(given), "body": given.body}, None
    )
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == message(_VERDICT, _ID)
    assert parsed["ResponseMetadata"]["RequestId"] == _ID


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_aws_json_answers_in_the_version_that_was_spoken(version: str) -> None:
    told = Told(content_type=f"application/x-amz-json-{version}")
    assert _fields(answer(_VERDICT, _ID, Shape.AWS_JSON, request=told))["content-type"].endswith(version)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("shape", [Shape.HUGGINGFACE, Shape.S3])
def test_the_hub_client_prints_the_message_from_hub_and_store(shape: Shape, method: str) -> None:
    given = answer(_VERDICT, _ID, shape, request=Told(method=method))
    response = httpx2.Response(
        given.status,
        headers=[pair for pair in given.fields if pair[0] != b"content-length"],
        content=given.body,
        request=httpx2.Request(method, "https://huggingface.co/api/datasets/a/b/commit/main"),
    )
    with pytest.raises(HfHubHTTPError) as caught:
        hf_raise_for_status(response)
    assert message(_VERDICT, _ID) in str(caught.value)


def test_azure_has_the_code_in_a_field_and_a_byte_order_mark() -> None:
    given = answer(_VERDICT, _ID, Shape.AZURE, request=Told())
    assert _fields(given)["x-ms-error-code"] == "AuthorizationFailure"
    assert given.body.startswith(b"\xef\xbb\xbf<?xml")


def test_google_names_code_status_and_errors() -> None:
    error = json.loads(answer(_VERDICT, _ID, Shape.GOOGLE, request=Told()).body)["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["errors"][0]["reason"] == "forbidden"


@pytest.mark.parametrize(
    ("reason", "fault", "code", "pushback"),
    [
        pytest.param(Reason.TRAINING_TAG, None, "7", "-1", id="a denial"),
        pytest.param(Reason.AUTHENTICATION, None, "16", "-1", id="no credentials"),
        pytest.param(Reason.LIMIT, None, "8", "-1", id="a limit"),
        pytest.param(Reason.HEAD, None, "13", "-1", id="a malformed head"),
        pytest.param(Reason.ENGINE, None, "14", "-1", id="a failure inside is not tried again"),
        pytest.param(Reason.UPSTREAM, ProxyError.REFUSED, "14", None, id="a dead upstream may be"),
    ],
)
def test_grpc(reason: Reason, fault: ProxyError | None, code: str, pushback: str | None) -> None:
    fields = _fields(answer(Verdict(reason=reason), _ID, Shape.GRPC, request=Told(fault=fault)))
    assert fields["grpc-status"] == code
    assert fields.get("grpc-retry-pushback-ms") == pushback


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("application/grpc+proto", "application/grpc+proto"),
        ("application/grpc-web", "application/grpc-web"),
        ("application/grpc+evil\r\nx: y", "application/grpc"),
    ],
)
def test_grpc_answers_in_the_type_that_was_spoken(asked: str, given: str) -> None:
    assert (
        _fields(answer(_VERDICT, _ID, Shape.GRPC, request=Told(content_type=asked)))["content-type"] == given
    )


def test_a_grpc_message_is_percent_encoded_utf8() -> None:
    verdict = Verdict(detail="100 % é")
    raw = _fields(answer(verdict, _ID, Shape.GRPC, request=Told()))["grpc-message"]
    assert "100 %25 %C3%A9" in raw


def test_problem_details_have_every_member() -> None:
    body = json.loads(answer(_VERDICT, _ID, Shape.PROBLEM, request=Told()).body)
    assert body["type"] == f"{DOCS}#pledge.training-destination"
    assert body["instance"] == f"urn:uuid:{_ID}"
    assert body["error"]["param"] is None
    assert set(body) == {
        *("type", "title", "status", "detail", "message", "instance", "reason", "rule", "operation"),
        *("decision", "docs", "error"),
    }
    assert body["message"] == body["detail"] == body["error"]["message"]
