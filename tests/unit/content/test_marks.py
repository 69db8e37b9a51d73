"""Marks inside files that forbid training, and files that show nothing: found in the first octets, never guessed."""

import gzip
import hashlib
import zlib

import pytest

from content_kit import MULTIPART, SAMPLES, file, multipart, read, samples

CHANCE = hashlib.shake_128(b"chance").digest(8192)
C2PA = b"jumb\0cawg.training-mining\0cbor\xa1gentries\xa1pcawg.ai_training\xa1cuse"
JSON = b'{"label":"c2pa.training-mining","data":{"entries":{"c2pa.ai_training":{"use":"%s"}}}}'


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(C2PA + b"jnotAllowed", ["c2pa"], id="CAWG in CBOR"),
        pytest.param(C2PA + b"kconstrained", ["c2pa"], id="constrained is not allowed"),
        pytest.param(JSON % b"notAllowed", ["c2pa"], id="the older label in JSON"),
        pytest.param(
            b"DMI http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING", ["plus"], id="PLUS"
        ),
        pytest.param(b'<html><meta name="tdm-reservation" content="1">', ["tdmrep"], id="TDMRep in HTML"),
        pytest.param(C2PA + b"gallowed", [], id="CAWG that allows"),
        pytest.param(
            b"c2pa.training-mining \xa1qcawg.ai_inference\xa1cusejnotAllowed",
            [],
            id="inference alone is forbidden",
        ),
        pytest.param(b"http://ns.useplus.org/ldf/vocab/DMI-ALLOWED", [], id="PLUS that allows"),
        pytest.param(
            b'<html><meta name="tdm-reservation" content="0">', [], id="TDMRep without a reservation"
        ),
        pytest.param(b"<hotel:reservation>1</hotel:reservation>", [], id="a table for one"),
        pytest.param(b"we spoke of c2pa.training-mining and of notAllowed", [], id="a text about it"),
    ],
)
@pytest.mark.parametrize(
    "wrap", [pytest.param(bytes, id="as it is"), pytest.param(gzip.compress, id="in gzip")]
)
def test_marks(data: bytes, expected: list[str], wrap: type[bytes]) -> None:
    assert read(wrap(data)).marks == expected


def test_the_samples_that_are_marked() -> None:
    found = {path.relative_to(SAMPLES).as_posix(): read(path.read_bytes()).marks for path in samples()}

    assert {name: marks for name, marks in found.items() if marks} == {
        "media/c2pa_trainmining_UNSIGNED.mp4": ["c2pa"],
        "media/xmp_datamining.mp4": ["plus"],
        "tags/c2pa_app11_UNSIGNED.jpg": ["c2pa"],
        "tags/c2pa_caBX_UNSIGNED.png": ["c2pa"],
        "tags/plus_datamining.jpg": ["plus"],
        "tags/tdm_xmp.pdf": ["tdmrep"],
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(CHANCE, True, id="octets of chance"),
        pytest.param(gzip.compress(CHANCE), True, id="octets of chance in gzip"),
        pytest.param(b"Salted__" + CHANCE[:100], True, id="OpenSSL"),
        pytest.param(b"age-encryption.org/v1\n-> X25519 x\n", True, id="age"),
        pytest.param(b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", True, id="PGP"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + CHANCE, False, id="a picture"),
        pytest.param(b"\0\0\0\x18ftypmp42" + CHANCE, False, id="a film"),
        pytest.param(zlib.compress(b"words " * 9000) * 90, False, id="octets with an order"),
        pytest.param("héllo wörld ".encode() * 400, False, id="a text"),
        pytest.param(CHANCE[:1000], False, id="too few to say"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_opaque_content(data: bytes, expected: bool) -> None:
    assert read(data, "application/octet-stream").opaque is expected
    assert read(multipart(file("file", "a.bin", data)), MULTIPART).opaque is expected


def test_no_sample_is_opaque() -> None:
    assert [path.name for path in samples() if read(path.read_bytes()).opaque] == []
