"""SQL scripts: statements and calls, read from tokens as each engine cuts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.content.sql import Call, Script, read_sql
from subrosa.content.sqltokens import ENGINES
from subrosa.facts.unreadable import Ambiguity, UnreadableError

CREATE = ("create", "model")


def scripts(engine: str, text: str) -> tuple[Script, ...]:
    found = read_sql(engine, text)
    assert not isinstance(found, UnreadableError), found.detail
    return found


def beginnings(engine: str, text: str) -> set[tuple[str, ...]]:
    """The first two words of every statement, in every reading."""
    return {
        words[:2]
        for script in scripts(engine, text)
        for statement in script.beginnings
        for words in statement
    }


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("bigquery", "create model d.m as select 1"),
        (
            "bigquery",
            "CREATE /* a */ OR -- b\n REPLACE # c\r\n MODEL IF NOT EXISTS `p.d.m` OPTIONS () AS SELECT 1",
        ),
        ("bigquery", "select 1; ; Create Temp Model m"),
        ("bigquery", "BEGIN CREATE MODEL m AS SELECT 1; END"),
        ("bigquery", "IF true THEN CREATE MODEL m AS SELECT 1; END IF"),
        ("bigquery", "EXECUTE IMMEDIATE '''CREATE MODEL m AS SELECT 1'''"),
        ("bigquery", "EXECUTE IMMEDIATE \"EXECUTE IMMEDIATE 'CREATE MODEL m'\" USING 1"),
        ("bigquery", "EXECUTE IMMEDIATE r'CREATE MODEL m'"),
        ("bigquery", "/* /* */ CREATE MODEL m /* */ */ "),
        ("bigquery", r"SELECT 'it\'s'; CREATE MODEL m; SELECT ''"),
        ("redshift", "CREATE MODEL m FROM t TARGET y FUNCTION f"),
        ("redshift", r"SELECT 'C:\'; CREATE MODEL m; SELECT '\'"),
        ("redshift", "SELECT $a$ ' $a$; CREATE MODEL m"),
        ("redshift", "/* /* */ CREATE MODEL m; /* */ --*/"),
        ("snowflake", "SHOW TABLES ->> CREATE MODEL m"),
        ("snowflake", "SELECT 1 // '\n; CREATE MODEL m"),
    ],
)
def test_a_statement_is_known_by_its_first_words(engine: str, text: str) -> None:
    assert CREATE in beginnings(engine, text)


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("bigquery", "SELECT 1 -- ; CREATE MODEL m"),
        ("bigquery", "SELECT 1 # ; CREATE MODEL m"),
        ("bigquery", "SELECT /* ; CREATE MODEL m */ 1"),
        ("bigquery", "SELECT '; CREATE MODEL m', \"; CREATE MODEL m\", '''it's ; CREATE MODEL m'''"),
        ("bigquery", r"SELECT r'\'; CREATE MODEL m' FROM t"),
        ("bigquery", "SELECT `; CREATE MODEL m` FROM t"),
        ("bigquery", "SELECT create, model FROM t"),
        ("bigquery", "CREATE TABLE model AS SELECT * FROM ML.PREDICT(MODEL m, TABLE t)"),
        ("bigquery", "CREATE `MODEL` m"),
        ("bigquery", "DROP MODEL m; CREATE VIEW create_model AS SELECT 1"),
        ("redshift", "SELECT $$; CREATE MODEL m$$"),
        ("redshift", "SELECT 'it''s; CREATE MODEL m'"),
        ("snowflake", "SELECT 1 // ; CREATE MODEL m"),
        ("snowflake", "SELECT $$; CREATE MODEL m$$"),
        ("snowflake", 'CREATE "MODEL" m'),
    ],
)
def test_a_comment_a_string_or_a_name_is_no_statement(engine: str, text: str) -> None:
    assert CREATE not in beginnings(engine, text)


TUNE = "snowflake.cortex.finetune"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"SELECT {TUNE}('CREATE', 'm')", Call(TUNE, "CREATE")),
        ("select Snowflake . \"CORTEX\" /* a */ . FINETUNE -- b\n ( 'create' )", Call(TUNE, "create")),
        ("SELECT FINETUNE('SHOW')", Call("finetune", "SHOW")),
        ("SELECT FINETUNE(?)", Call("finetune", None)),
        ("SELECT FINETUNE('CRE' || 'ATE')", Call("finetune", None)),
        (r"SELECT FINETUNE('\x43REATE')", Call("finetune", None)),
        (r"SELECT FINETUNE('CREATE\'')", Call("finetune", "CREATE'")),
        ("SELECT FINETUNE()", Call("finetune", "")),
        (f"SELECT IDENTIFIER('{TUNE.upper()}')('CREATE')", Call(TUNE, "CREATE")),
        ("SELECT f(g(FINETUNE('CREATE')))", Call("finetune", "CREATE")),
    ],
)
def test_a_call_is_known_by_its_name_and_first_string(text: str, expected: Call) -> None:
    assert all(expected in script.calls for script in scripts("snowflake", text))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'FINETUNE(''CREATE'')'",
        "SELECT FINETUNE FROM t",
        "-- FINETUNE('CREATE')\nSELECT 1",
        "SELECT finetune.x",
    ],
)
def test_a_name_without_a_call_is_none(text: str) -> None:
    assert not any(script.calls for script in scripts("snowflake", text))


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("bigquery", "EXECUTE IMMEDIATE CONCAT('CREATE ', 'MODEL m')"),
        ("bigquery", "EXECUTE IMMEDIATE 'CREATE ' || 'MODEL m'"),
        ("bigquery", "EXECUTE IMMEDIATE @sql"),
        ("snowflake", "EXECUTE IMMEDIATE FROM @stage/file.sql"),
        ("snowflake", "SELECT IDENTIFIER($name)('CREATE')"),
    ],
)
def test_what_is_put_together_while_it_runs_is_told(engine: str, text: str) -> None:
    assert all(script.dynamic for script in scripts(engine, text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 'a", Ambiguity.TRUNCATED),
        ('SELECT "a', Ambiguity.TRUNCATED),
        ("SELECT /* a", Ambiguity.TRUNCATED),
        ("SELECT 1 -- a\rCREATE MODEL m", Ambiguity.BAD_SYNTAX),
        ("SELECT 1" + " " * 70_000, Ambiguity.TOO_LARGE),
        ("EXECUTE IMMEDIATE $$EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE \"a'$$", Ambiguity.TRUNCATED),
    ],
)
def test_what_nothing_closes_has_no_reading(text: str, why: Ambiguity) -> None:
    found = read_sql("snowflake", text)

    assert isinstance(found, UnreadableError)
    assert found.ambiguity is why


def test_scripts_in_scripts_have_an_end() -> None:
    text = "CREATE MODEL m"
    for at in range(5):
        tag = "abcde"[at]
        text = f"EXECUTE IMMEDIATE ${tag}${text}${tag}$"

    found = read_sql("redshift", text)

    assert isinstance(found, UnreadableError)
    assert found.ambiguity is Ambiguity.TOO_DEEP


WORDS = st.sampled_from(
    [
        "create ",
        "model ",
        "execute immediate ",
        "finetune(",
        "begin ",
        "'",
        '"',
        "`",
        "''",
        "$$",
        "$a$",
        "/*",
        "*/",
        *["--", "#", "//", "\n", "\r", "\\", ";", "(", ")", ".", ",", "x", "1", "->>", "r", "identifier("],
    ]
)


@pytest.mark.parametrize("engine", ENGINES)
@given(text=st.lists(WORDS, max_size=60).map("".join) | st.text(max_size=200))
def test_any_text_has_a_reading_or_a_reason(engine: str, text: str) -> None:
    found = read_sql(engine, text)

    assert isinstance(found, tuple) or found.detail


@pytest.mark.parametrize("engine", ENGINES)
@given(
    gaps=st.lists(
        st.sampled_from([" ", "\n", "/* model */ ", "/**/", "-- 'x'\n", "\t"]), min_size=3, max_size=3
    ),
    upper=st.booleans(),
    before=st.sampled_from(["", "SELECT 1;", "SELECT 'a;b';", ";;"]),
)
def test_disguises_change_nothing(engine: str, gaps: list[str], *, upper: bool, before: str) -> None:
    text = "create".join(gaps[:2]) + f"model{gaps[2]}m as select 1"

    assert CREATE in beginnings(engine, before + (text.upper() if upper else text))


LONG = [
    "'" * 60_001,
    '"' * 60_001,
    "`" * 60_001,
    "$a$ $b$" * 8_000,
    "/*" * 30_000,
    "a." * 30_000,
    "a(" * 30_000,
]
LONG += [
    "begin " * 10_000,
    "'''" * 20_001,
    "\\'" * 30_000,
    "->>" * 20_000,
    "execute immediate 'x' " * 2_900,
    "$" * 60_001,
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:12])
@pytest.mark.timeout(20)
def test_no_script_is_read_in_more_than_linear_time(engine: str, text: str) -> None:
    assert read_sql(engine, text) is not None
