"""UTF-8 decoded piece by piece, so that what is not UTF-8 is found in its turn, after all that stands before it."""


class Utf8:
    """Keeps a character that is cut at the end of a piece until the rest of it comes."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    @property
    def inside_character(self) -> bool:
        """Whether the last piece ended inside a character."""
        return bool(self._held)

    def decode(self, data: bytes) -> tuple[str, bool]:
        """The text of ``data`` as far as it is UTF-8, and whether an octet follows that is not."""
        octets = self._held + data if self._held else data
        self._held = b""
        try:
            return octets.decode("utf-8"), False
        except UnicodeDecodeError as error:
            whole = octets[: error.start].decode("utf-8")
            if error.end == len(octets) and error.reason == "unexpected end of data":
                self._held = octets[error.start :]
                return whole, False
            return whole, True
