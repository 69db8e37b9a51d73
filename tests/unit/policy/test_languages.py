"""What a request says in GraphQL or SQL, as claims see it: where it stands, and what has no single reading."""

import json
from collections.abc import Iterator

import pytest

from content_kit import KINDS, TAGS
from subrosa.content.reader import BodyReader
from subrosa.facts.body import NO_BODY, BodyFacts, Want
from subrosa.facts.paths import Query
from subrosa.facts.records import RequestHead
from subrosa.facts.ternary import Ternary
from subrosa.policy.languages import GraphqlMatch, SqlMatch
from subrosa.policy.operations import LanguageMatch
from unit.policy.test_claims import head

F, T, U, R = Ternary.FALSE, Ternary.TRUE, Ternary.UNKNOWN, Ternary.UNREADABLE
JSON, DOCUMENT = "application/json", "application/graphql"
FORM, BOUNDARY = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
CREATE = GraphqlMatch((("mutation", frozenset({"createDataset", "createDataRow*"})),))
READS = GraphqlMatch((("query", frozenset({"*"})),), every=True)
BOTH = "query Get { me } mutation Make { createDataset { id } }"
MAKE = "mutation { createDataset { id } }"


def body_of(match: LanguageMatch, label: str, text: str) -> BodyFacts:
    places = match.places
    want = Want(
        form=frozenset(name for place, name in places if place == "form"),
        json=frozenset(name for place, name in places if place == "json"),
        document=("document", "") in places,
    )
    reader = BodyReader(label, (), want, TAGS, KINDS)
    reader.feed(text.encode())
    reader.end()
    return reader.facts


def multipart(**fields: str) -> str:
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    )
    return f"{''.join(parts)}--b--\r\n"


def post(**members: object) -> str:
    return json.dumps(members)


@pytest.mark.parametrize(
    ("label", "text", "expected"),
    [
        (JSON, post(query=MAKE), T),
        (JSON, post(query="{ me }"), F),
        (JSON, post(query="mutation { deleteDataset }"), F),
        (JSON, post(query="mutation { createDataRows }"), T),
        (JSON, post(query="query { createDataset }"), F),
        (JSON, post(query="mutation { createdataset }"), F),
        (JSON, post(query=BOTH, operationName="Make"), T),
        (JSON, post(query=BOTH, operationName="Get"), F),
        (JSON, post(query=BOTH, operationName=None), T),
        (JSON, post(query=BOTH, operationName="None"), T),
        (JSON, json.dumps([{"query": "{ me }"}, {"query": MAKE}]), T),
        (JSON, json.dumps([{"query": "{ me }"}, {"query": "{ you }"}]), F),
        (
            JSON,
            json.dumps([{"query": BOTH, "operationName": "Get"}, {"query": BOTH, "operationName": "Make"}]),
            T,
        ),
        (JSON, json.dumps([{"query": "{ me }"}, {"extensions": {"persistedQuery": {"sha256Hash": "x"}}}]), R),
        (JSON, json.dumps([{"query": "{ me }"}, {"id": "x"}]), R),
        (JSON, post(extensions={"persistedQuery": {"version": 1, "sha256Hash": "x"}}), R),
        (JSON, post(documentId="x"), R),
        (JSON, post(variables={"query": MAKE}), R),
        (JSON, post(query="mutation {"), R),
        (JSON, post(query=None), R),
        (JSON, post(query="{ a }" + " " * 70_000), R),
        (JSON, '{"query": "{ me }", "query": "{ you }"}', R),
        (JSON, "", R),
        (DOCUMENT, MAKE, T),
        (DOCUMENT, "{ me }", F),
        (DOCUMENT, post(query=MAKE), R),
        (DOCUMENT, "{ a }" + " " * 70_000, R),
        (FORM, "query=mutation+%7BcreateDataset%7D", T),
        (FORM, "query=%7Bme%7D&operationName=", F),
        (FORM, "query=%7Bme%7D&query=%7Byou%7D", R),
        (BOUNDARY, multipart(operations=post(query=MAKE), map="{}"), T),
        (BOUNDARY, multipart(operations=post(query="{ me }"), map="{}"), F),
        (BOUNDARY, multipart(operations='{"query": "{ me }", "query": "{ you }"}'), R),
        (BOUNDARY, multipart(map="{}"), R),
        ("text/xml", "<a/>", R),
        ("application/zip", "PK", R),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else value.name,
)
def test_where_a_document_may_stand(label: str, text: str, expected: Ternary) -> None:
    body = body_of(CREATE, label, text)

    assert CREATE.test(head("/graphql"), body) is expected
    assert bool(CREATE.fault(head("/graphql"), body)) is (expected is R)


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ("query=mutation%7BcreateDataset%7D", "", T),
        ("query=%7Bme%7D", "", F),
        ("", "", R),
        ("query=%7Bme%7D", post(query=MAKE), T),
        ("query=mutation%7BcreateDataset%7D", post(query="{ me }"), T),
        ("query=%7Bme%7D&Query=%7Byou%7D", "", R),
        (f"query={BOTH.replace(' ', '+')}&operationName=Get", "", F),
    ],
)
def test_a_document_in_the_query_counts_beside_one_in_the_body(
    query: str, body: str, expected: Ternary
) -> None:
    facts = body_of(CREATE, JSON, body) if body else NO_BODY

    assert CREATE.test(head("/graphql", query), facts) is expected


def test_what_does_not_train_must_be_all_that_is_asked_for() -> None:
    def reads(text: str) -> Ternary:
        return READS.test(head("/graphql"), body_of(READS, JSON, text))

    assert reads(post(query="{ me you }")) is T
    assert reads(post(query=BOTH, operationName="Get")) is T
    assert reads(post(query=BOTH)) is F
    assert reads(json.dumps([{"query": "{ me }"}, {"query": "mutation { x }"}])) is F


def test_a_message_without_a_document_asks_for_nothing() -> None:
    plain = head("/graphql")
    upgrade = RequestHead(
        method="GET",
        scheme="https",
        authority=plain.authority,
        path=plain.path,
        query=Query.parse(None),
        fields=plain.fields,
        upgrade="websocket",
    )

    assert CREATE.test(upgrade, body_of(CREATE, JSON, post(type="connection_init"))) is F
    assert CREATE.test(upgrade, body_of(CREATE, JSON, post(type="subscribe", payload={"query": MAKE}))) is T


def test_nothing_is_known_before_the_body_is_whole() -> None:
    assert CREATE.test(head("/graphql"), BodyFacts()) is U
    assert MODEL.test(head("/q"), BodyFacts()) is U


MODEL = SqlMatch("bigquery", ("query", "sqls[]"), statements=(("create", "model"),))
TUNE = SqlMatch("snowflake", ("statement",), calls=(("snowflake.cortex.finetune", frozenset({"create"})),))
ANY_CALL = SqlMatch("snowflake", ("statement",), calls=(("f", frozenset({"*"})),))
SELECTS = SqlMatch("bigquery", ("query",), statements=(("select",),), every=True)


@pytest.mark.parametrize(
    ("match", "text", "expected"),
    [
        (MODEL, post(query="CREATE OR REPLACE MODEL m AS SELECT 1"), T),
        (MODEL, post(sqls=["SELECT 1", "CREATE MODEL m"]), T),
        (MODEL, post(query="SELECT 'CREATE MODEL m'"), F),
        (MODEL, post(load={"sourceUris": []}), F),
        (MODEL, post(query="SELECT '"), R),
        (MODEL, post(query="EXECUTE IMMEDIATE @x"), R),
        (MODEL, post(query="EXECUTE IMMEDIATE @x; CREATE MODEL m"), T),
        (MODEL, '{"query": "SELECT 1", "query": "SELECT 2"}', R),
        (TUNE, post(statement="SELECT SNOWFLAKE.CORTEX.FINETUNE( 'Create', 'm')"), T),
        (TUNE, post(statement="USE SCHEMA SNOWFLAKE.CORTEX; SELECT FINETUNE('CREATE')"), T),
        (TUNE, post(statement="SELECT SNOWFLAKE.CORTEX.FINETUNE('SHOW')"), F),
        (TUNE, post(statement="SELECT SNOWFLAKE.CORTEX.COMPLETE('create', 'x')"), F),
        (TUNE, post(statement="SELECT my.finetune('create')"), F),
        (TUNE, post(statement="SELECT FINETUNE(?)"), R),
        (TUNE, post(statement="SELECT f(?)"), F),
        (ANY_CALL, post(statement="SELECT f(?)"), T),
        (SELECTS, post(query="SELECT 1; SELECT 2"), T),
        (SELECTS, post(query="SELECT 1; CREATE MODEL m"), F),
        (SELECTS, post(other="x"), F),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_what_a_script_runs(match: SqlMatch, text: str, expected: Ternary) -> None:
    body = body_of(match, JSON, text)

    assert match.test(head("/q"), body) is expected
    assert expected is not R or match.fault(head("/q"), body)


def pairs() -> Iterator[tuple[LanguageMatch, LanguageMatch, bool]]:
    yield CREATE, CREATE, True
    yield CREATE, READS, False
    yield CREATE, GraphqlMatch((("mutation", frozenset({"createData*"})),)), True
    yield CREATE, GraphqlMatch((("mutation", frozenset({"delete"})),)), False
    yield CREATE, MODEL, False
    yield MODEL, CREATE, False
    yield MODEL, SqlMatch("bigquery", ("query",), statements=(("create",),)), True
    yield MODEL, SELECTS, False
    yield TUNE, TUNE, True
    yield TUNE, ANY_CALL, False


@pytest.mark.parametrize(("first", "second", "expected"), list(pairs()))
def test_whether_two_may_mean_one_request(
    first: LanguageMatch, second: LanguageMatch, *, expected: bool
) -> None:
    assert first.meets(second) is expected
    assert second.meets(first) is expected
