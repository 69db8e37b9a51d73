"""Requests that one parser reads as the refused call and another does not; each must stay refused.

Every disguise takes a transfer that is refused and gives one that some server may still take for the same, or None
where it does not apply.
"""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from property.bodies import Part, parts_of, rebuilt
from property.seeds import Transfer

type Disguise = Callable[[Transfer], Transfer | None]


def _coded(transfer: Transfer) -> bool:
    return any(name.lower() == "content-encoding" for name, _ in transfer.lines)


def _of_json(change: Callable[[bytes], bytes]) -> Disguise:
    def disguise(transfer: Transfer) -> Transfer | None:
        if _coded(transfer) or transfer.content_type != "application/json" or transfer.body[:1] != b"{":
            return None
        return replace(transfer, body=change(transfer.body))

    return disguise


def _of_form(change: Callable[[bytes], bytes]) -> Disguise:
    def disguise(transfer: Transfer) -> Transfer | None:
        form = transfer.content_type == "application/x-www-form-urlencoded"
        if _coded(transfer) or not form or transfer.body[:1] in b"{[<":
            return None
        return replace(transfer, body=change(transfer.body))

    return disguise


def _of_parts(change: Callable[[list[Part]], Iterable[Part]]) -> Disguise:
    def disguise(transfer: Transfer) -> Transfer | None:
        parts = parts_of(transfer)
        return rebuilt(transfer, change(parts)) if parts else None

    return disguise


def _fields(change: Callable[[bytes, bytes], Part]) -> Disguise:
    """A change of every part that is no file."""
    return _of_parts(
        lambda parts: [part if b"filename" in part[0].lower() else change(*part) for part in parts]
    )


def _of_path(change: Callable[[str], str]) -> Disguise:
    def disguise(transfer: Transfer) -> Transfer | None:
        scheme, mark, rest = transfer.url.partition("://")
        host, _, target = rest.partition("/")
        path, question, query = target.partition("?")
        changed = f"{scheme}{mark}{host}/{change(path)}{question}{query}"
        return replace(transfer, url=changed) if path else None

    return disguise


def _of_multipart(change: Callable[[bytes], bytes]) -> Disguise:
    return lambda transfer: replace(transfer, body=change(transfer.body)) if parts_of(transfer) else None


def _keys(body: bytes) -> bytes:
    return b"".join(b'"%s":"other",' % key.encode() for key in json.loads(body))


def _plain(head: bytes, content: bytes) -> bool:
    return content.isascii() and b"content-type" not in head.lower()


def _in_utf16(head: bytes, content: bytes) -> Part:
    if not _plain(head, content):
        return head, content
    return head + b"\r\nContent-Type: text/plain; charset=utf-16", content.decode().encode("utf-16")


def _other(parts: list[Part]) -> list[Part]:
    """Every field once more, with another value."""
    return [(head, b"other") for head, _ in parts if b"filename" not in head.lower()]


JSON: dict[str, Disguise] = {
    "a byte order mark": _of_json(lambda body: b"\xef\xbb\xbf" + body),
    "UTF-16 without a mark": _of_json(lambda body: body.decode().encode("utf-16-le")),
    "UTF-32": _of_json(lambda body: body.decode().encode("utf-32")),
    "blanks in front": _of_json(lambda body: b"\r\n \t" + body),
    "a NUL behind": _of_json(lambda body: body + b"\0"),
    "another document in front": _of_json(lambda body: b"{}" + body),
    "another document behind": _of_json(lambda body: body + b"{}"),
    "a line in front": _of_json(lambda body: b"{}\n" + body),
    "a comment": _of_json(lambda body: b"/* x */" + body),
    "a guard against being run": _of_json(lambda body: b")]}'\n" + body),
    "a number that is none": _of_json(lambda body: b'{"q":NaN,' + body[1:]),
    "a comma too many": _of_json(lambda body: body.rstrip()[:-1] + b",}"),
    "keys given before": _of_json(lambda body: b"{" + _keys(body) + body[1:]),
    "keys given again": _of_json(lambda body: body.rstrip()[:-1] + b"," + _keys(body)[:-1] + b"}"),
    "keys in capitals": _of_json(lambda body: body.replace(b'"purpose"', b'"PURPOSE"')),
    "depth in front": _of_json(lambda body: b'{"q":' + b"[" * 3000 + b"]" * 3000 + b"," + body[1:]),
    "a long number": _of_json(lambda body: b'{"q":' + b"9" * 5000 + b"," + body[1:]),
}
FORMS: dict[str, Disguise] = {
    "semicolons": _of_form(lambda body: body.replace(b"&", b";")),
    "empty pairs": _of_form(lambda body: b"&&" + body),
    "an escape of old": _of_form(lambda body: body.replace(b"purpose", b"%u0070urpose")),
    "brackets": _of_form(lambda body: body.replace(b"purpose=", b"purpose[]=")),
    "a NUL in a name": _of_form(lambda body: body.replace(b"purpose=", b"purpose%00=")),
    "UTF-16": _of_form(lambda body: body.decode().encode("utf-16")),
}
PARTS: dict[str, Disguise] = {
    "a preamble": _of_multipart(lambda body: b"hello\r\n" + body),
    "an epilogue": _of_multipart(lambda body: body + b"\r\nhello"),
    "bare line feeds": _of_multipart(lambda body: body.replace(b"\r\n", b"\n")),
    "brackets": _fields(lambda head, content: (head.replace(b'pose"', b'pose[]"'), content)),
    "single quotes": _fields(lambda head, content: (head.replace(b'"', b"'"), content)),
    "an extended name": _fields(
        lambda head, content: (head.replace(b'name="', b"name*=utf-8''").rstrip(b'"'), content)
    ),
    "a backslash": _fields(lambda head, content: (head.replace(b'"pur', b'"pur\\'), content)),
    "an escape": _fields(lambda head, content: (head.replace(b'"p', b'"%70'), content)),
    "a folded line": _fields(lambda head, content: (head.replace(b"; name", b";\r\n name"), content)),
    "a file name": _fields(
        lambda head, content: (head.replace(b"form-data;", b'form-data; filename="x";'), content)
    ),
    "base64": _fields(
        lambda head, content: (head + b"\r\nContent-Transfer-Encoding: base64", base64.b64encode(content))
    ),
    "UTF-16": _fields(_in_utf16),
    "blanks around": _fields(lambda head, content: (head, b" " + content + b"\r\n ")),
    "fields given before": _of_parts(lambda parts: [*_other(parts), *parts]),
    "fields given again": _of_parts(lambda parts: [*parts, *_other(parts)]),
}
HEADS: dict[str, Disguise] = {
    "a label twice": lambda one: replace(one, lines=(*one.lines, ("Content-Type", "text/plain"))),
    "a label before": lambda one: replace(one, lines=(("Content-Type", "text/plain"), *one.lines)),
    "no coding": lambda one: replace(one, lines=(*one.lines, ("Content-Encoding", "identity"))),
    "a coding that is none": lambda one: replace(one, lines=(*one.lines, ("Content-Encoding", "rot13"))),
    "another purpose in the query": lambda one: replace(
        one, url=one.url + ("&" if "?" in one.url else "?") + "purpose=assistants&Action=List"
    ),
}
PATHS: dict[str, Disguise] = {
    "a parameter": _of_path(lambda path: path + ";x=1"),
    "a parameter inside": _of_path(lambda path: path.replace("/", ";a/", 1)),
    "an escaped slash": _of_path(lambda path: path.replace("/", "%2F", 1)),
    "escapes of escapes": _of_path(lambda path: path.replace("i", "%2569", 1).replace("a", "%2561", 1)),
    "a backslash": _of_path(lambda path: path.replace("/", "\\", 1)),
    "a dot behind": _of_path(lambda path: path + "."),
    "a slash behind": _of_path(lambda path: path + "/"),
    "a parameter that goes up": _of_path(lambda path: "x/..;/" + path),
    "escaped dots": _of_path(lambda path: "x/%2e%2e/" + path),
    "a NUL behind": _of_path(lambda path: path + "%00"),
    "a fragment": _of_path(lambda path: path + "#x"),
    "an escaped question mark": _of_path(lambda path: path + "%3Fx"),
    "capitals": _of_path(str.upper),
    "an overlong slash": _of_path(lambda path: path.replace("/", "%c0%af", 1)),
}
BODIES: dict[str, Disguise] = {
    f"{kind}: {name}": disguise
    for kind, table in {"JSON": JSON, "form": FORMS, "multipart": PARTS, "head": HEADS}.items()
    for name, disguise in table.items()
}
