"""The files of a rules directory, key by key: destinations, rules and profiles."""

from subrosa.content.sqltokens import ENGINES
from subrosa.loading.form import Form, Nested, form, key
from subrosa.loading.shapes import Day, Flag, ListOf, MapOf, Some, Spot, Text, Tree, Word
from subrosa.loading.values import VALUES, Values, field_name, header_name, json_path
from subrosa.policy.policy import Profile
from subrosa.policy.purposes import Carries, Purpose, Strength
from subrosa.policy.verdict import Outcome, Reason

SHAPES = ("problem", "s3", "aws-json", "aws-rest", "azure", "google", "huggingface", "text")
LINE = Text("a sentence")
OPERATION_ID = Text("an id such as `openai.files.create`", r"[a-z0-9-]+(?:\.[a-z0-9_-]+)+")
RULE_ID = Text("an id such as `corp.no-uploads`", r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
PROVIDER = Text("a provider's id: letters, digits and dashes", r"[a-z0-9][a-z0-9-]*")
FACT = Text("a fact's name such as `gemini.paid-tier`", r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
HOST = Text("a host such as `api.openai.com`, `*.openai.azure.com` or `bedrock.{region}.amazonaws.com`")
SOURCE = Text("an address, `pkg name==version: file` or `repo owner/name@commit path`")
ERROR_SHAPE = Word("error shape", str, SHAPES)
PURPOSE = Word("purpose", Purpose, tuple(purpose.value for purpose in Purpose))
STRENGTH = Word("strength", Strength, tuple(strength.value for strength in Strength))

_ROOT_FIELDS = Some(
    Text("a field such as `createDataset`, or its beginning and `*`", r"[_A-Za-z][_0-9A-Za-z]*\*?|\*"),
    "fields",
)
_QUERY = MapOf(VALUES, "parameter names to values")
_HEADER = MapOf(VALUES, "field names to values", header_name)
_FORM = MapOf(VALUES, "form field names to values", field_name)
_JSON = MapOf(VALUES, "dotted paths to values", json_path)


@form
class GraphqlForm(Form):
    """Root fields of the operations that a GraphQL request runs; aliases and fragments are resolved."""

    query: tuple[str, ...] = key(_ROOT_FIELDS, "root fields of queries", default=())
    mutation: tuple[str, ...] = key(_ROOT_FIELDS, "root fields of mutations", default=())
    subscription: tuple[str, ...] = key(_ROOT_FIELDS, "root fields of subscriptions", default=())


@form
class SqlForm(Form):
    """What a SQL script in a JSON body runs: any of these statements, or of these calls."""

    engine: str = key(
        Word("engine", str, tuple(ENGINES)), "whose SQL it is: how strings, names and comments are written"
    )
    json: tuple[str, ...] = key(
        Some(Text("a dotted path such as `statement`"), "paths"),
        "dotted paths of the scripts, `[]` for any index",
    )
    statement: tuple[str, ...] = key(
        Some(Text("a statement's first words", r"[^\s\"'`]+(?: [^\s\"'`]+)*"), "statements"),
        "first words of statements; `OR REPLACE`, `IF NOT EXISTS` and `TEMP` do not count",
        default=(),
    )
    call: dict[str, Values] = key(
        MapOf(VALUES, "functions to their first argument"),
        "functions, and the strings that count as first argument",
        default={},
    )


@form
class RequestForm(Form):
    """One form of an operation's request; everything given must hold."""

    method: tuple[str, ...] = key(
        Some(Text("a method such as POST, or `*`", r"\*|[A-Z]+"), "methods"),
        "method or methods, `*` for any",
        default=(),
    )
    path: str = key(
        Text("a path such as /v1/files/{id}", "/.*"),
        "path: `{name}` one segment, `{name...}` the rest",
        default="",
    )
    query: dict[str, Values] = key(_QUERY, "query parameters and the values that count", default={})
    header: dict[str, Values] = key(_HEADER, "header fields and the values that count", default={})
    form: dict[str, Values] = key(
        _FORM, "form fields (urlencoded and multipart) and the values that count", default={}
    )
    json: dict[str, Values] = key(_JSON, "dotted paths of a JSON body and the values that count", default={})
    graphql: GraphqlForm | None = key(
        Nested(GraphqlForm), "root fields that a GraphQL request asks for", default=None
    )
    sql: SqlForm | None = key(Nested(SqlForm), "what a SQL script in a JSON body runs", default=None)
    aws_target: tuple[str, ...] = key(
        Some(Text("`Prefix.Operation` or `Operation`", r"(?:[A-Za-z0-9_]+\.)?[A-Za-z0-9]+"), "targets"),
        "an AWS operation in each of its wire forms; takes the place of method and path",
        default=(),
    )


@form
class TenantForm(Form):
    """A header that pins the accounts that the provider accepts; each that it names must stand in the settings."""

    header: str = key(
        Text("a header field in lower case", r"[a-z0-9-]+"),
        "the header field, given once: ids with commas between",
    )
    assertion: str = key(FACT, "the fact whose `values` in the settings are our ids", name="assert")
    hosts: tuple[str, ...] = key(
        ListOf(HOST, "hosts"), "where the provider heeds it, where that is not on every host", default=()
    )


@form
class UnlessForm(Form):
    """The opt-out that turns a training-by-default operation into inference: any one of these."""

    query: dict[str, Values] = key(_QUERY, "the parameter as documented, given once", default={})
    header: dict[str, Values] = key(_HEADER, "the header field as documented, given once", default={})
    form: dict[str, Values] = key(_FORM, "the form field as documented, given once", default={})
    json: dict[str, Values] = key(_JSON, "the JSON value as documented, given once", default={})
    tenant: TenantForm | None = key(
        Nested(TenantForm), "the header that shows whose account it is", default=None
    )
    assertion: str = key(
        FACT,
        "the account fact to assert in the settings where no request can show it",
        default="",
        name="assert",
    )


@form
class YieldsForm(Form):
    """Where the id of the upload that an operation opens stands: in its answer, or it is the address."""

    json: str = key(Text("a dotted path such as `id`"), "a dotted path in the answer's JSON body", default="")
    xml: str = key(Text("an element's name"), "an element of the answer's XML body", default="")
    header: str = key(Text("a field's name"), "a header field of the answer", default="")
    parameter: str = key(
        Text("a parameter's name"),
        "what is found is an address, and this parameter of it is the id",
        default="",
    )
    url: bool = key(
        Flag(), "true: what is found is an address, which is the id; alone, the request's own", default=False
    )


@form
class ContinuesForm(Form):
    """Where a later request of an upload names it: exactly one of these."""

    query: str = key(Text("a parameter's name"), "a query parameter", default="")
    header: str = key(Text("a field's name"), "a header field", default="")
    path: str = key(
        Text("a segment's name, `upload` for `{upload}`"), "a named segment of the path", default=""
    )
    url: bool = key(Flag(), "true: the request's own address", default=False)


_REQUEST = Nested(RequestForm)


@form
class OperationForm(Form):
    """One operation of a provider."""

    id: str = key(OPERATION_ID, "unique, begins with the provider's id and a dot")
    purpose: Purpose = key(PURPOSE, "what the operation does with what it is sent")
    strength: Strength | None = key(
        STRENGTH, "how sure that is; required for a training purpose", default=None
    )
    hosts: tuple[str, ...] = key(
        ListOf(HOST, "hosts"), "the hosts of this operation, in place of the provider's", default=()
    )
    request: RequestForm | None = key(_REQUEST, "the request that calls it", default=None)
    requests: tuple[RequestForm, ...] = key(
        ListOf(_REQUEST, "requests"), "the requests, where it has several forms", default=()
    )
    unless: UnlessForm | None = key(Nested(UnlessForm), "the opt-out that makes it inference", default=None)
    carries: Carries | None = key(
        Word("thing carried", Carries, tuple(carries.value for carries in Carries)),
        "what a request without body carries: content, a reference, a query or a token",
        default=None,
    )
    body: str = key(
        Word("body", str, ("object",)),
        "`object`: the body is a stored object, without fields and tags",
        default="",
    )
    yields: YieldsForm | None = key(
        Nested(YieldsForm), "it opens an upload: where the upload's id stands", default=None
    )
    continues: ContinuesForm | None = key(
        Nested(ContinuesForm), "it goes on with an upload: where it names the id", default=None
    )
    late: bool = key(
        Flag(), "true: it says what an object is for after the object's octets have left", default=False
    )
    shape: str = key(
        ERROR_SHAPE, "the error shape that its clients read, where it is not the provider's", default=""
    )
    source: tuple[str, ...] = key(Some(SOURCE, "sources"), "where the provider says so; checked", default=())
    breaks: str = key(LINE, "who could be hurt by a wrong block; checked", default="")
    reviewed: str = key(
        Day(), "when it was last compared with its source; the provider's date without it", default=""
    )


@form
class ReclassifyForm(Form):
    """A user's other opinion on a `likely` or `signal` operation; shown in metrics and evidence."""

    operation: str = key(OPERATION_ID, "the operation's id")
    purpose: Purpose = key(PURPOSE, "what it does here")
    strength: Strength | None = key(STRENGTH, "how sure that is; `likely` without it", default=None)
    owner: str = key(LINE, "who answers for it")
    why: str = key(LINE, "why, in one sentence")
    expires: str = key(Day(), "the last day on which it counts")


_RECLASSIFY = ListOf(Nested(ReclassifyForm), "reclassifications", partial=True)


@form
class DestinationForm(Form):
    """destinations/<provider>.yaml: one provider, its hosts and its operations."""

    provider: str = key(PROVIDER, "the provider's id, the same as the file's name")
    name: str = key(LINE, "the provider's name for people", default="")
    hosts: tuple[str, ...] = key(
        ListOf(HOST, "hosts"), "canonical hosts; one leading `*.` or `{name}` for a label"
    )
    dialect: bool = key(
        Flag(), "true for an API that is spoken on any host; only then may a host be `*`", default=False
    )
    shape: str = key(ERROR_SHAPE, "the error shape that its clients read", default="problem")
    reviewed: str = key(Day(), "when the file was last compared with its sources; checked", default="")
    operations: tuple[OperationForm, ...] = key(
        ListOf(Nested(OperationForm), "operations", partial=True), "what can be called there", default=()
    )
    reclassify: tuple[ReclassifyForm, ...] = key(_RECLASSIFY, "user rules only", default=())


@form
class RuleForm(Form):
    """One rule."""

    id: str = key(RULE_ID, "unique, `family.name`; `pledge.`, `strict.` and `guard.` are the gateway's own")
    verdict: Outcome = key(Word("verdict", Outcome, ("block", "allow")), "block or allow")
    reason: Reason | None = key(
        Word("reason", Reason, tuple(reason.value for reason in Reason)),
        "the reason that is told; `user-rule` or `allowed` without it; others in shipped rules only",
        default=None,
    )
    sealed: bool = key(Flag(), "true: nothing lifts it; shipped rules only", default=False)
    default: bool = key(Flag(), "true: asked after the allows; profiles only", default=False)
    when: Spot = key(
        Tree("condition"), "the condition: facts that must all hold; `all`, `any` and `not` combine"
    )
    why: str = key(LINE, "one sentence for the refusal", default="")
    remedy: str = key(LINE, "what would make the transfer pass, where anything would", default="")
    source: tuple[str, ...] = key(
        Some(SOURCE, "sources"), "where the duty comes from; checked in shipped rules", default=()
    )
    breaks: str = key(LINE, "who could be hurt by a wrong block", default="")
    owner: str = key(LINE, "who answers for it; checked on a user's allow", default="")
    expires: str = key(Day(), "the last day on which it counts; checked on a user's allow", default="")


@form
class RulesForm(Form):
    """pledge.yaml, profiles/<profile>.yaml, and a user's rules."""

    profile: Profile | None = key(
        Word("profile", Profile, tuple(profile.value for profile in Profile)),
        "the profile that these rules belong to, the same as the file's name",
        default=None,
    )
    rules: tuple[RuleForm, ...] = key(
        ListOf(Nested(RuleForm), "rules", least=0, partial=True), "the rules", default=()
    )
    reclassify: tuple[ReclassifyForm, ...] = key(_RECLASSIFY, "user rules only", default=())
