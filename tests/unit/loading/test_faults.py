"""Every fault the loader knows has a file of its own, and a message pinned word for word in that file."""

from pathlib import Path

import pytest

from subrosa.loading.faults import Fault, RuleErrors, instead
from subrosa.loading.policy import load
from unit.loading.badfiles import bad_files, expected, told
from unit.loading.directories import copied, inputs, written

FILES = bad_files()


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_bad_file_is_told_word_for_word(path: Path, tmp_path: Path) -> None:
    wanted = expected(path)

    assert wanted
    assert told(path.read_bytes(), tmp_path) == wanted


def test_every_fault_of_every_file_is_told_in_one_go(tmp_path: Path) -> None:
    user = tmp_path / "user"
    places: dict[str, int] = {}
    for path in FILES:
        place = path.read_text().partition("\n")[0].removeprefix("# ")
        if place == "user/corp.yaml":
            written(user, **{path.name.removesuffix(".bad.yaml").replace("-", "_"): path.read_text()})
            places[path.name] = len(expected(path))

    with pytest.raises(RuleErrors) as raised:
        load(inputs(copied(tmp_path), user), 1)

    assert len(places) > 20
    files = {fault.file.rpartition("/")[2] for fault in raised.value.faults}
    assert {name.replace("-", "_").replace(".bad", "") for name in places} <= files
    assert list(raised.value.faults) == sorted(raised.value.faults)


def test_faults_are_sorted_by_file_and_place_and_told_once() -> None:
    faults = [
        Fault("b", 1, 1, "", "x"),
        Fault("a", 10, 1, "", "x"),
        Fault("a", 9, 2, "", "x"),
        Fault("a", 9, 2, "", "x"),
    ]

    assert str(RuleErrors(faults)) == "a:9:2: x\na:10:1: x\nb:1:1: x"


@pytest.mark.parametrize(
    ("given", "allowed", "told"),
    [
        pytest.param("pth", ["path", "query"], "write `path`", id="the close one"),
        pytest.param("zzz", ["a", "b"], "write one of a, b", id="all of a short list"),
        pytest.param(
            "zzz",
            map(str, range(20)),
            "write one of 0, 1, 10, 11, 12, 13, 14, 15, …",
            id="some of a long list",
        ),
    ],
)
def test_what_to_write_instead(given: str, allowed: list[str], told: str) -> None:
    assert instead(given, allowed) == told


def test_a_directory_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleErrors) as raised:
        load(inputs(copied(tmp_path), tmp_path / "nowhere"), 1)

    assert str(raised.value) == (
        f"{tmp_path}/nowhere: `{tmp_path}/nowhere` is no directory: name the directory that holds the rules"
    )


def test_a_file_with_the_other_suffix_is_told_rather_than_left_out(tmp_path: Path) -> None:
    user = written(tmp_path / "user")
    user.mkdir()
    (user / "corp.yml").write_text("rules: []\n")

    with pytest.raises(RuleErrors, match=r"corp\.yml: is not read: name it `\.yaml`"):
        load(inputs(copied(tmp_path), user), 1)


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    user = written(tmp_path / "user", corp="rules: []\n")
    (user / "corp.yaml").write_bytes(b"rules:\n  - id: \xff\n")

    with pytest.raises(RuleErrors, match=r"corp\.yaml:2:1: is not UTF-8"):
        load(inputs(copied(tmp_path), user), 1)


def test_a_file_too_large_to_be_rules_is_told(tmp_path: Path) -> None:
    user = written(tmp_path / "user", corp="# " + "x" * (4 << 20))

    with pytest.raises(RuleErrors, match="is larger than 4194304 octets"):
        load(inputs(copied(tmp_path), user), 1)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("tags.yaml", "rules: tags.yaml is missing in `{}`: without it no tag is read"),
        ("destinations/acme.yaml", "rules: `{}` holds no destination: the catalogue is empty"),
    ],
)
def test_a_shipped_directory_must_hold_what_makes_a_policy(file: str, told: str, tmp_path: Path) -> None:
    rules = copied(tmp_path)
    (rules / file).unlink()

    with pytest.raises(RuleErrors) as raised:
        load(inputs(rules), 1)
    assert told.format(rules) in str(raised.value).splitlines()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    user = written(tmp_path / "user", corp="rules: []\n")
    (user / "gone.yaml").symlink_to("nowhere.yaml")

    with pytest.raises(RuleErrors, match=r"gone\.yaml: cannot be read: No such file or directory"):
        load(inputs(copied(tmp_path), user), 1)
