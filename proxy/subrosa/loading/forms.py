"""The files of a rules directory, key by key: destinations, rules and profiles, tags, content recognisers."""

from subrosa.facts.body import Kind
from subrosa.facts.tags import TagFormat
from subrosa.loading.form import Form, Nested, form, key
from subrosa.loading.shapes import Count, Day, Flag, ListOf, MapOf, Some, Spot, Text, Tree, Word
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

_QUERY = MapOf(VALUES, "parameter names to values")
_HEADER = MapOf(VALUES, "field names to values", header_name)
_FORM = MapOf(VALUES, "form field names to values", field_name)
_JSON = MapOf(VALUES, "dotted paths to values", json_path)


@form
class RequestForm(Form):
    """One form of an operation's request; everything given must hold."""

    method: tuple[str, ...] = key(
        Some(Text("a method such as POST, or `*`", r"\*|[A-Z]+"), "methods"),
        "method or methods, `*` for any",
        (),
    )
    path: str = key(
        Text("a path such as /v1/files/{id}", "/.*"), "path: `{name}` one segment, `{name...}` the rest", ""
    )
    query: dict[str, Values] = key(_QUERY, "query parameters and the values that count", {})
    header: dict[str, Values] = key(_HEADER, "header fields and the values that count", {})
    form: dict[str, Values] = key(
        _FORM, "form fields (urlencoded and multipart) and the values that count", {}
    )
    json: dict[str, Values] = key(_JSON, "dotted paths of a JSON body and the values that count", {})
    aws_target: tuple[str, ...] = key(
        Some(Text("`Prefix.Operation` or `Operation`", r"(?:[A-Za-z0-9_]+\.)?[A-Za-z0-9]+"), "targets"),
        "an AWS operation in each of its wire forms; takes the place of method and path",
        (),
    )


@form
class UnlessForm(Form):
    """The opt-out that turns a training-by-default operation into inference: any one of these."""

    query: dict[str, Values] = key(_QUERY, "the parameter as documented, given once", {})
    header: dict[str, Values] = key(_HEADER, "the header field as documented, given once", {})
    form: dict[str, Values] = key(_FORM, "the form field as documented, given once", {})
    json: dict[str, Values] = key(_JSON, "the JSON value as documented, given once", {})
    assertion: str = key(
        FACT, "the account fact to assert in the settings where no request can show it", "", name="assert"
    )


_REQUEST = Nested(RequestForm)


@form
class OperationForm(Form):
    """One operation of a provider."""

    id: str = key(OPERATION_ID, "unique, begins with the provider's id and a dot")
    purpose: Purpose = key(PURPOSE, "what the operation does with what it is sent")
    strength: Strength | None = key(STRENGTH, "how sure that is; required for a training purpose", None)
    hosts: tuple[str, ...] = key(
        ListOf(HOST, "hosts"), "the hosts of this operation, in place of the provider's", ()
    )
    request: RequestForm | None = key(_REQUEST, "the request that calls it", None)
    requests: tuple[RequestForm, ...] = key(
        ListOf(_REQUEST, "requests"), "the requests, where it has several forms", ()
    )
    unless: UnlessForm | None = key(Nested(UnlessForm), "the opt-out that makes it inference", None)
    carries: Carries | None = key(
        Word("thing carried", Carries, tuple(carries.value for carries in Carries)),
        "what a request without body carries: content, a reference, a query or a token",
        None,
    )
    body: str = key(
        Word("body", str, ("object",)), "`object`: the body is a stored object, without fields and tags", ""
    )
    shape: str = key(ERROR_SHAPE, "the error shape that its clients read, where it is not the provider's", "")
    source: tuple[str, ...] = key(Some(SOURCE, "sources"), "where the provider says so; checked", ())
    breaks: str = key(LINE, "who could be hurt by a wrong block; checked", "")
    reviewed: str = key(
        Day(), "when it was last compared with its source; the provider's date without it", ""
    )


@form
class ReclassifyForm(Form):
    """A user's other opinion on a `likely` or `signal` operation; shown in metrics and evidence."""

    operation: str = key(OPERATION_ID, "the operation's id")
    purpose: Purpose = key(PURPOSE, "what it does here")
    strength: Strength | None = key(STRENGTH, "how sure that is; `likely` without it", None)
    owner: str = key(LINE, "who answers for it")
    why: str = key(LINE, "why, in one sentence")
    expires: str = key(Day(), "the last day on which it counts")


_RECLASSIFY = ListOf(Nested(ReclassifyForm), "reclassifications", partial=True)


@form
class DestinationForm(Form):
    """destinations/<provider>.yaml: one provider, its hosts and its operations."""

    provider: str = key(PROVIDER, "the provider's id, the same as the file's name")
    name: str = key(LINE, "the provider's name for people", "")
    hosts: tuple[str, ...] = key(
        ListOf(HOST, "hosts"), "canonical hosts; one leading `*.` or `{name}` for a label"
    )
    dialect: bool = key(
        Flag(), "true for an API that is spoken on any host; only then may a host be `*`", default=False
    )
    shape: str = key(ERROR_SHAPE, "the error shape that its clients read", "problem")
    reviewed: str = key(Day(), "when the file was last compared with its sources; checked", "")
    operations: tuple[OperationForm, ...] = key(
        ListOf(Nested(OperationForm), "operations", partial=True), "what can be called there", ()
    )
    reclassify: tuple[ReclassifyForm, ...] = key(_RECLASSIFY, "user rules only", ())


@form
class RuleForm(Form):
    """One rule."""

    id: str = key(RULE_ID, "unique, `family.name`; `pledge.`, `strict.` and `guard.` are the gateway's own")
    verdict: Outcome = key(Word("verdict", Outcome, ("block", "allow")), "block or allow")
    reason: Reason | None = key(
        Word("reason", Reason, tuple(reason.value for reason in Reason)),
        "the reason that is told; `user-rule` or `allowed` without it; others in shipped rules only",
        None,
    )
    sealed: bool = key(Flag(), "true: nothing lifts it; shipped rules only", default=False)
    default: bool = key(Flag(), "true: asked after the allows; profiles only", default=False)
    when: Spot = key(
        Tree("condition"), "the condition: facts that must all hold; `all`, `any` and `not` combine"
    )
    why: str = key(LINE, "one sentence for the refusal", "")
    remedy: str = key(LINE, "what would make the transfer pass, where anything would", "")
    source: tuple[str, ...] = key(
        Some(SOURCE, "sources"), "where the duty comes from; checked in shipped rules", ()
    )
    breaks: str = key(LINE, "who could be hurt by a wrong block", "")
    owner: str = key(LINE, "who answers for it; checked on a user's allow", "")
    expires: str = key(Day(), "the last day on which it counts; checked on a user's allow", "")


@form
class RulesForm(Form):
    """pledge.yaml, profiles/<profile>.yaml, and a user's rules."""

    profile: Profile | None = key(
        Word("profile", Profile, tuple(profile.value for profile in Profile)),
        "the profile that these rules belong to, the same as the file's name",
        None,
    )
    rules: tuple[RuleForm, ...] = key(
        ListOf(Nested(RuleForm), "rules", least=0, partial=True), "the rules", ()
    )
    reclassify: tuple[ReclassifyForm, ...] = key(_RECLASSIFY, "user rules only", ())


_TAG_FORMAT = Word("tag format", TagFormat, tuple(one.value for one in TagFormat))
_NAME = Text("a name")
_PREFIX_ABOUT = "the beginning of the names; the rest is the tag's key"
_FORMAT_ABOUT = "how the tags are written; the whole value is one tag without it"


@form
class HeaderTagForm(Form):
    """Header fields that carry tags."""

    exact: str = key(_NAME, "the field's name", "", name="header")
    prefix: str = key(_NAME, _PREFIX_ABOUT, "")
    format: TagFormat = key(_TAG_FORMAT, _FORMAT_ABOUT, TagFormat.VALUE)


@form
class QueryTagForm(Form):
    """Query parameters that carry tags."""

    exact: str = key(_NAME, "the parameter's name", "", name="param")
    prefix: str = key(_NAME, _PREFIX_ABOUT, "")
    format: TagFormat = key(_TAG_FORMAT, _FORMAT_ABOUT, TagFormat.VALUE)


@form
class FormTagForm(Form):
    """Form fields that carry tags."""

    exact: str = key(_NAME, "the form field's name", "", name="field")
    prefix: str = key(_NAME, _PREFIX_ABOUT, "")
    format: TagFormat = key(_TAG_FORMAT, _FORMAT_ABOUT, TagFormat.VALUE)


@form
class JsonTagForm(Form):
    """Places in JSON bodies that carry tags."""

    path: str = key(Text("a dotted path"), "dotted path, `[]` for any index, `*` for any key")
    tag_key: str = key(_NAME, "the tag's key, where it is not the member's own name", "", name="key")


@form
class XmlTagForm(Form):
    """XML bodies that carry tags."""

    root: str = key(
        Text("an element's name", "[A-Za-z][A-Za-z0-9._-]*"), "the local name of the root element"
    )


@form
class CarriersForm(Form):
    """Where tags stand."""

    headers: tuple[HeaderTagForm, ...] = key(
        ListOf(Nested(HeaderTagForm), "carriers", partial=True), "in header fields", ()
    )
    query: tuple[QueryTagForm, ...] = key(
        ListOf(Nested(QueryTagForm), "carriers", partial=True), "in the query", ()
    )
    forms: tuple[FormTagForm, ...] = key(
        ListOf(Nested(FormTagForm), "carriers", partial=True), "in form fields", ()
    )
    json: tuple[JsonTagForm, ...] = key(
        ListOf(Nested(JsonTagForm), "carriers", partial=True), "in JSON bodies", ()
    )
    xml: tuple[XmlTagForm, ...] = key(
        ListOf(Nested(XmlTagForm), "carriers", partial=True), "in XML bodies", ()
    )


_TERMS = ListOf(Text("a term"), "terms")


@form
class VocabularyForm(Form):
    """What tags mean; every spelling of a term is the same term."""

    compound: tuple[str, ...] = key(_TERMS, "terms that say training under any key; `key=value` too", ())
    bare: tuple[str, ...] = key(
        _TERMS, "words that say it only under a purpose key and beside a companion", ()
    )
    purpose_keys: tuple[str, ...] = key(_TERMS, "keys under which a bare word counts", ())
    companions: tuple[str, ...] = key(_TERMS, "words of another tag that make a bare word count", ())
    protected: tuple[str, ...] = key(_TERMS, "terms that forbid training; `key=value` too", ())
    content_keys: tuple[str, ...] = key(_TERMS, "keys of tags that say meeting content", ())
    content_values: tuple[str, ...] = key(_TERMS, "values that say meeting content under these keys", ())


@form
class TagsForm(Form):
    """tags.yaml: where tags stand and what they mean; a user's file adds to the shipped one."""

    reviewed: str = key(Day(), "when the file was last compared with its sources; checked", "")
    carriers: CarriersForm | None = key(Nested(CarriersForm), "where tags stand", None)
    vocabulary: VocabularyForm | None = key(Nested(VocabularyForm), "what they mean", None)


@form
class MagicForm(Form):
    """Octets at a fixed place."""

    at: int = key(Count(4096), "offset from the beginning of the content", 0)
    hex: str = key(Text("octets in hex such as `66747970`", "(?:[0-9a-fA-F]{2})+"), "the octets in hex")


@form
class RecogniserForm(Form):
    """One way to know content: by its name, or by its first octets."""

    id: str = key(Text("an id such as `zoom-recording-name`", "[a-z0-9]+(?:-[a-z0-9]+)*"), "unique")
    says: str = key(
        Word("statement", str, ("meeting", "media")), "`meeting`: it is meeting content; `media`: a file type"
    )
    names: tuple[str, ...] = key(
        ListOf(Text("a regular expression"), "expressions"), "RE2, on the object's name", ()
    )
    magic: tuple[MagicForm, ...] = key(
        ListOf(Nested(MagicForm), "octets"),
        "octets near the beginning, all of these; with `text` both must hold",
        (),
    )
    text: str = key(Text("a regular expression"), "RE2, on the first part of the text", "")
    source: tuple[str, ...] = key(Some(SOURCE, "sources"), "where the form is described; checked", ())


@form
class ContentForm(Form):
    """content/<kind>.yaml: how one kind of content is recognised."""

    kind: Kind = key(Word("content kind", Kind, tuple(one.value for one in Kind)), "the kind")
    reviewed: str = key(Day(), "when the file was last compared with its sources; checked", "")
    recognisers: tuple[RecogniserForm, ...] = key(
        ListOf(Nested(RecogniserForm), "recognisers", partial=True), "any of them is enough"
    )
