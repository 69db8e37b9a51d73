"""Claims: the most specific operation that matches decides, and what is not known yet keeps it open."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from content_kit import read
from subrosa.facts.body import BodyFacts, Form, Want
from subrosa.facts.fields import Fields
from subrosa.facts.hosts import Authority
from subrosa.facts.paths import Path, Query
from subrosa.facts.records import ClientFacts, ConnectFacts, RequestHead
from subrosa.facts.references import GuardedStores
from subrosa.facts.ternary import Ternary, negate
from subrosa.facts.unreadable import Ambiguity
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.index import Index
from subrosa.policy.operations import FieldMatch, Operation, OptOut, RequestPattern, Tenant
from subrosa.policy.purposes import Purpose, Strength
from subrosa.policy.sources import DEFAULT
from subrosa.policy.standing import Standings
from subrosa.policy.subject import Subject

F, T, U, R = Ternary.FALSE, Ternary.TRUE, Ternary.UNKNOWN, Ternary.UNREADABLE
POST = frozenset({"POST"})


def form(name: str, *values: str, absent: bool = False) -> FieldMatch:
    return FieldMatch("form", name, frozenset(values), absent=absent)


def operation(
    name: str,
    path: str,
    *fields: FieldMatch,
    purpose: Purpose = Purpose.INFERENCE,
    unless: OptOut | None = None,
) -> Operation:
    return Operation(
        id=name,
        provider="p",
        purpose=purpose,
        strength=Strength.DEFINITE,
        requests=(RequestPattern(POST, path, fields),),
        unless=unless,
    )


def head(path: str, query: str = "", method: str = "POST", host: str = "api.example") -> RequestHead:
    return RequestHead(
        method=method,
        scheme="https",
        authority=Authority.parse(host, 443),
        path=Path.parse(path),
        query=Query.parse(query),
        fields=Fields.of([]),
        has_body=True,
    )


def subject(
    request: RequestHead, *operations: Operation, body: BodyFacts | None = None, host: str = "api.example"
) -> Subject:
    index = Index()
    for one in operations:
        for pattern in one.requests:
            index.add(HostPattern.parse(host), one, pattern)
    client = ClientFacts(listener="explicit:8080", address=ip_address("192.0.2.1"))
    known = index.claims(request.authority.host, request.method, request.path)
    return Subject(
        connect=ConnectFacts(client=client),
        tls=None,
        head=request,
        source=DEFAULT,
        tag_table=None,  # type: ignore[arg-type] # no test here asks for tags
        guarded=GuardedStores(()),
        standing=Standings(known).find(request),
        body=body or BodyFacts(form=Form.MULTIPART),
    )


TUNE = operation("tune", "/v1/files", form("purpose", "fine-tune"), purpose=Purpose.DATASET_UPLOAD)
FILE = operation("file", "/v1/files", purpose=Purpose.STORAGE)
ANY = operation("any", "/v1/{rest...}", purpose=Purpose.DATASET_UPLOAD)


@pytest.mark.parametrize(
    ("fields", "closed", "value"),
    [
        pytest.param({}, False, U, id="open while the field may still come"),
        pytest.param({}, True, F, id="settled when the body ended without it"),
        pytest.param({"purpose": ("fine-tune",)}, False, T, id="settled as soon as the value is there"),
        pytest.param({"purpose": (" Fine-Tune ",)}, False, T, id="case and blanks are no other value"),
        pytest.param(
            {"purpose": ("assistants",)}, False, U, id="another value may still be joined by this one"
        ),
        pytest.param({"purpose": ("assistants",)}, True, F, id="another value to the end"),
    ],
)
def test_a_form_field_decides(fields: dict[str, tuple[str, ...]], closed: bool, value: Ternary) -> None:
    body = BodyFacts(form=Form.MULTIPART, fields=fields, closed=closed)
    assert subject(head("/v1/files"), TUNE, FILE, body=body).training() is value


def test_a_duplicate_field_cannot_be_read() -> None:
    body = BodyFacts(form=Form.MULTIPART, ambiguous={"form:purpose": Ambiguity.DUPLICATE})
    assert subject(head("/v1/files"), TUNE, FILE, body=body).training() is R


def test_a_body_that_is_no_form_cannot_answer_for_a_form_field() -> None:
    assert subject(head("/v1/files"), TUNE, FILE, body=BodyFacts(form=Form.OPAQUE)).training() is R


def test_a_body_that_is_surely_json_has_no_form_field() -> None:
    assert subject(head("/v1/files"), TUNE, FILE, body=BodyFacts(form=Form.JSON)).training() is F


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("/v1/files", "file", id="the same path without discriminator stands behind"),
        pytest.param("/v1/other/deep", "any", id="the rest pattern takes what nobody else claims"),
        pytest.param("/V1/FILES", "file", id="a case twin of a literal is the same path"),
        pytest.param("/v1//files/", "file", id="empty segments are the same path"),
        pytest.param("/v1/x/../files", "file", id="dot segments are the same path"),
        pytest.param("/v1/%66iles", "file", id="a needless escape is the same path"),
        pytest.param("/v2/files", None, id="another path is nobody's"),
    ],
)
def test_the_most_specific_claim_is_told(path: str, told: str | None) -> None:
    body = BodyFacts(form=Form.MULTIPART, fields={"purpose": ("assistants",)}, closed=True)
    found = subject(head(path), TUNE, FILE, ANY, body=body).operation()
    assert (found.id if found else None) == told


def test_a_specific_ordinary_operation_shields_from_a_broad_training_claim() -> None:
    body = BodyFacts(form=Form.MULTIPART, closed=True)
    assert subject(head("/v1/files"), FILE, ANY, body=body).training() is F
    assert subject(head("/v1/else"), FILE, ANY, body=body).training() is T


def test_an_open_specific_claim_keeps_a_broad_training_claim_open() -> None:
    ordinary = operation("ordinary", "/v1/files", form("purpose", "assistants"))
    assert subject(head("/v1/files"), ordinary, ANY).training() is U


def test_an_absent_field_counts_where_the_catalogue_says_so() -> None:
    default = operation(
        "default", "/v1/files", form("purpose", "x", absent=True), purpose=Purpose.DATASET_UPLOAD
    )
    assert subject(head("/v1/files"), default, body=BodyFacts(form=Form.MULTIPART)).training() is U
    assert (
        subject(head("/v1/files"), default, body=BodyFacts(form=Form.MULTIPART, closed=True)).training() is T
    )


OPTED = OptOut((FieldMatch("query", "mip_opt_out", frozenset({"true"}), exact=True),), "p.opted-out")
LISTEN = operation("listen", "/v1/listen", purpose=Purpose.MODEL_IMPROVEMENT, unless=OPTED)


@pytest.mark.parametrize(
    ("body", "given"),
    [
        pytest.param(b"{}", F, id="no member"),
        pytest.param(b'{"input": null}', F, id="null, which every API takes for nothing"),
        pytest.param(b'{"input": "null"}', T, id="the word null"),
        pytest.param(b'{"input": false}', T, id="false"),
        pytest.param(b'{"input": {}}', T, id="an empty object"),
        pytest.param(b'{"input": {"region": "eu"}}', T, id="an object"),
        pytest.param(b'{"input": []}', T, id="an empty array"),
        pytest.param(b'{"input": [{"a": 1}]}', T, id="an array"),
        pytest.param(b'{"output": {"input": 1}}', F, id="a member of another object"),
        pytest.param(b"\xa1\x65input\xa0", T, id="an empty map of cbor"),
        pytest.param(b"\xa1\x65input\xf6", F, id="null of cbor"),
    ],
)
def test_a_member_with_an_object_in_it_is_given_and_null_is_not(body: bytes, given: Ternary) -> None:
    label = "application/cbor" if body[0] & 0x80 else "application/json"
    facts = read(body, label, want=Want(json=frozenset({"input"})))
    request = head("/v1/jobs")

    assert FieldMatch("json", "input", frozenset({"*"})).test(request, facts) is given
    assert FieldMatch("json", "input", absent=True).test(request, facts) is negate(given)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        pytest.param("", T, id="no opt-out given"),
        pytest.param("mip_opt_out=true", F, id="the documented spelling counts"),
        pytest.param("mip_opt_out=True", T, id="another case does not count"),
        pytest.param("mip_opt_out=1", T, id="another truth does not count"),
        pytest.param("MIP_OPT_OUT=true", R, id="a case twin of the name cannot be read"),
        pytest.param("mip_opt_out=true&mip_opt_out=true", R, id="given twice it cannot be read"),
        pytest.param("mip_opt_out=false&mip_opt_out=true", R, id="given both ways it cannot be read"),
    ],
)
def test_an_opt_out_counts_only_as_documented_and_once(query: str, value: Ternary) -> None:
    asked = subject(head("/v1/listen", query), LISTEN)
    assert asked.vendor_default() is value
    assert asked.training() is F


def test_a_stated_fact_settles_what_the_request_does_not_show() -> None:
    asked = subject(head("/v1/listen"), LISTEN)
    asked.asserted = frozenset({"p.opted-out"})
    assert asked.vendor_default() is F
    assert asked.asserted_used == {"p.opted-out"}


@pytest.mark.parametrize(
    ("field", "body", "expected"),
    [
        pytest.param(b"x-amz-meta-x-amz-key-v2", BodyFacts(), T, id="encrypted by the S3 client"),
        pytest.param(b"x-ms-meta-encryptiondata", BodyFacts(), T, id="encrypted by Azure's client"),
        pytest.param(b"x-amz-server-side-encryption", BodyFacts(kinds_closed=True), F, id="by the server"),
        pytest.param(b"x", BodyFacts(opaque=True), T, id="octets of chance"),
        pytest.param(b"x", BodyFacts(), U, id="not looked at yet"),
        pytest.param(b"x", BodyFacts(unreadable=Ambiguity.BAD_ENCODING), R, id="unreadable"),
    ],
)
def test_opaque_content_is_a_fact_of_its_own(field: bytes, body: BodyFacts, expected: Ternary) -> None:
    request = replace(head("/v1/files"), fields=Fields.of([(field, b"x")]))

    assert subject(request, body=body).opaque() is expected


TENANT = operation(
    "told",
    "/v1/chat",
    purpose=Purpose.MODEL_IMPROVEMENT,
    unless=OptOut(tenant=Tenant("corp-allowed-workspace", "p.workspace")),
)
OURS = frozenset({"p.workspace=ws-1", "p.workspace=ws-2", "p.opted-out"})


@pytest.mark.parametrize(
    ("lines", "value", "used"),
    [
        pytest.param([], T, set(), id="no header"),
        pytest.param([b"ws-1"], F, {"p.workspace=ws-1"}, id="our account"),
        pytest.param([b"ws-2, ws-1"], F, {"p.workspace=ws-1", "p.workspace=ws-2"}, id="two of ours"),
        pytest.param([b"ws-3"], T, set(), id="a foreign account"),
        pytest.param([b"ws-1,ws-3"], T, set(), id="a foreign account beside ours"),
        pytest.param([b"ws-1,"], T, set(), id="an empty id beside ours"),
        pytest.param([b""], T, set(), id="an empty value"),
        pytest.param([b"WS-1"], T, set(), id="another spelling"),
        pytest.param([b"*"], T, set(), id="a star"),
        pytest.param([b"ws-1;n=2"], T, set(), id="a parameter beside it"),
        pytest.param([b"ws-1", b"ws-1"], R, set(), id="given twice"),
        pytest.param([b"ws-1", b"ws-3"], R, set(), id="given twice, ours first"),
    ],
)
def test_a_tenant_header_counts_where_every_id_in_it_is_ours(
    lines: list[bytes], value: Ternary, used: set[str]
) -> None:
    request = replace(
        head("/v1/chat"), fields=Fields.of([(b"Corp-Allowed-Workspace", line) for line in lines])
    )
    asked = subject(request, TENANT)
    asked.asserted = OURS

    assert asked.vendor_default() is value
    assert asked.asserted_used == used


def test_a_fact_of_its_own_is_no_account() -> None:
    request = replace(head("/v1/chat"), fields=Fields.of([(b"corp-allowed-workspace", b"ws-1")]))
    asked = subject(request, TENANT)
    asked.asserted = frozenset({"p.workspace"})

    assert asked.vendor_default() is T


def test_the_refusal_names_header_and_line_that_would_settle_it() -> None:
    assert TENANT.unless is not None
    assert TENANT.unless.remedy() == (
        "give header `corp-allowed-workspace` with only such ids as `assert: [{fact: p.workspace, values: […], "
        "owner: …, why: …, expires: …}]` in the settings names"
    )
