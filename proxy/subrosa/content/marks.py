"""What the first octets of a file say about the file itself: that it may not be trained on, or that it is sealed.

A mark forbids by being there; whether its signature holds matters to a permission only, and none is read here.
"""

import re
from typing import Final

_TRAINING_KEYS: Final = rb"(?:ai_generative_training|ai_training|data_mining)"
_MARKS: Final = {
    # C2PA and CAWG: the assertion's entries, in CBOR or JSON; `constrained` shall be treated as not allowed
    "c2pa": re.compile(
        rb"(?:c2pa|cawg)\.training-mining.{0,2048}?(?:c2pa|cawg)\."
        + _TRAINING_KEYS
        + rb"[^a-zA-Z]{1,8}?.?use[^a-zA-Z]{0,6}.?(?:notAllowed|constrained)",
        re.DOTALL,
    ),
    # IPTC and PLUS, in XMP
    "plus": re.compile(rb"http://ns\.useplus\.org/ldf/vocab/DMI-PROHIBITED"),
    # TDMRep: XMP in PDF and EPUB, and a meta element of HTML
    "tdmrep": re.compile(
        rb"(?:<meta\s[^<>]{0,200}\bname\s*=\s*[\"']?tdm-reservation[\"']?\s[^<>]{0,200}\bcontent\s*=\s*[\"']?1\b"
        rb"|\w{1,20}:reservation(?:\s*=\s*[\"']|>)\s*1\b)",
        re.IGNORECASE,
    ),
}
_TDM_SPACE: Final = b"http://www.w3.org/ns/tdmrep"

_SEALED: Final = (
    b"age-encryption.org/v1",
    b"Salted__",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
    b"PARE",
    b"LUKS\xba\xbe",
)
"""Containers that say of themselves that they are encrypted."""

_KNOWN: Final = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ", b"BZh", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"RIFF", b"RF64", b"BW64", b"OggS", b"fLaC", b"ID3",
    b"\x1aE\xdf\xa3", b"PAR1", b"ARROW1", b"\x93NUMPY", b"\x89HDF", b"SQLite format 3", b"\x7fELF", b"MZ",
    b"\xca\xfe\xba\xbe", b"wOF", b"BM", b"II*\0", b"MM\0*", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1",
    b"\xff\xf9", b"DICM", b"Obj\x01",
)  # fmt: skip
_SAMPLE: Final = 2048
_DISTINCT: Final = 248
_MOST_FREQUENT: Final = 32
"""Of 2,048 random octets nearly all values are there, each about 8 times; no table and no text is like that."""


def marks_in(prefix: bytes) -> list[str]:
    """The marks against training that stand in a prefix."""
    if not (b".training-mining" in prefix or b"useplus" in prefix or b"reservation" in prefix.lower()):
        return []  # each has one of these, and most files have none
    found = [name for name, pattern in _MARKS.items() if pattern.search(prefix)]
    if "tdmrep" in found and _TDM_SPACE not in prefix and b"tdm-reservation" not in prefix.lower():
        found.remove("tdmrep")
    return found


def is_sealed(prefix: bytes) -> bool:
    """Whether a prefix is encrypted: says so, or is in no container that is known and looks like chance."""
    if prefix.startswith(_SEALED):
        return True
    if len(prefix) < _SAMPLE or prefix.startswith(_KNOWN) or prefix[4:8] in {b"ftyp", b"styp", b"moof"}:
        return False
    sample = prefix[:_SAMPLE]
    values = set(sample)
    return len(values) >= _DISTINCT and max(map(sample.count, values)) <= _MOST_FREQUENT
