"""The files of a rules directory, key by key: tags and content recognisers."""

from subrosa.facts.body import Kind
from subrosa.facts.tags import TagFormat
from subrosa.loading.form import Form, Nested, form, key
from subrosa.loading.forms import SOURCE
from subrosa.loading.shapes import Count, Day, ListOf, Some, Text, Word

_TAG_FORMAT = Word("tag format", TagFormat, tuple(one.value for one in TagFormat))
_NAME = Text("a name")
_PREFIX_ABOUT = "the beginning of the names; the rest is the tag's key"
_FORMAT_ABOUT = "how the tags are written; the whole value is one tag without it"


@form
class HeaderTagForm(Form):
    """Header fields that carry tags."""

    exact: str = key(_NAME, "the field's name", default="", name="header")
    prefix: str = key(_NAME, _PREFIX_ABOUT, default="")
    format: TagFormat = key(_TAG_FORMAT, _FORMAT_ABOUT, default=TagFormat.VALUE)


@form
class QueryTagForm(Form):
    """Query parameters that carry tags."""

    exact: str = key(_NAME, "the parameter's name", default="", name="param")
    prefix: str = key(_NAME, _PREFIX_ABOUT, default="")
    format: TagFormat = key(_TAG_FORMAT, _FORMAT_ABOUT, default=TagFormat.VALUE)


@form
class FormTagForm(Form):
    """Form fields that carry tags."""

    exact: str = key(_NAME, "the form field's name", default="", name="field")
    prefix: str = key(_NAME, _PREFIX_ABOUT, default="")
    format: TagFormat = key(_TAG_FORMAT, _FORMAT_ABOUT, default=TagFormat.VALUE)


@form
class JsonTagForm(Form):
    """Places in JSON bodies that carry tags."""

    path: str = key(Text("a dotted path"), "dotted path, `[]` for any index, `*` for any key")
    tag_key: str = key(_NAME, "the tag's key, where it is not the member's own name", default="", name="key")


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
        ListOf(Nested(HeaderTagForm), "carriers", partial=True), "in header fields", default=()
    )
    query: tuple[QueryTagForm, ...] = key(
        ListOf(Nested(QueryTagForm), "carriers", partial=True), "in the query", default=()
    )
    forms: tuple[FormTagForm, ...] = key(
        ListOf(Nested(FormTagForm), "carriers", partial=True), "in form fields", default=()
    )
    json: tuple[JsonTagForm, ...] = key(
        ListOf(Nested(JsonTagForm), "carriers", partial=True), "in JSON bodies", default=()
    )
    xml: tuple[XmlTagForm, ...] = key(
        ListOf(Nested(XmlTagForm), "carriers", partial=True), "in XML bodies", default=()
    )


_TERMS = ListOf(Text("a term"), "terms")


@form
class VocabularyForm(Form):
    """What tags mean; every spelling of a term is the same term."""

    compound: tuple[str, ...] = key(
        _TERMS, "terms that say training under any key; `key=value` too", default=()
    )
    bare: tuple[str, ...] = key(
        _TERMS, "words that say it only under a purpose key and beside a companion", default=()
    )
    purpose_keys: tuple[str, ...] = key(_TERMS, "keys under which a bare word counts", default=())
    companions: tuple[str, ...] = key(_TERMS, "words of another tag that make a bare word count", default=())
    naming_keys: tuple[str, ...] = key(
        _TERMS,
        "keys that name a thing and state no purpose: a term under them only hints; shipped only",
        default=(),
    )
    protected: tuple[str, ...] = key(_TERMS, "terms that forbid training; `key=value` too", default=())
    content_keys: tuple[str, ...] = key(_TERMS, "keys of tags that say meeting content", default=())
    content_values: tuple[str, ...] = key(
        _TERMS, "values that say meeting content under these keys", default=()
    )


@form
class TagsForm(Form):
    """tags.yaml: where tags stand and what they mean; a user's file adds to the shipped one."""

    reviewed: str = key(Day(), "when the file was last compared with its sources; checked", default="")
    carriers: CarriersForm | None = key(Nested(CarriersForm), "where tags stand", default=None)
    vocabulary: VocabularyForm | None = key(Nested(VocabularyForm), "what they mean", default=None)


@form
class MagicForm(Form):
    """Octets at a fixed place."""

    at: int = key(Count(4096), "offset from the beginning of the content", default=0)
    hex: str = key(Text("octets in hex such as `66747970`", "(?:[0-9a-fA-F]{2})+"), "the octets in hex")


@form
class RecogniserForm(Form):
    """One way to know content: by its name, or by its first octets."""

    id: str = key(Text("an id such as `zoom-recording-name`", "[a-z0-9]+(?:-[a-z0-9]+)*"), "unique")
    says: str = key(
        Word("statement", str, ("meeting", "media")), "`meeting`: it is meeting content; `media`: a file type"
    )
    names: tuple[str, ...] = key(
        ListOf(Text("a regular expression"), "expressions"), "RE2, on the object's name", default=()
    )
    magic: tuple[MagicForm, ...] = key(
        ListOf(Nested(MagicForm), "octets"),
        "octets near the beginning, all of these; with `text` both must hold",
        default=(),
    )
    text: str = key(Text("a regular expression"), "RE2, on the first part of the text", default="")
    source: tuple[str, ...] = key(Some(SOURCE, "sources"), "where the form is described; checked", default=())


@form
class ContentForm(Form):
    """content/<kind>.yaml: how one kind of content is recognised."""

    kind: Kind = key(Word("content kind", Kind, tuple(one.value for one in Kind)), "the kind")
    reviewed: str = key(Day(), "when the file was last compared with its sources; checked", default="")
    recognisers: tuple[RecogniserForm, ...] = key(
        ListOf(Nested(RecogniserForm), "recognisers", partial=True), "any of them is enough"
    )
