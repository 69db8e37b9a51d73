# ruff: noqa: RUF001 - characters that look like others are what is tested

import base64
from collections.abc import Callable

import pytest

from subrosa.facts.fields import Fields
from subrosa.facts.paths import NO_QUERY, Query
from subrosa.facts.tags import Tag, TagMeaning, TagTable, canonical
from subrosa.facts.unreadable import Ambiguity, UnreadableError
from unit.facts.tagtable import TABLE

TRAINING = frozenset({TagMeaning.TRAINING})
SIGNAL = frozenset({TagMeaning.SIGNAL})
PROTECTED = frozenset({TagMeaning.PROTECTED})
CONTENT = frozenset({TagMeaning.CONTENT})
NOTHING: frozenset[TagMeaning] = frozenset()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def said(*lines: tuple[str | bytes, str | bytes], query: str = "") -> frozenset[TagMeaning]:
    tags, doubt = TABLE.head_tags(Fields.of(lines), Query.parse(query))
    assert doubt is None
    return TABLE.meanings(tags)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("model-training", id="as the vocabulary spells it"),
        pytest.param("Model-Training", id="in capitals"),
        pytest.param("MODEL_TRAINING", id="with an underscore"),
        pytest.param("model training", id="with a blank"),
        pytest.param("model.training", id="with a dot"),
        pytest.param("model/training", id="with a slash"),
        pytest.param("model:training", id="with a colon"),
        pytest.param("model - training", id="with more than a dash"),
        pytest.param("ModelTraining", id="in one word"),
        pytest.param("model%20training", id="percent-encoded"),
        pytest.param("model%2Dtraining", id="with an encoded dash"),
        pytest.param("%6dodel-training", id="with an encoded letter"),
        pytest.param("  model-training\t", id="with white space around"),
        pytest.param('"model-training"', id="in quotes"),
        pytest.param('["model-training"]', id="in a list of JSON"),
        pytest.param('{"purpose": "model-training"}', id="in an object of JSON"),
        pytest.param("archive, model-training", id="in a list with commas"),
        pytest.param("archive;model-training", id="in a list with semicolons"),
        pytest.param("archive|model-training", id="in a list with bars"),
        pytest.param("purpose=model-training", id="as a pair in a value"),
        pytest.param("purpose: model-training", id="as a pair with a colon"),
        pytest.param("=?UTF-8?B?bW9kZWwtdHJhaW5pbmc=?=", id="as an encoded-word"),
        pytest.param("=?utf-8?q?model=2Dtraining?=", id="as a quoted-printable encoded-word"),
        pytest.param("ｍｏｄｅｌ－ｔｒａｉｎｉｎｇ".encode(), id="in full width"),
        pytest.param("model\u2010training".encode(), id="with a typographic hyphen"),
        pytest.param("model\u2013training".encode(), id="with a dash"),
        pytest.param("model\u00a0training".encode(), id="with a blank that does not break"),
        pytest.param("mo\u00addel-train\u200bing".encode(), id="with characters that are not there"),
        pytest.param("model－training, x".encode(), id="in full width in a list"),
        pytest.param("train-ai=yes", id="as a composite that is switched on"),
        pytest.param("https://w3id.org/dpv/ai#ModelTraining", id="as a term of DPV"),
        pytest.param("train_ai_system", id="as a term of Fides"),
    ],
)
def test_a_compound_term_says_training_under_any_key_in_any_spelling(value: str | bytes) -> None:
    assert TagMeaning.TRAINING in said(("x-amz-meta-anything", value))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(("x-amz-tagging", "purpose=ml-training&team=x"), id="S3 tags"),
        pytest.param(("X-Amz-Tagging", "purpose=ml%2Dtraining"), id="S3 tags, encoded"),
        pytest.param(("x-amz-tagging", "purpose=ml+training"), id="S3 tags with a plus"),
        pytest.param(("x-amz-tagging", "purpose=ml training"), id="S3 tags with a raw blank"),
        pytest.param(("x-amz-tagging", "%70urpose=%6dl%2Dtraining"), id="S3 tags, wholly encoded"),
        pytest.param(("x-amz-tagging", "ml-training"), id="an S3 tag without value"),
        pytest.param(("x-amz-tagging", "ml-training="), id="an S3 tag with an empty value"),
        pytest.param(("x-amz-tagging", "ml-training=true"), id="an S3 tag that is switched on"),
        pytest.param(("x-amz-tagging", "a=b,purpose=ml-training"), id="two lines joined by a comma"),
        pytest.param(("x-ms-tags", "purpose=ml%20training&train-ai=y"), id="Azure tags"),
        pytest.param(("X-AMZ-META-Data_Use", "train_ai_system"), id="S3 metadata"),
        pytest.param(("x-amz-meta-fine-tune", "yes"), id="a key of S3 metadata that is switched on"),
        pytest.param(("x-goog-meta-purpose", "ml-training"), id="GCS metadata"),
        pytest.param(("baggage", "purpose=ml-training"), id="baggage"),
        pytest.param(("baggage", "a=b,purpose=ml%2Dtraining;p=q"), id="baggage, encoded"),
        pytest.param(("baggage", "a=b;purpose=ml-training"), id="a property of baggage"),
        pytest.param(("baggage", "purpose = ml-training"), id="baggage with blanks"),
        pytest.param(("upload-metadata", f"filename {b64('a.mp4')},purpose {b64('ml-training')}"), id="tus"),
        pytest.param(("upload-metadata", "fine-tune"), id="a key of tus without value"),
        pytest.param(("content-usage", "train-ai=y"), id="Content-Usage"),
        pytest.param(("content-usage", "train-ai=y, train-ai=n"), id="Content-Usage that says both"),
        pytest.param(("content-signal", "search=yes, ai-train=yes"), id="Content-Signal"),
    ],
)
def test_training_is_read_in_every_carrier(line: tuple[str, str]) -> None:
    assert TagMeaning.TRAINING in said(line)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        pytest.param(("content-usage", "train-ai=n"), PROTECTED, id="Content-Usage"),
        pytest.param(
            ("content-usage", "train-ai=n;x=1, search=y"), PROTECTED, id="parameters have no meaning"
        ),
        pytest.param(("content-usage", "train-ai"), NOTHING, id="a key alone is true, which has no meaning"),
        pytest.param(("content-usage", "train-ai=?0"), NOTHING, id="a boolean has no meaning"),
        pytest.param(("content-usage", 'train-ai="n"'), NOTHING, id="a string has no meaning"),
        pytest.param(("content-usage", "train-ai=N"), NOTHING, id="a capital has no meaning"),
        pytest.param(("content-usage", "train-ai=(n)"), NOTHING, id="an inner list has no meaning"),
        pytest.param(
            ("content-usage", 'a=1, b=1.5, c=:AA==:, d=@1, e=(x y;q);z, f=%"%c3"'), NOTHING, id="all types"
        ),
        pytest.param(("content-usage", ""), NOTHING, id="an empty dictionary"),
        pytest.param(("content-usage", "SEARCH=Y"), NOTHING, id="a text that is no dictionary"),
        pytest.param(
            ("content-signal", "search=yes, ai-train=no, ai-input=no"), PROTECTED, id="Content-Signal"
        ),
        pytest.param(("x-robots-tag", "noai, noimageai"), PROTECTED, id="X-Robots-Tag"),
        pytest.param(("x-robots-tag", "otherbot: noai"), PROTECTED, id="X-Robots-Tag for an agent"),
        pytest.param(("x-robots-tag", "noindex, nofollow"), NOTHING, id="X-Robots-Tag about search"),
        pytest.param(("tdm-reservation", "1"), PROTECTED, id="TDMRep"),
        pytest.param(("tdm-reservation", "0"), NOTHING, id="TDMRep without reservation grants nothing"),
        pytest.param(("x-goog-meta-train-ai", "n"), PROTECTED, id="metadata"),
        pytest.param(("x-goog-meta-train-ai", "false"), PROTECTED, id="metadata, false"),
        pytest.param(("x-amz-tagging", "train-ai=0"), PROTECTED, id="a tag, 0"),
        pytest.param(("x-amz-meta-noai", "1"), PROTECTED, id="a protecting key that is switched on"),
        pytest.param(
            ("x-amz-meta-noai", "0"), NOTHING, id="a protecting key that is switched off grants nothing"
        ),
        pytest.param(
            ("x-amz-meta-model-training", "no"), PROTECTED, id="a training key that is switched off"
        ),
        pytest.param(("x-amz-meta-training-data", "slides"), SIGNAL, id="a training key with another value"),
        pytest.param(("x-amz-tagging", "data-class=meeting"), CONTENT, id="a class of content"),
        pytest.param(
            ("x-amz-tagging", "Data.Class=Meeting_Content"),
            CONTENT,
            id="a class of content, spelled otherwise",
        ),
        pytest.param(("x-amz-tagging", "title=meeting"), NOTHING, id="a word under another key is no class"),
        pytest.param(("x-amz-tagging", "data-class=sales"), NOTHING, id="another class is not content"),
    ],
)
def test_what_does_not_say_training(line: tuple[str, str], meaning: frozenset[TagMeaning]) -> None:
    assert said(line) == meaning


@pytest.mark.parametrize(
    ("tags", "meaning"),
    [
        pytest.param("purpose=training", SIGNAL, id="staff are trained too"),
        pytest.param("title=training", SIGNAL, id="a bare word under another key"),
        pytest.param("training=yes", SIGNAL, id="a bare word as a key"),
        pytest.param("training=monday", NOTHING, id="a bare word as a key of something else"),
        pytest.param("purpose=staff-training&audience=employees", NOTHING, id="staff training"),
        pytest.param("purpose=training&audience=employees", SIGNAL, id="training of employees"),
        pytest.param("purpose=training&model=whisper", SIGNAL | TRAINING, id="training, and a model"),
        pytest.param(
            "purpose=train&project=ml-platform", SIGNAL | TRAINING, id="training, and a project of ml"
        ),
        pytest.param("data_use=Training&kind=Dataset", SIGNAL | TRAINING, id="however spelled"),
        pytest.param("title=training&model=whisper", SIGNAL, id="a model, but no purpose"),
        pytest.param("purpose=archive&model=ptz-200", NOTHING, id="the model of a camera"),
        pytest.param(
            "purpose=training&train-ai=n", SIGNAL | PROTECTED, id="a protected one speaks of no model"
        ),
        pytest.param("purpose=training,model", SIGNAL | TRAINING, id="a model in the same list"),
        pytest.param("purpose=training&mail=x", SIGNAL, id="a word that only contains ai"),
        pytest.param("model-purpose=training", SIGNAL, id="another key is no purpose"),
    ],
)
def test_a_bare_word_says_training_only_as_a_purpose_and_beside_a_model(
    tags: str, meaning: frozenset[TagMeaning]
) -> None:
    assert said(("x-amz-tagging", tags)) == meaning


def test_a_companion_may_stand_in_another_carrier() -> None:
    lines = (("x-amz-tagging", "purpose=training"), ("baggage", "pipeline=asr-model"))

    assert said(*lines) == SIGNAL | TRAINING


def test_every_line_counts_whatever_the_others_say() -> None:
    lines = [
        ("x-amz-tagging", "train-ai=n"),
        ("X-AMZ-TAGGING", "train-ai=y"),
        ("content-usage", "train-ai=n"),
    ]

    assert said(*lines) == said(*reversed(lines)) == TRAINING | PROTECTED


def test_a_line_that_connection_nominates_counts() -> None:
    assert said(("connection", "x-amz-tagging"), ("x-amz-tagging", "purpose=ml-training")) == TRAINING


@pytest.mark.parametrize(
    "query",
    [
        "x-amz-tagging=purpose%3Dml-training%26a%3Db",
        "X-Amz-Tagging=purpose%3Dml-training",
        "X-Amz-Meta-Purpose=ml-training",
        "x-amz-tagging=a%3Db&x-amz-tagging=purpose%3Dml-training",
    ],
)
def test_a_presigned_query_carries_tags(query: str) -> None:
    assert said(query=query) == TRAINING


def test_tags_are_given_in_order_with_their_carrier() -> None:
    fields = Fields.of([("baggage", "a=1"), ("x-amz-meta-Key", "V"), ("x-amz-tagging", "b=2&c=3")])
    tags, doubt = TABLE.head_tags(fields, Query.parse("x-amz-tagging=d%3D4"))

    assert doubt is None
    assert tags == [
        Tag("baggage", "a", "1"),
        Tag("x-amz-meta-*", "key", "V"),
        Tag("x-amz-tagging", "b", "2"),
        Tag("x-amz-tagging", "c", "3"),
        Tag("query:x-amz-tagging", "d", "4"),
    ]


def test_a_head_without_carriers_has_no_tags() -> None:
    fields = Fields.of([("host", "a.example"), ("x-amz-date", "x"), ("link", '</rsl.xml>; rel="license"')])

    assert TABLE.head_tags(fields, Query.parse("purpose=ml-training")) == ([], None)
    assert TABLE.meanings([]) == NOTHING


@pytest.mark.parametrize(
    ("line", "query", "ambiguity"),
    [
        pytest.param(
            ("content-usage", "Train-AI=y"), "", Ambiguity.BAD_SYNTAX, id="no dictionary, about training"
        ),
        pytest.param(("content-usage", "train-ai=y,"), "", Ambiguity.BAD_SYNTAX, id="a comma at the end"),
        pytest.param(
            ("content-usage", "train-ai = y"), "", Ambiguity.BAD_SYNTAX, id="blanks around the equals sign"
        ),
        pytest.param(
            ("content-usage", "search=y train-ai=n"), "", Ambiguity.BAD_SYNTAX, id="no comma between"
        ),
        pytest.param(
            ("content-usage", 'x="train'), "", Ambiguity.BAD_SYNTAX, id="a string that does not end"
        ),
        pytest.param(("upload-metadata", "purpose !!!"), "", Ambiguity.BAD_ENCODING, id="tus without base64"),
        pytest.param(("upload-metadata", "purpose /w=="), "", Ambiguity.BAD_ENCODING, id="tus without UTF-8"),
        pytest.param(("x-amz-tagging", "purpose=%ff"), "", Ambiguity.BAD_CHARSET, id="S3 tags without UTF-8"),
        pytest.param(("x-amz-tagging", "purpose=%u006dl"), "", Ambiguity.BAD_ENCODING, id="S3 tags with %u"),
        pytest.param(
            ("x-amz-tagging", "a=b;purpose=x"), "", Ambiguity.BAD_SYNTAX, id="S3 tags with a semicolon"
        ),
        pytest.param(("x-amz-tagging", "a=b\tc"), "", Ambiguity.BAD_SYNTAX, id="S3 tags with a tab"),
        pytest.param(
            ("baggage", "model-training"),
            "",
            Ambiguity.BAD_SYNTAX,
            id="baggage without a key, about training",
        ),
        pytest.param(("a", "b"), "x-amz-tagging=%ff", Ambiguity.BAD_CHARSET, id="a query without UTF-8"),
    ],
)
def test_tags_without_a_single_reading_are_told(
    line: tuple[str, str], query: str, ambiguity: Ambiguity
) -> None:
    assert TABLE.head_tags(Fields.of([line]), Query.parse(query))[1] is ambiguity


def test_baggage_of_others_without_a_key_is_no_doubt() -> None:
    assert TABLE.head_tags(Fields.of([("baggage", "sentry-sampled, a=b")]), NO_QUERY) == (
        [Tag("baggage", "a", "b")],
        None,
    )


def test_a_doubt_in_another_part_of_the_query_is_no_doubt_about_tags() -> None:
    assert TABLE.head_tags(Fields(), Query.parse("prefix=%ff&x-amz-tagging=a%3Db"))[1] is None


def test_readable_tags_are_given_beside_a_doubt() -> None:
    tags, doubt = TABLE.head_tags(
        Fields.of([("upload-metadata", f"purpose {b64('ml-training')},x !")]), NO_QUERY
    )

    assert TABLE.meanings(tags) == TRAINING
    assert doubt is Ambiguity.BAD_ENCODING


def test_explain_names_the_tag_that_gave_each_meaning() -> None:
    tags = [
        Tag("a", "purpose", "training"),
        Tag("b", "kind", "dataset"),
        Tag("c", "train-ai", "n"),
        Tag("d", "x", "y"),
    ]

    assert TABLE.explain(tags) == (
        (tags[0], TagMeaning.SIGNAL),
        (tags[0], TagMeaning.TRAINING),
        (tags[2], TagMeaning.PROTECTED),
    )


@pytest.mark.parametrize(
    "name", ["tagging", "Tagging", " tagging ", "tagging[]", "x-amz-meta-purpose", "metadata[purpose]"]
)
def test_a_form_field_is_a_carrier_in_any_spelling(name: str) -> None:
    assert TABLE.is_form_carrier(name)


def test_form_fields_carry_tags() -> None:
    xml = "<Tagging><TagSet><Tag><Key>purpose</Key><Value>ml-training</Value></Tag></TagSet></Tagging>"

    assert TABLE.form_tags("tagging", xml) == [Tag("form:tagging", "purpose", "ml-training")]
    assert TABLE.form_tags("X-Amz-Meta-Use", "x") == [Tag("form:x-amz-meta-*", "use", "x")]
    assert TABLE.meanings(TABLE.form_tags("metadata", '{"purpose":"ml-training","a":1}')) == TRAINING
    assert TABLE.form_tags("file", "ml-training") == []
    assert not TABLE.is_form_carrier("file")


@pytest.mark.parametrize(
    "value", ["<Tagging>", "ml-training", "<!DOCTYPE x><Tagging/>", "<Tagging>\ud800</Tagging>"]
)
def test_a_form_field_that_holds_no_tag_set_has_no_reading(value: str) -> None:
    with pytest.raises(UnreadableError, match=r"^form field `form:tagging` "):
        TABLE.form_tags("tagging", value)


@pytest.mark.parametrize(
    ("path", "key", "tag"),
    [
        pytest.param("metadata.purpose", "purpose", Tag("json:metadata.*", "purpose", "v"), id="a member"),
        pytest.param(
            "metadata.data.class", "class", Tag("json:metadata.*", "data.class", "v"), id="a key with a dot"
        ),
        pytest.param(
            "contexts.custom.purpose.value",
            "value",
            Tag("json:contexts.custom.*.value", "purpose", "v"),
            id="a key above the value",
        ),
        pytest.param("tags[].value", "value", Tag("json:tags[].value", "value", "v"), id="a list"),
        pytest.param(
            "purpose", "purpose", Tag("json:purpose", "body-purpose", "v"), id="a key of the table's own"
        ),
    ],
)
def test_json_members_carry_tags(path: str, key: str, tag: Tag) -> None:
    assert TABLE.json_tags(path, key, "v") == [tag]
    carrier = TABLE.json_carrier(path)
    assert carrier is not None
    assert tag.carrier == f"json:{carrier.path}"


@pytest.mark.parametrize(
    "path", ["metadata", "x.metadata.purpose", "tags.value", "tags[].key", "purpose.x", ""]
)
def test_other_json_members_carry_none(path: str) -> None:
    assert TABLE.json_tags(path, "k", "ml-training") == []
    assert TABLE.json_carrier(path) is None


def test_an_empty_table_reads_nothing_and_means_nothing() -> None:
    empty = TagTable()

    assert empty.head_tags(Fields.of([("x-amz-tagging", "purpose=ml-training")]), NO_QUERY) == ([], None)
    assert empty.meanings([Tag("a", "purpose", "ml-training")]) == NOTHING
    assert empty.xml_tags(b"<Tagging/>") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Model_Training", "model-training"),
        ("  a  b ", "a-b"),
        ("%41%42", "ab"),
        ("%2541", "%41"),
        ("a%zz", "a%zz"),
        ("", ""),
        ("___", ""),
        ("Straße", "strasse"),
        ("ﬁne-tune", "fine-tune"),
        ("a\u200bb", "ab"),
        ("%ff", "\ufffd"),
    ],
)
def test_the_canonical_spelling(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize(
    ("lines", "kept", "ambiguity"),
    [
        pytest.param([("x-amz-tagging", "&".join(["a=b"] * 1000))], 1000, None, id="1,000 tags pass"),
        pytest.param(
            [("x-amz-tagging", "&".join(["a=b"] * 1001))], 1000, Ambiguity.TOO_LARGE, id="1,001 tags are cut"
        ),
        pytest.param(
            [("x-amz-meta-a", "x"), ("x-amz-meta-b", "," * 999)],
            1,
            Ambiguity.TOO_LARGE,
            id="1,001 items are cut",
        ),
        pytest.param([("x-amz-meta-a", "%2C" * 1000)], 0, Ambiguity.TOO_LARGE, id="encoded separators count"),
    ],
)
def test_tags_that_say_too_much_are_cut_and_told(
    lines: list[tuple[str, str]], kept: int, ambiguity: Ambiguity | None
) -> None:
    tags, doubt = TABLE.head_tags(Fields.of(lines), NO_QUERY)

    assert (len(tags), doubt) == (kept, ambiguity)


MANY = "<Tagging>" + "<Tag><Key>a</Key></Tag>" * 1001 + "</Tagging>"


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda: TABLE.form_tags("metadata", "," * 1000), id="a form field"),
        pytest.param(lambda: TABLE.form_tags("tagging", MANY), id="a tag set in a form field"),
        pytest.param(lambda: TABLE.json_tags("metadata.x", "x", "," * 1000), id="a JSON member"),
        pytest.param(lambda: TABLE.xml_tags(MANY.encode()), id="an XML body"),
    ],
)
def test_a_body_that_says_too_much_has_no_reading(read: Callable[[], list[Tag]]) -> None:
    with pytest.raises(UnreadableError) as caught:
        read()
    assert caught.value.ambiguity is Ambiguity.TOO_LARGE


def test_a_value_that_is_not_utf_8_is_read_as_latin_1() -> None:
    assert TABLE.head_tags(Fields.of([("x-amz-meta-a", b"caf\xe9")]), NO_QUERY)[0] == [
        Tag("x-amz-meta-*", "a", "caf\xe9")
    ]
