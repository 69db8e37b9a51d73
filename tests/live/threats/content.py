"""Group B of the catalogue: bodies that two parsers read differently."""

import base64
import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

import brotli
import zstandard

from live.threats.rows import (
    FILE,
    FILES,
    INNOCENT,
    JOBS,
    MULTIPART,
    PURPOSE,
    S3,
    SECRET,
    Act,
    B,
    Row,
    field_of,
    form,
    gz,
    json,
    multipart,
    part,
    post,
    zipped,
)

_UPLOADS = "/v1/uploads"
_TUNE = b'{"purpose": "fine-tune", "filename": "a", "bytes": 5}'
_FINE = b'{"purpose": "user_data", "filename": "a", "bytes": 5}'
_STORE_TAG = b"<Tagging><TagSet><Tag><Key>purpose</Key><Value>model-training</Value></Tag></TagSet></Tagging>"


# --- 18 to 22: multipart -------------------------------------------------------------------------------------


def _order() -> Iterator[tuple[str, bytes]]:
    yield "the purpose after the file", form(FILE, PURPOSE)
    yield (
        "the purpose after a file of a megabyte",
        form(part('form-data; name="file"; filename="a"', SECRET * 10_000), PURPOSE),
    )
    yield "the purpose before the file", form(PURPOSE, FILE)
    yield (
        "the purpose behind ninety other fields",
        form(*(field_of(f"x{at}", "y") for at in range(90)), FILE, PURPOSE),
    )
    yield (
        "the purpose in the epilogue",
        form(FILE, after=b"--" + B.encode() + b"\r\n" + PURPOSE + b"\r\n--" + B.encode() + b"--\r\n"),
    )
    yield "the purpose in the preamble", form(FILE, before=b"--" + B.encode() + b"\r\n" + PURPOSE + b"\r\n")
    yield "words before the first boundary", form(FILE, PURPOSE, before=b"purpose=fine-tune\r\n")
    yield (
        "a purpose in a multipart inside the form",
        form(
            FILE,
            part(
                'form-data; name="purpose"',
                multipart(PURPOSE, boundary="inner"),
                "Content-Type: multipart/mixed; boundary=inner",
            ),
        ),
    )
    yield (
        "a form without its last boundary",
        post(FILES, multipart(FILE, PURPOSE).removesuffix(b"--\r\n") + b"\r\n", kind=MULTIPART),
    )
    yield (
        "a form that ends in the middle of the purpose",
        post(FILES, multipart(FILE, PURPOSE).partition(b"fine-tune")[0] + b"fine-tune", kind=MULTIPART),
    )
    yield (
        "boundaries on lines that end in LF",
        post(FILES, multipart(FILE, PURPOSE).replace(b"\r\n", b"\n"), kind=MULTIPART),
    )
    yield (
        "blanks behind the boundary",
        post(
            FILES, multipart(FILE, PURPOSE).replace(b"--a-boundary\r", b"--a-boundary \t\r"), kind=MULTIPART
        ),
    )


def _duplicates() -> Iterator[tuple[str, bytes]]:
    yield "a first purpose that is innocent", form(INNOCENT, FILE, PURPOSE)
    yield "a last purpose that is innocent", form(PURPOSE, FILE, INNOCENT)
    yield "three purposes", form(INNOCENT, PURPOSE, INNOCENT, FILE)
    yield "an empty purpose before the real one", form(field_of("purpose", ""), PURPOSE, FILE)
    yield "two names in one part", form(part('form-data; name="x"; name="purpose"', b"fine-tune"), FILE)
    yield (
        "two dispositions in one part",
        form(
            part('form-data; name="x"', b"fine-tune", 'Content-Disposition: form-data; name="purpose"'), FILE
        ),
    )
    yield (
        "a file that is named purpose",
        form(part('form-data; name="purpose"; filename="p"', b"fine-tune"), FILE),
    )


def _names() -> Iterator[tuple[str, str]]:
    yield "unquoted", "form-data; name=purpose"
    yield "in upper case", 'form-data; name="PURPOSE"'
    yield "with the parameter in upper case", 'form-data; NAME="purpose"'
    yield "in single quotes", "form-data; name='purpose'"
    yield "in the extended form", "form-data; name*=UTF-8''purpose"
    yield "in the extended form beside a decoy", "form-data; name=\"x\"; name*=UTF-8''purpose"
    yield "in continuations", 'form-data; name*0="pur"; name*1="pose"'
    yield "with a backslash", 'form-data; name="pur\\pose"'
    yield "percent-encoded", 'form-data; name="%70urpose"'
    yield "as an encoded word", 'form-data; name="=?UTF-8?B?cHVycG9zZQ==?="'
    yield "folded", 'form-data;\r\n name="purpose"'
    yield "with brackets", 'form-data; name="purpose[]"'
    yield "with a NUL behind it", 'form-data; name="purpose\0x"'
    yield "with blanks around it", 'form-data; name=" purpose "'
    yield "with blanks around the equals sign", 'form-data; name = "purpose"'
    yield "without a semicolon", 'form-data name="purpose"'
    yield "with a semicolon too many", 'form-data;; name="purpose"'
    yield "with a comma for a semicolon", 'form-data, name="purpose"'
    yield "behind a quoted decoy", 'form-data; x="; name=y"; name="purpose"'
    yield "behind a parameter of 70 kB", f'form-data; x="{"a" * 70_000}"; name="purpose"'
    yield "under another disposition", 'attachment; name="purpose"'
    yield "with a soft hyphen in it", 'form-data; name="pur\xadpose"'
    yield "with a quote that does not close", 'form-data; name="purpose'


def _values() -> Iterator[tuple[str, bytes]]:
    for name, value in {
        "in upper case": b"FINE-TUNE", "in mixed case": b"Fine-Tune", "with blanks around it": b"  fine-tune  ",
        "with a line end": b"fine-tune\r\n", "with a NUL": b"fine-tune\0", "with a byte order mark": b"\xef\xbb\xbffine-tune",
    }.items():  # fmt: skip
        yield f"a value {name}", form(field_of("purpose", value), FILE)
    for coding, value in {"base64": b"ZmluZS10dW5l", "quoted-printable": b"fine=2Dtune"}.items():
        yield (
            f"a value in {coding}",
            form(field_of("purpose", value, f"Content-Transfer-Encoding: {coding}"), FILE),
        )
    for charset, codec in {
        "utf-16": "utf-16",
        "utf-16le": "utf-16-le",
        "utf-7": "utf-7",
        "ibm037": "cp037",
        "utf-32": "utf-32",
    }.items():
        value = "fine-tune".encode(codec)
        yield (
            f"a value in {charset}",
            form(field_of("purpose", value, f"Content-Type: text/plain; charset={charset}"), FILE),
        )
    yield (
        "a charset named in _charset_",
        form(field_of("_charset_", "utf-16le"), field_of("purpose", "fine-tune".encode("utf-16-le")), FILE),
    )
    yield (
        "a value in base64 without a label",
        form(field_of("purpose", b"fine-tune", "Content-Encoding: gzip"), FILE),
    )


def _boundaries() -> Iterator[tuple[str, bytes]]:
    body, hidden = multipart(FILE, PURPOSE), multipart(INNOCENT, boundary="x")
    for says, kind in {
        "two boundaries": f"multipart/form-data; boundary=x; boundary={B}",
        "an extended boundary": f"multipart/form-data; boundary=x; boundary*=UTF-8''{B}",
        "a boundary in continuations": 'multipart/form-data; boundary*0="a-boun"; boundary*1="dary"',
        "a decoy in a quoted string": f'multipart/form-data; x="; boundary=x"; boundary={B}',
        "a decoy boundary in upper case": f"multipart/form-data; BOUNDARY=x; boundary={B}",
        "a boundary in a comma list": f"multipart/form-data; boundary=x, multipart/form-data; boundary={B}",
        "an empty boundary": "multipart/form-data; boundary=",
        "no boundary": "multipart/form-data",
        "a boundary of 300 octets": f"multipart/form-data; boundary={'b' * 300}",
        "a boundary that is only a prefix": "multipart/form-data; boundary=a-bound",
        "a boundary with a blank at its end": f'multipart/form-data; boundary="{B} "',
        "a boundary with a backslash": 'multipart/form-data; boundary="a-\\boundary"',
        "a boundary of another body": "multipart/form-data; boundary=x",
        "multipart/mixed": f"multipart/mixed; boundary={B}",
        "multipart/alternative": f"multipart/alternative; boundary={B}",
        "multipart/related": f"multipart/related; boundary={B}",
        "a type with a blank before the slash": f"multipart /form-data; boundary={B}",
        "a type in full-width letters": f"\uff4dultipart/form-data; boundary={B}".encode().decode("latin-1"),
    }.items():  # fmt: skip
        yield says, post(FILES, body, kind=kind)
    yield "two types", post(FILES, body, "Content-Type: text/plain", kind=MULTIPART)
    yield "two types, the form last", post(FILES, body, f"Content-Type: {MULTIPART}", kind="text/plain")
    yield (
        "a form hidden in the file of another",
        post(FILES, hidden + body, "Content-Type: multipart/form-data; boundary=x", kind=MULTIPART),
    )
    yield (
        "a folded type",
        post(FILES, body, "Content-Type: multipart/form-data;\r\n boundary=a-boundary", kind=None),
    )


# --- 23 to 28: labels, JSON, charsets, forms -----------------------------------------------------------------


def _labels() -> Iterator[tuple[str, bytes]]:
    body = multipart(FILE, PURPOSE)
    for kind in (
        "text/plain",
        "application/octet-stream",
        None,
        "",
        "*/*",
        "application/x-www-form-urlencoded",
        "application/json",
    ):
        yield f"a form labelled `{kind}`", post(FILES, body, kind=kind)
    for kind in (
        "text/plain",
        "application/octet-stream",
        None,
        "",
        "application/x-www-form-urlencoded",
        MULTIPART,
        "text/json",
        "application/jsonp",
        "text/javascript",
        "image/png",
        "application/vnd.api+json",
    ):
        yield f"JSON labelled `{kind}`", post(_UPLOADS, _TUNE, kind=kind)
    yield (
        "a url-encoded form labelled as JSON",
        post(FILES, b"purpose=fine-tune&file=" + SECRET.replace(b" ", b"+"), kind="application/json"),
    )
    yield (
        "a url-encoded form for a multipart one",
        post(FILES, b"purpose=fine-tune", kind="application/x-www-form-urlencoded"),
    )
    yield "a url-encoded form without a label", post(FILES, b"purpose=fine-tune", kind=None)


def _json() -> Iterator[tuple[str, bytes]]:
    yield "a duplicate key, the innocent first", b'{"purpose": "user_data", "purpose": "fine-tune"}'
    yield "a duplicate key, the innocent last", b'{"purpose": "fine-tune", "purpose": "user_data"}'
    yield "an escaped twin", b'{"purpose": "user_data", "\\u0070urpose": "fine-tune"}'
    yield "an escaped key alone", b'{"\\u0070urpose": "fine-tune"}'
    yield "an escaped value", b'{"purpose": "\\u0066ine-tune"}'
    yield "a case twin", b'{"purpose": "user_data", "Purpose": "fine-tune"}'
    yield "a key in upper case alone", b'{"PURPOSE": "fine-tune"}'
    yield "a long s for an s", '{"purpo\u017fe": "fine-tune"}'.encode()
    yield "a NUL at the key's end", b'{"purpose": "user_data", "purpose\\u0000": "fine-tune"}'
    yield "a lone surrogate in a key", b'{"purpose\\ud800": "fine-tune", "purpose": "user_data"}'
    yield "a value in upper case", b'{"purpose": "FINE-TUNE"}'


def _dialects() -> Iterator[tuple[str, bytes]]:
    yield from {
        "a comment": b'{/* x */"purpose": "fine-tune"}',
        "a comment to the line's end": b'{"purpose": // x\n"fine-tune"}',
        "a comment that hides the innocent": b'{"purpose": "fine-tune"/*, "purpose": "user_data"*/}',
        "single quotes": b"{'purpose': 'fine-tune'}",
        "a bare key": b'{purpose: "fine-tune"}',
        "a comma at the end": b'{"purpose": "fine-tune",}',
        "NaN": b'{"n": NaN, "purpose": "fine-tune"}',
        "Infinity": b'{"n": -Infinity, "purpose": "fine-tune"}',
        "a guard before it": b')]}\'\n{"purpose": "fine-tune"}',
        "two documents": b'{"purpose": "user_data"}{"purpose": "fine-tune"}',
        "two lines": b'{"purpose": "user_data"}\n{"purpose": "fine-tune"}',
        "NULs behind it": b'{"purpose": "fine-tune"}\0\0',
        "an array around it": b'[{"purpose": "fine-tune"}]' + SECRET,
        "a raw line end in a string": b'{"x": "a\nb", "purpose": "fine-tune"}',
        "a hexadecimal number": b'{"n": 0x10, "purpose": "fine-tune"}',
        "a plus sign": b'{"n": +1, "purpose": "fine-tune"}',
        "a value that is cut": b'{"purpose": "fine-tune"',
        "words behind it": b'{"purpose": "fine-tune"} x',
        "a vertical tab for a blank": b'{\x0b"purpose": "fine-tune"}',
        "an escape that is none": b'{"x": "\\q", "purpose": "fine-tune"}',
        "a record separator before it": b'\x1e{"purpose": "fine-tune"}\n',
    }.items()


def _resources() -> Iterator[tuple[str, bytes]]:
    yield (
        "5,000 levels before the purpose",
        b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b', "purpose": "fine-tune"}',
    )
    yield (
        "a number of 5,000 digits before the purpose",
        b'{"x": ' + b"1" * 5000 + b', "purpose": "fine-tune"}',
    )
    yield (
        "50,000 keys before the purpose",
        b"{" + b"".join(b'"k%d": 1, ' % at for at in range(50_000)) + b'"purpose": "fine-tune"}',
    )
    yield "a string of 2 MB before the purpose", b'{"x": "' + b"a" * 2_000_000 + b'", "purpose": "fine-tune"}'
    yield "a key of 100 kB before the purpose", b'{"' + b"a" * 100_000 + b'": 1, "purpose": "fine-tune"}'
    yield "blanks of 1 MB before the purpose", b"{" + b" " * 1_000_000 + b'"purpose": "fine-tune"}'


def _charsets() -> Iterator[tuple[str, bytes]]:
    text = _TUNE.decode()
    for codec in (
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-32-le",
        "utf-32-be",
        "utf-7",
        "cp037",
        "utf-8-sig",
    ):
        octets = text.encode(codec) if codec != "utf-7" else text.replace("f", "+AGY-").encode()
        if codec != "utf-7":
            yield f"{codec} without a word", post(_UPLOADS, octets, kind="application/json")
        yield (
            f"{codec} labelled",
            post(_UPLOADS, octets, kind=f"application/json; charset={codec.removesuffix('-sig')}"),
        )
    yield "an overlong f", post(_UPLOADS, _TUNE.replace(b"fine", b"\xc1\xa6ine"), kind="application/json")
    yield (
        "two charsets",
        post(_UPLOADS, text.encode("utf-16-le"), kind="application/json; charset=utf-8; charset=utf-16le"),
    )
    yield (
        "a byte order mark that belies the label",
        post(_UPLOADS, text.encode("utf-16"), kind="application/json; charset=utf-8"),
    )


def _urlencoded() -> Iterator[tuple[str, bytes]]:
    for says, body in {
        "a duplicate": b"purpose=user_data&purpose=fine-tune", "a duplicate, the innocent last": b"purpose=fine-tune&purpose=user_data",
        "an encoded name": b"%70urpose=fine-tune", "a name encoded twice": b"%2570urpose=user_data&purpose=fine-tune", "an encoded value": b"purpose=%66ine%2Dtune",
        "a semicolon": b"x=1;purpose=fine-tune", "an escape of old browsers": b"purpose=%u0066ine-tune", "brackets": b"purpose[]=fine-tune",
        "brackets with an index": b"purpose[0]=fine-tune", "a blank before the name": b"+purpose=fine-tune", "a NUL behind the name": b"purpose%00x=fine-tune",
        "a NUL behind the value": b"purpose=fine-tune%00x", "an escape that is cut": b"purpose=fine-tun%65%", "a name in upper case": b"PURPOSE=fine-tune",
        "a field without a name before it": b"=&purpose=fine-tune", "a question mark before it": b"?purpose=fine-tune", "a line end behind it": b"purpose=fine-tune\r\n",
    }.items():  # fmt: skip
        yield says, post(FILES, body, kind="application/x-www-form-urlencoded")
    yield (
        "utf-16",
        post(FILES, "purpose=fine-tune".encode("utf-16"), kind="application/x-www-form-urlencoded"),
    )
    yield (
        "a charset of its own",
        post(
            FILES,
            "purpose=fine-tune".encode("utf-16-le"),
            kind="application/x-www-form-urlencoded; charset=utf-16le",
        ),
    )


# --- 29 to 32: codings, bombs, containers, XML ---------------------------------------------------------------


def _codings() -> Iterator[tuple[str, bytes]]:
    one = gz(_TUNE)
    for coding, octets in {
        "gzip": one,
        "x-gzip": one,
        "deflate": zlib.compress(_TUNE),
        "br": brotli.compress(_TUNE),
        "zstd": zstandard.compress(_TUNE),
    }.items():
        yield f"{coding} around the purpose", zipped(_UPLOADS, octets, coding)
    raw = zlib.compressobj(wbits=-15)
    yield "deflate without its wrapper", zipped(_UPLOADS, raw.compress(_TUNE) + raw.flush(), "deflate")
    yield "gzip labelled as br", zipped(_UPLOADS, one, "br")
    yield "br labelled as gzip", zipped(_UPLOADS, brotli.compress(_TUNE), "gzip")
    yield "gzip labelled as identity", zipped(_UPLOADS, one, "identity")
    yield "gzip without a label", post(_UPLOADS, one, kind="application/json")
    yield "plain octets labelled as gzip", zipped(_UPLOADS, _TUNE)
    yield "a stack of two", zipped(_UPLOADS, brotli.compress(one), "gzip, br")
    yield (
        "a stack of two on two lines",
        post(
            _UPLOADS,
            brotli.compress(one),
            "Content-Encoding: gzip",
            "Content-Encoding: br",
            kind="application/json",
        ),
    )
    yield "a stack of five", zipped(_UPLOADS, gz(gz(gz(gz(one)))), "gzip, gzip, gzip, gzip, gzip")
    yield "a stack of thirty", zipped(_UPLOADS, one, ", ".join(["gzip"] * 30))
    yield "one gzip that says it is two", zipped(_UPLOADS, one, "gzip, gzip")
    yield "two gzips that say they are one", zipped(_UPLOADS, gz(one))
    for coding in (
        "compress",
        "lzma",
        "bzip2",
        "gzip;q=1",
        "gzip,,br",
        "gzip\t",
        "GZIP",
        "gzi",
        '"gzip"',
        "x-br",
        "exi",
        "pack200-gzip",
        "chunked",
        "none",
    ):
        yield f"the coding `{coding!r}`", zipped(_UPLOADS, one, coding)
    yield "bzip2 by its name", zipped(_UPLOADS, bz2.compress(_TUNE), "bzip2")
    yield "xz by its name", zipped(_UPLOADS, lzma.compress(_TUNE), "xz")
    yield "two members, the innocent first", zipped(_UPLOADS, gz(b'{"purpose":') + gz(b'"fine-tune"}'))
    yield "a decoy member behind the purpose", zipped(_UPLOADS, one + gz(_FINE))
    yield "a decoy member before the purpose", zipped(_UPLOADS, gz(_FINE) + one)
    yield "an empty member before the purpose", zipped(_UPLOADS, gz(b"") + one)
    yield "junk behind the stream", zipped(_UPLOADS, one + b"junk")
    yield "NULs behind the stream", zipped(_UPLOADS, one + bytes(64))
    yield "a stream that is cut", zipped(_UPLOADS, one[:-5])
    yield "a wrong checksum", zipped(_UPLOADS, one[:-8] + bytes(4) + one[-4:])
    yield "a wrong length", zipped(_UPLOADS, one[:-4] + bytes(4))
    yield (
        "a gzip with a name and a comment",
        zipped(_UPLOADS, one[:3] + b"\x18" + one[4:10] + b'{"purpose":"user_data"}\0c\0' + one[10:]),
    )
    skippable = struct.pack("<II", 0x184D2A50, len(_FINE)) + _FINE
    yield (
        "a skippable frame before the purpose",
        zipped(_UPLOADS, skippable + zstandard.compress(_TUNE), "zstd"),
    )
    yield "two zstd frames", zipped(_UPLOADS, zstandard.compress(_FINE) + zstandard.compress(_TUNE), "zstd")
    yield (
        "deflate with a dictionary of its own",
        zipped(_UPLOADS, b"\x78\xbb" + zlib.compress(_TUNE)[2:], "deflate"),
    )
    yield (
        "a multipart form in gzip",
        post(FILES, gz(multipart(FILE, PURPOSE)), "Content-Encoding: gzip", kind=MULTIPART),
    )
    yield (
        "a url-encoded form in br",
        post(
            FILES,
            brotli.compress(b"purpose=fine-tune"),
            "Content-Encoding: br",
            kind="application/x-www-form-urlencoded",
        ),
    )
    yield (
        "a part of the form in gzip",
        form(part('form-data; name="purpose"', gz(b"fine-tune"), "Content-Encoding: gzip"), FILE),
    )


_BOMB_SIZE = 128 << 20


def _bombs() -> Iterator[tuple[str, bytes]]:
    blank = b" " * (1 << 20)
    big = zlib.compressobj(9, wbits=31)
    octets = big.compress(b'{"x": 1,') + b"".join(big.compress(blank) for _ in range(_BOMB_SIZE >> 20))
    bomb = octets + big.compress(b'"purpose": "fine-tune"}') + big.flush()
    yield "128 MiB from 130 kB, the purpose last", zipped(_UPLOADS, bomb)
    yield "a bomb in a bomb", zipped(_UPLOADS, gz(bomb), "gzip, gzip")
    packer = brotli.Compressor(quality=1)
    spread = packer.process(b'{"x": 1,') + b"".join(packer.process(blank) for _ in range(_BOMB_SIZE >> 20))
    yield (
        "128 MiB from a few octets of br",
        zipped(_UPLOADS, spread + packer.process(b'"purpose": "fine-tune"}') + packer.finish(), "br"),
    )
    squeeze = zstandard.ZstdCompressor().compressobj()
    frames = squeeze.compress(b'{"x": 1,') + b"".join(
        squeeze.compress(blank) for _ in range(_BOMB_SIZE >> 20)
    )
    yield (
        "128 MiB from a few octets of zstd",
        zipped(_UPLOADS, frames + squeeze.compress(b'"purpose": "fine-tune"}') + squeeze.flush(), "zstd"),
    )
    yield "a million small members", zipped(_UPLOADS, gz(b" ") * 100_000 + gz(_TUNE))


def _zip(name: str, octets: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), octets)
    return whole.getvalue()


def _tar(name: str, octets: bytes) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(octets)
        archive.addfile(info, io.BytesIO(octets))
    return whole.getvalue()


def _aws(*pieces: bytes, extension: str = ";chunk-signature=" + "0" * 64, trailers: bytes = b"") -> bytes:
    framed = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension.encode(), piece) for piece in pieces)
    return framed + b"0" + extension.encode() + b"\r\n" + trailers + b"\r\n"


def _containers() -> Iterator[tuple[str, bytes]]:
    mistral = "api.mistral.ai:99999"
    named = 'form-data; name="file"; filename="{}"'
    for says, name, octets in (
        ("a zip", "a.zip", _zip("rec.mp4", SECRET)),
        ("a tar", "a.tar", _tar("rec.mp4", SECRET)),
        ("a gzip file", "a.jsonl.gz", gz(SECRET)),
    ):
        yield f"{says} to a fine-tuning upload", form(part(named.format(name), octets), PURPOSE)
    yield (
        "base64 in JSON to a training call",
        json(JOBS, {"training_file": "data:audio/mp4;base64," + base64.b64encode(SECRET).decode()}),
    )
    yield (
        "a purpose in base64 of a form for voices",
        form(FILE, host=mistral, path="/v1/audio/voices").replace(b"api.mistral.ai", b"api.openai.com"),
    )
    yield (
        "a commit of files in NDJSON",
        post(
            "/api/datasets/a/b/commit/main",
            b'{"key":"file","value":{"content":"' + base64.b64encode(SECRET) + b'"}}\n',
            host="huggingface.co:99999",
            kind="application/x-ndjson",
        ),
    )
    yield (
        "a pack that is pushed",
        post(
            "/datasets/a/b/git-receive-pack",
            b"0000PACK" + SECRET,
            host="huggingface.co:99999",
            kind="application/x-git-receive-pack-request",
        ),
    )
    yield (
        "tags in XML in aws-chunked",
        post(
            "/k?tagging",
            _aws(_STORE_TAG),
            "Content-Encoding: aws-chunked",
            f"X-Amz-Decoded-Content-Length: {len(_STORE_TAG)}",
            host=S3,
            method="PUT",
            kind="application/xml",
        ),
    )
    yield (
        "tags in XML in aws-chunked of single octets",
        post(
            "/k?tagging",
            _aws(*(_STORE_TAG[at : at + 1] for at in range(len(_STORE_TAG)))),
            "Content-Encoding: aws-chunked",
            host=S3,
            method="PUT",
            kind="application/xml",
        ),
    )
    yield (
        "tags in XML in gzip in aws-chunked",
        post(
            "/k?tagging",
            _aws(gz(_STORE_TAG)),
            "Content-Encoding: gzip, aws-chunked",
            host=S3,
            method="PUT",
            kind="application/xml",
        ),
    )
    yield (
        "aws-chunked that is cut",
        post(
            "/k?tagging",
            _aws(_STORE_TAG)[:-6],
            "Content-Encoding: aws-chunked",
            host=S3,
            method="PUT",
            kind="application/xml",
        ),
    )


def _xml() -> Iterator[tuple[str, bytes]]:
    value = b"model-training"
    for says, body in {
        "as they are": _STORE_TAG, "with a declaration": b'<?xml version="1.0" encoding="UTF-8"?>' + _STORE_TAG,
        "in a namespace": _STORE_TAG.replace(b"<Tagging>", b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'),
        "under a prefix": _STORE_TAG.replace(b"</", b"</s:").replace(b"<T", b"<s:T").replace(b"<K", b"<s:K").replace(b"<V", b"<s:V").replace(b"<s:Tagging>", b'<s:Tagging xmlns:s="u">'),
        "with a value in CDATA": _STORE_TAG.replace(value, b"<![CDATA[model-training]]>"),
        "with a value half in CDATA": _STORE_TAG.replace(value, b"model-<![CDATA[train]]>ing"),
        "with a comment in the value": _STORE_TAG.replace(value, b"model-<!-- x -->training"),
        "with an instruction in the value": _STORE_TAG.replace(value, b"model-<?x y?>training"),
        "with character references": _STORE_TAG.replace(value, b"&#109;odel&#x2d;training"),
        "with an entity": b'<!DOCTYPE x [<!ENTITY t "model-training">]>' + _STORE_TAG.replace(value, b"&t;"),
        "with entities that grow": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>' + _STORE_TAG.replace(value, b"&b;"),
        "with an outer entity": b'<!DOCTYPE x [<!ENTITY t SYSTEM "file:///etc/passwd">]>' + _STORE_TAG.replace(value, b"&t;"),
        "with blanks around the value": _STORE_TAG.replace(value, b"\n  model-training\n "),
        "in upper case": _STORE_TAG.replace(value, b"MODEL-TRAINING"), "with attributes": _STORE_TAG.replace(b"<Key>", b'<Key x="y">'),
        "in utf-16": ('<?xml version="1.0" encoding="UTF-16"?>' + _STORE_TAG.decode()).encode("utf-16"),
        "behind an innocent tag": _STORE_TAG.replace(b"<TagSet>", b"<TagSet><Tag><Key>a</Key><Value>b</Value></Tag>"),
        "with the value before the key": b"<Tagging><TagSet><Tag><Value>model-training</Value><Key>purpose</Key></Tag></TagSet></Tagging>",
        "with a second value": _STORE_TAG.replace(b"</Value>", b"</Value><Value>archive</Value>"), "that are cut": _STORE_TAG[:-12],
        "in a charset that is declared": b'<?xml version="1.0" encoding="UTF-7"?>' + _STORE_TAG.replace(b"m", b"+AG0-"),
    }.items():  # fmt: skip
        yield says, post("/k?tagging", body, host=S3, method="PUT", kind="application/xml")
    yield "without a label", post("/k?tagging", _STORE_TAG, host=S3, method="PUT", kind=None)
    yield (
        "of a blob",
        post(
            "/c/b?comp=tags",
            b"<Tags><TagSet><Tag><Key>purpose</Key><Value>model-training</Value></Tag></TagSet></Tags>",
            host="acct.blob.core.windows.net:99999",
            method="PUT",
            kind="application/xml",
        ),
    )


def _host_of(octets: bytes) -> str:
    return octets.partition(b"Host: ")[2].partition(b"\r\n")[0].decode()


def _rows(
    threat: int, what: str, rows: Iterator[tuple[str, bytes]], status: tuple[int, ...] = (403,)
) -> list[Row]:
    return [
        Row(threat=threat, says=f"{what}{says}", octets=octets, connect=_host_of(octets), status=status)
        for says, octets in rows
    ]


def _uploads(bodies: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    return ((says, json(_UPLOADS, body)) for says, body in bodies)


ROWS: tuple[Row | Act, ...] = (
    *_rows(18, "", _order()),
    *_rows(19, "", _duplicates()),
    *_rows(
        20,
        "the name of the purpose ",
        ((says, form(FILE, part(name, b"fine-tune"))) for says, name in _names()),
    ),
    *_rows(21, "", _values()),
    *_rows(22, "", _boundaries(), (400, 403)),
    *_rows(23, "", _labels()),
    *_rows(24, "JSON with ", _uploads(_json())),
    *_rows(25, "JSON with ", _uploads(_dialects())),
    *_rows(26, "JSON with ", _uploads(_resources()), (403, 413)),
    *_rows(27, "JSON in ", _charsets()),
    *_rows(28, "a url-encoded form with ", _urlencoded()),
    *_rows(29, "", _codings(), (400, 403)),
    *_rows(30, "", _bombs(), (403, 413)),
    *_rows(31, "", _containers()),
    *_rows(32, "tags in XML ", _xml()),
)
