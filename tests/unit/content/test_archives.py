"""Members of archives, wherever they stand: found as it streams by, however it is cut, at a bounded cost."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from typing import override

import pytest
import zstandard

from content_kit import TAGS, WANT, recognisers
from subrosa.content.archives import MOST_MEMBERS, Archive, Member
from subrosa.content.kinds import KindTable
from subrosa.content.reader import BodyReader
from subrosa.facts.body import BodyFacts, Kind

HEAD = 4096
NOTES = b"only notes. " * 3000
TRANSCRIPT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nAda Sample: synthetic\n" + b"\n" * 9000
MEMBERS = (("README", NOTES), ("deep/x" * 20 + "/a.vtt", TRANSCRIPT), ("empty", b""), ("last.txt", b"bye"))
KINDS = KindTable(recognisers())


class OneWay(io.RawIOBase):
    """A file that cannot be sought in, so that zipfile writes sizes behind the members."""

    def __init__(self) -> None:
        self.written = bytearray()

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def zipped(method: int = zipfile.ZIP_DEFLATED, members: tuple[tuple[str, bytes], ...] = MEMBERS) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return made.getvalue()


def streamed() -> bytes:
    made = OneWay()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in MEMBERS:
            archive.writestr(name, data)
    return bytes(made.written)


def wide() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in MEMBERS:
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    return made.getvalue()


def tarred(mode: str = "w", form: int = tarfile.GNU_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in MEMBERS:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def members(archive: bytes, *cuts: int) -> list[tuple[str, bytes]]:
    found = Archive(archive[:HEAD], HEAD)
    got: list[Member] = []
    for start, stop in zip((0, *cuts), (*cuts, len(archive)), strict=True):
        got += found.feed(archive[start:stop])
    got += found.end()
    assert found.done
    return got


FORMS = [
    pytest.param(zipped, id="zip, deflated"),
    pytest.param(lambda: zipped(zipfile.ZIP_STORED), id="zip, stored"),
    pytest.param(streamed, id="zip, sizes behind the members"),
    pytest.param(wide, id="zip, with sizes of 64 bits"),
    pytest.param(tarred, id="tar, GNU"),
    pytest.param(lambda: tarred("w:gz"), id="tar in gzip"),
    pytest.param(lambda: zstandard.compress(tarred()), id="tar in zstd"),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_member_is_found_with_its_first_octets(form: Callable[[], bytes]) -> None:
    assert members(form()) == [(name, data[:HEAD]) for name, data in MEMBERS]


@pytest.mark.parametrize("form", FORMS)
def test_how_an_archive_is_cut_means_nothing(form: Callable[[], bytes]) -> None:
    archive = form()
    whole = members(archive)
    for step in (1, 7, 30, 511, 512, 4097):
        assert members(archive, *range(step, len(archive), step)) == whole


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_that_breaks_off_or_is_damaged_is_no_fault(form: Callable[[], bytes]) -> None:
    archive = form()
    for at in range(0, len(archive), 1 + len(archive) // 200):
        damaged = bytearray(archive[: len(archive) - at // 2])
        damaged[at % len(damaged)] ^= 1 << at % 8
        found = Archive(bytes(damaged[:HEAD]), HEAD)
        assert all(len(head) <= HEAD for _, head in (*found.feed(bytes(damaged)), *found.end()))


def test_a_damaged_member_is_found_however_it_is_cut() -> None:
    """The name stands before the damage, so it counts though inflating fails; found by `make fuzz`."""
    head = b"PK\3\4\x14\0\0\0\x08\0\xa33y]T\xe3\xd6\\\x0b\0\0\0x\0\0\0\5\0\0\0a.vtt"
    archive = head + b"R\0\0\xf8\x8f\x13\xb3\r\xc6\xe9\0\x28\0"
    assert members(archive) == [("a.vtt", b" ")]
    for at in range(len(archive)):
        assert members(archive, at) == members(archive), at


def test_a_member_whose_end_is_not_told_is_the_last_that_is_looked_at() -> None:
    made = OneWay()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("first.txt", NOTES)
        archive.writestr("a.vtt", TRANSCRIPT)
    assert [name for name, _ in members(bytes(made.written))] == ["first.txt"]


def test_a_sealed_member_has_a_name_and_no_octets() -> None:
    archive = bytearray(zipped(members=(("a.txt", b"x" * 99), ("b.txt", b"plain"))))
    archive[6] |= 1
    assert members(bytes(archive)) == [("a.txt", b""), ("b.txt", b"plain")]


def test_a_member_that_expands_without_end_is_left() -> None:
    made = OneWay()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    assert [name for name, _ in members(bytes(made.written))] == ["zeros"]


def test_no_more_members_are_looked_at_than_the_bound() -> None:
    many = tuple((f"{number}.txt", b"") for number in range(MOST_MEMBERS + 5))
    assert len(members(zipped(members=many))) == MOST_MEMBERS


def read(body: bytes) -> BodyFacts:
    reader = BodyReader("application/octet-stream", (), WANT, TAGS, KINDS)
    for at in range(0, len(body), 5000):
        reader.feed(body[at : at + 5000])
    reader.end()
    return reader.facts


@pytest.mark.parametrize("form", FORMS)
def test_a_transcript_behind_other_files_makes_the_archive_a_transcript(form: Callable[[], bytes]) -> None:
    assert Kind.TRANSCRIPT in {found.kind for found in read(form()).kinds}


def test_an_archive_of_other_files_is_of_no_kind() -> None:
    others = (("README", NOTES), ("src/main.py", b"import this\n" * 900), ("data.csv", b"a,b\n1,2\n" * 900))
    assert read(zipped(members=others)).kinds == []
