import pytest

from subrosa.facts.paths import NO_QUERY, Path, Query, fold_name
from subrosa.facts.unreadable import Ambiguity, UnreadableError

FILES = ("v1", "files")


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        pytest.param("/v1/files", "/v1/files", id="a canonical path stays as it is"),
        pytest.param(b"/v1/files", "/v1/files", id="octets are read like text"),
        pytest.param("/v1/%66iles", "/v1/files", id="an encoded letter is the letter"),
        pytest.param("/%76%31/%66%69%6c%65%73", "/v1/files", id="everything encoded is nothing encoded"),
        pytest.param("/%76%31/%66%69%6C%65%73", "/v1/files", id="the case of hex digits is nothing"),
        pytest.param("//v1/files", "/v1/files", id="an empty first segment is dropped"),
        pytest.param("/v1//files", "/v1/files", id="an empty segment is dropped"),
        pytest.param("/v1/./files", "/v1/files", id="a dot segment is dropped"),
        pytest.param("/v1/%2e/files", "/v1/files", id="an encoded dot segment is dropped"),
        pytest.param("/v1/models/../files", "/v1/files", id="two dots go up"),
        pytest.param("/v1/models/%2e%2E/files", "/v1/files", id="two encoded dots go up"),
        pytest.param("/v1/models/.%2e/files", "/v1/files", id="one encoded dot of two goes up"),
        pytest.param("/../../v1/files", "/v1/files", id="above the root is the root"),
        pytest.param("/a/b/../../v1/files", "/v1/files", id="up twice"),
    ],
)
def test_a_path_has_one_canonical_form(spelling: str | bytes, text: str) -> None:
    path = Path.parse(spelling)

    assert (path.text, path.segments, path.matching, path.folded) == (text, FILES, FILES, FILES)
    assert path.ambiguity is None
    assert path.detail == ""
    assert str(path) == text


@pytest.mark.parametrize(
    ("spelling", "segments", "text", "matching"),
    [
        pytest.param("/", ("",), "/", (), id="the root has no segment to match"),
        pytest.param("//", ("",), "/", (), id="two slashes are the root"),
        pytest.param("/..", ("",), "/", (), id="above the root is the root"),
        pytest.param(
            "/v1/files/", ("v1", "files", ""), "/v1/files/", FILES, id="a trailing slash is kept, not matched"
        ),
        pytest.param(
            "/v1/files//", ("v1", "files", ""), "/v1/files/", FILES, id="two trailing slashes are one"
        ),
        pytest.param(
            "/v1/files/.", ("v1", "files", ""), "/v1/files/", FILES, id="a trailing dot segment is a slash"
        ),
        pytest.param(
            "/v1/files/x/..", ("v1", "files", ""), "/v1/files/", FILES, id="trailing two dots are a slash"
        ),
        pytest.param(
            "/v1/files.", ("v1", "files."), "/v1/files.", FILES, id="a dot at the end is not matched"
        ),
        pytest.param(
            "/v1/files%20", ("v1", "files "), "/v1/files%20", FILES, id="a blank at the end is not matched"
        ),
        pytest.param("/v1/...", ("v1", "..."), "/v1/...", ("v1", "..."), id="three dots are a name"),
        pytest.param(
            "/a/.well-known", ("a", ".well-known"), "/a/.well-known", ("a", ".well-known"), id="a hidden name"
        ),
        pytest.param(
            "/r%C3%A9c/a b".replace(" ", "%20"), ("réc", "a b"), "/r%C3%A9c/a%20b", ("réc", "a b"), id="UTF-8"
        ),
        pytest.param("/réc", ("réc",), "/r%C3%A9c", ("réc",), id="raw UTF-8 is read as such"),
        pytest.param("/a%2Bb+c", ("a+b+c",), "/a+b+c", ("a+b+c",), id="a plus is a plus"),
        pytest.param(
            "/m:generateContent", ("m:generateContent",), "/m:generateContent", ("m:generateContent",), id=":"
        ),
        pytest.param("/a%5B1%5D", ("a[1]",), "/a%5B1%5D", ("a[1]",), id="brackets stay encoded in the text"),
    ],
)
def test_segments_text_and_matching(
    spelling: str, segments: tuple[str, ...], text: str, matching: tuple[str, ...]
) -> None:
    path = Path.parse(spelling)

    assert (path.segments, path.text, path.matching) == (segments, text, matching)
    assert path.ambiguity is None
    assert Path.parse(text) == path


@pytest.mark.parametrize(
    ("spelling", "folded"),
    [
        pytest.param("/V1/Files", FILES, id="capitals"),
        pytest.param("/v1/%46iles", FILES, id="an encoded capital"),
        pytest.param("/v1/file%C5%BF", FILES, id="a long s"),
    ],
)
def test_a_case_twin_is_folded_for_matching_and_kept_otherwise(
    spelling: str, folded: tuple[str, ...]
) -> None:
    path = Path.parse(spelling)

    assert path.folded == folded
    assert path.matching != folded


@pytest.mark.parametrize(
    ("spelling", "ambiguity", "matching"),
    [
        pytest.param("/v1%2ffiles", Ambiguity.BAD_ENCODING, ("v1/files",), id="an encoded slash"),
        pytest.param("/v1%2Ffiles", Ambiguity.BAD_ENCODING, ("v1/files",), id="an encoded slash in capitals"),
        pytest.param(
            "/v1/x/..%2ffiles",
            Ambiguity.BAD_ENCODING,
            ("v1", "x", "../files"),
            id="up behind an encoded slash",
        ),
        pytest.param("/v1%5cfiles", Ambiguity.BAD_ENCODING, ("v1\\files",), id="an encoded backslash"),
        pytest.param("/v1\\files", Ambiguity.BAD_SYNTAX, ("v1\\files",), id="a backslash"),
        pytest.param("/v1/files%00", Ambiguity.BAD_ENCODING, ("v1", "files\0"), id="a NUL"),
        pytest.param(
            "/v1/files%00.txt", Ambiguity.BAD_ENCODING, ("v1", "files\0.txt"), id="a NUL before an extension"
        ),
        pytest.param("/v1/files%0a", Ambiguity.BAD_ENCODING, ("v1", "files\n"), id="a line feed"),
        pytest.param("/v1/files%7F", Ambiguity.BAD_ENCODING, ("v1", "files\x7f"), id="a DEL"),
        pytest.param(
            "/v1/files%3Fx", Ambiguity.BAD_ENCODING, ("v1", "files?x"), id="an encoded question mark"
        ),
        pytest.param("/v1/files%23x", Ambiguity.BAD_ENCODING, ("v1", "files#x"), id="an encoded number sign"),
        pytest.param("/v1/files;x=1", Ambiguity.BAD_SYNTAX, FILES, id="a path parameter"),
        pytest.param("/v1/;x/files", Ambiguity.BAD_SYNTAX, FILES, id="a path parameter alone"),
        pytest.param("/v1;x/files", Ambiguity.BAD_SYNTAX, FILES, id="a path parameter in the middle"),
        pytest.param(
            "/v1/x/..;/files", Ambiguity.BAD_SYNTAX, ("v1", "x", "..", "files"), id="up with a parameter"
        ),
        pytest.param("/v1/files#x", Ambiguity.BAD_SYNTAX, FILES, id="a fragment"),
        pytest.param("/v1/files#/../x", Ambiguity.BAD_SYNTAX, FILES, id="a fragment with segments"),
        pytest.param("/v1/%2566iles", Ambiguity.BAD_ENCODING, ("v1", "%66iles"), id="a letter encoded twice"),
        pytest.param(
            "/v1/%252e%252e/files", Ambiguity.BAD_ENCODING, ("v1", "%2e%2e", "files"), id="dots encoded twice"
        ),
        pytest.param(
            "/v1/%u0066iles", Ambiguity.BAD_ENCODING, ("v1", "%u0066iles"), id="a letter encoded as %u"
        ),
        pytest.param("/v1/files%", Ambiguity.BAD_ENCODING, ("v1", "files%"), id="a percent sign at the end"),
        pytest.param("/v1/files%4", Ambiguity.BAD_ENCODING, ("v1", "files%4"), id="half an escape"),
        pytest.param("/v1/files%zz", Ambiguity.BAD_ENCODING, ("v1", "files%zz"), id="an escape that is none"),
        pytest.param("/v1/%ff", Ambiguity.BAD_CHARSET, ("v1", "\ufffd"), id="octets that are not UTF-8"),
        pytest.param(
            b"/v1/\xff", Ambiguity.BAD_CHARSET, ("v1", "\ufffd"), id="raw octets that are not UTF-8"
        ),
        pytest.param("/v1/%c0%af", Ambiguity.BAD_CHARSET, ("v1", "\ufffd\ufffd"), id="an overlong slash"),
        pytest.param("/v1/%ed%a0%80", Ambiguity.BAD_CHARSET, ("v1", "\ufffd" * 3), id="an encoded surrogate"),
        pytest.param("/v1/x//../files", Ambiguity.CONFLICT, FILES, id="up from an empty segment"),
    ],
)
def test_a_path_that_servers_read_differently_is_marked(
    spelling: str | bytes, ambiguity: Ambiguity, matching: tuple[str, ...]
) -> None:
    path = Path.parse(spelling)

    assert path.ambiguity is ambiguity
    assert path.detail.startswith("path `/v1")
    assert path.matching == matching


def test_a_percent_sign_alone_is_read_when_it_is_encoded_once() -> None:
    assert Path.parse("/100%25").ambiguity is None
    assert Path.parse("/100%25").segments == ("100%",)
    assert Path.parse("/100%25z").ambiguity is None


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("", id="nothing"),
        pytest.param("*", id="asterisk form"),
        pytest.param("v1/files", id="no slash"),
        pytest.param("https://api.openai.com/v1/files", id="absolute form"),
        pytest.param("api.openai.com:443", id="authority form"),
        pytest.param("/v1/files?x", id="a query"),
        pytest.param("/v1/ files", id="a blank"),
        pytest.param("/v1/files\t", id="a tab"),
        pytest.param("/v1/files\r\nHost: x", id="a line break"),
        pytest.param("/v1/files\0", id="a raw NUL"),
        pytest.param("/v1/files\x7f", id="a raw DEL"),
        pytest.param("\\v1\\files", id="a backslash first"),
    ],
)
def test_what_is_not_in_origin_form_has_no_reading(spelling: str) -> None:
    with pytest.raises(UnreadableError):
        Path.parse(spelling)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        pytest.param(None, (), id="no query"),
        pytest.param("", (), id="an empty query"),
        pytest.param(b"purpose=fine-tune", (("purpose", "fine-tune"),), id="one pair"),
        pytest.param("a=1&b=2&a=3", (("a", "1"), ("b", "2"), ("a", "3")), id="order and duplicates are kept"),
        pytest.param("uploads", (("uploads", ""),), id="a name alone"),
        pytest.param("uploads=", (("uploads", ""),), id="a name with an empty value"),
        pytest.param("&&a=1&", (("a", "1"),), id="empty pieces are dropped"),
        pytest.param("a=b=c", (("a", "b=c"),), id="a value may hold an equals sign"),
        pytest.param("a=x+y", (("a", "x y"),), id="a plus is a blank"),
        pytest.param("a=x%2By", (("a", "x+y"),), id="an encoded plus is a plus"),
        pytest.param("%70urpose=%66ine-tune", (("purpose", "fine-tune"),), id="names and values are decoded"),
        pytest.param("a=%26b%3D1", (("a", "&b=1"),), id="decoded once, after the split"),
        pytest.param("a=%2541", (("a", "%41"),), id="and not twice"),
        pytest.param("a=/?:@", (("a", "/?:@"),), id="a slash and a question mark are plain"),
        pytest.param("=1", (("", "1"),), id="an empty name"),
        pytest.param("a=%C3%A9", (("a", "é"),), id="UTF-8"),
        pytest.param("a=%0A", (("a", "\n"),), id="an encoded line feed is a value"),
        pytest.param(
            "X-Amz-SignedHeaders=host;x-amz-tagging",
            (("X-Amz-SignedHeaders", "host;x-amz-tagging"),),
            id="the list of signed headers may hold a semicolon",
        ),
    ],
)
def test_a_query_has_one_reading(raw: str | bytes | None, pairs: tuple[tuple[str, str], ...]) -> None:
    query = Query.parse(raw)

    assert query.pairs == pairs
    assert query.ambiguity is None


@pytest.mark.parametrize(
    ("raw", "ambiguity"),
    [
        pytest.param("a=1;purpose=fine-tune", Ambiguity.BAD_SYNTAX, id="a semicolon between pairs"),
        pytest.param("a=1#b", Ambiguity.BAD_SYNTAX, id="a fragment"),
        pytest.param("a=%u0041", Ambiguity.BAD_ENCODING, id="%u"),
        pytest.param("a=%", Ambiguity.BAD_ENCODING, id="a percent sign alone"),
        pytest.param("a=x%00y", Ambiguity.BAD_ENCODING, id="a NUL in a value"),
        pytest.param("a%00=x", Ambiguity.BAD_ENCODING, id="a NUL in a name"),
        pytest.param("a=%ff", Ambiguity.BAD_CHARSET, id="a value that is not UTF-8"),
        pytest.param("%c0%80=1", Ambiguity.BAD_CHARSET, id="an overlong name"),
        pytest.param(b"a=\xff", Ambiguity.BAD_CHARSET, id="raw octets that are not UTF-8"),
    ],
)
def test_a_query_that_servers_read_differently_is_marked(raw: str | bytes, ambiguity: Ambiguity) -> None:
    query = Query.parse(raw)

    assert query.ambiguity is ambiguity
    assert query.detail.startswith("the query ")


@pytest.mark.parametrize("raw", ["a=1 2", "a\t=1", "a=\r\n", "a=\0", "a=\x7f"])
def test_a_query_with_a_raw_control_character_or_blank_has_no_reading(raw: str) -> None:
    with pytest.raises(UnreadableError):
        Query.parse(raw)


def test_a_parameter_given_once_is_found_by_its_exact_name() -> None:
    query = Query.parse("mip_opt_out=true&x=1&x=2")

    assert query.one("mip_opt_out") == "true"
    assert query.get_all("x") == ("1", "2")
    assert query.one("absent") is None
    assert query.get_all("absent") == ()


def test_a_duplicate_has_no_single_value() -> None:
    with pytest.raises(UnreadableError) as caught:
        Query.parse("a=1&a=1").one("a")
    assert caught.value.ambiguity is Ambiguity.DUPLICATE


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("Comp=tags", id="alone in other case"),
        pytest.param("comp=x&COMP=tags", id="beside it in other case"),
        pytest.param("comp%20=tags", id="with a blank behind"),
        pytest.param("+comp=tags", id="with a blank before"),
        pytest.param("comp[]=tags", id="as an array"),
        pytest.param("comp[0]=tags", id="as an element"),
        pytest.param("comp[=tags", id="with a bracket that PHP forgives"),
    ],
)
def test_a_twin_that_some_server_takes_for_the_name_does_not_escape(raw: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        Query.parse(raw).one("comp")
    assert caught.value.ambiguity is Ambiguity.CONFLICT
    with pytest.raises(UnreadableError):
        Query.parse(raw).get_all("comp")


def test_an_array_that_is_asked_for_by_its_full_name_is_no_twin() -> None:
    assert Query.parse("granularity[]=word").one("granularity[]") == "word"


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Purpose", "purpose"),
        (" purpose ", "purpose"),
        ("purpose[a][b]", "purpose"),
        ("[x]", "[x]"),
        ("ﬀ", "ff"),
    ],
)
def test_names_are_folded_as_the_most_lenient_server_does(name: str, folded: str) -> None:
    assert fold_name(name) == folded


def test_no_query_is_the_empty_query() -> None:
    assert Query.parse(None) is NO_QUERY
    assert Query(()) == NO_QUERY


def test_a_value_without_a_reading_leaves_the_other_parameters_readable() -> None:
    query = Query.parse("prefix=%ff&comp=tags")

    assert query.one("comp") == "tags"
    assert query.doubt("comp") is None
    with pytest.raises(UnreadableError, match=r"^the query is not UTF-8$"):
        query.one("Prefix")


@pytest.mark.parametrize("raw", ["a=1;comp=tags", "a=1#&comp=tags", "%ff=1&comp=tags", b"\xff&comp=tags"])
def test_a_query_whose_pairs_or_names_are_in_doubt_leaves_no_parameter_readable(raw: str | bytes) -> None:
    with pytest.raises(UnreadableError):
        Query.parse(raw).one("comp")
    with pytest.raises(UnreadableError):
        Query.parse(raw).get_all("absent")
