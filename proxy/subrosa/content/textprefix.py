"""The beginning of a body as text, in the encodings that meeting exports come in."""

import codecs


def as_text(prefix: bytes) -> str | None:
    """UTF-8, or UTF-16 with a byte order mark, as text with LF line ends and without the mark; None for binary.

    An octet that is no UTF-8, such as a character cut at the end, becomes U+FFFD. A NUL makes it binary.
    """
    sixteen = prefix.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not sixteen and b"\0" in prefix:
        return None
    octets = prefix.removeprefix(codecs.BOM_UTF8)
    text = octets.decode("utf-16" if sixteen else "utf-8", "replace")
    return None if "\0" in text else text.replace("\r\n", "\n")
