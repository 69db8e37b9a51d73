"""Who may use the proxy: users and password hashes from a file in htpasswd's form, verified off the event loop.

One line a user, `name:hash`, with a hash of `htpasswd -B` (bcrypt, `$2y$…`) or of `hash_password` (scrypt,
`$scrypt$ln=14,r=8,p=5$SALT$KEY`, both in base64 without padding). Blank lines and lines that begin with `#` count
for nothing. Weaker hashes are refused.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import bcrypt

_LINE = 1024
_REMEMBERED = 1024
_COST = range(5, 15)
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_BCRYPT_MOST = 72
_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]),p=([0-9]{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_SCRYPT_LN = range(14, 18)
_SCRYPT_R = 8
_SCRYPT_P = range(1, 17)
_SCRYPT_SALT = range(16, 65)
_SCRYPT_KEY = range(32, 65)
_SCRYPT_MEMORY = 256 * 1024 * 1024


class AuthFileError(ValueError):
    """A file of users with faults; ``faults`` has one text a fault, each with its line number."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class _Hash(Protocol):
    def matches(self, password: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Bcrypt:
    text: bytes

    def matches(self, password: bytes) -> bool:
        # bcrypt reads 72 octets; a longer password would match by its beginning.
        right = bcrypt.checkpw(password[:_BCRYPT_MOST], self.text)
        return right and len(password) <= _BCRYPT_MOST


@dataclass(frozen=True, slots=True)
class _Scrypt:
    ln: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def matches(self, password: bytes) -> bool:
        return hmac.compare_digest(self.derive(password), self.key)

    def derive(self, password: bytes) -> bytes:
        return hashlib.scrypt(
            password,
            salt=self.salt,
            n=1 << self.ln,
            r=self.r,
            p=self.p,
            maxmem=_SCRYPT_MEMORY,
            dklen=len(self.key),
        )


def hash_password(password: str) -> str:
    """A fresh hash for the file: scrypt with 16 MiB and five passes (OWASP 2023), which bounds one attempt's cost."""
    fresh = _Scrypt(14, 8, 5, secrets.token_bytes(16), bytes(32))
    key = fresh.derive(password.encode("utf-8"))
    return f"$scrypt$ln={fresh.ln},r={fresh.r},p={fresh.p}${_base64(fresh.salt)}${_base64(key)}"


def user_line(user: str, password: str) -> str:
    """A whole line for the file.

    Raises:
        ValueError: for a name that cannot stand in a line.
    """
    fault = _name_fault(user)
    if fault:
        raise ValueError(fault)
    return f"{user}:{hash_password(password)}"


class _Memory:
    """The digests added last, each for some seconds."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def add(self, digest: bytes) -> None:
        self._until[digest] = self._clock() + self._seconds
        if len(self._until) > _REMEMBERED:
            self._until.popitem(last=False)

    def __contains__(self, digest: bytes) -> bool:
        until = self._until.get(digest)
        if until is None:
            return False
        if self._clock() >= until:
            del self._until[digest]
            return False
        self._until.move_to_end(digest)
        return True


class Users:
    """The users of one file. A reload makes a new one, and with it an empty memory of who was verified.

    At most ``parallel`` passwords are hashed at a time and ``waiting`` may wait; more are refused. The last 1,024
    right pairs, and as many wrong ones, are remembered for ``remember`` seconds under a keyed hash.
    """

    def __init__(
        self,
        hashes: dict[str, _Hash],
        *,
        clock: Callable[[], float] = time.monotonic,
        remember: float = 300.0,
        parallel: int = 2,
        waiting: int = 256,
    ) -> None:
        self._hashes = hashes
        self._decoys = tuple(hashes.values())
        self._key = secrets.token_bytes(32)
        self._right = _Memory(clock, remember)
        self._wrong = _Memory(clock, remember)
        self._slots = asyncio.Semaphore(parallel)
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="subrosa-auth")
        self._queued = 0
        self._waiting = waiting

    @classmethod
    def parse(cls, text: str) -> "Users":
        """Read the whole file.

        Raises:
            AuthFileError: with every fault of the file.
        """
        hashes: dict[str, _Hash] = {}
        faults: list[str] = []
        for number, ended in enumerate(text.split("\n"), 1):
            line = ended.removesuffix("\r")
            if not line.strip() or line.startswith("#"):
                continue
            user, colon, spelled = line.partition(":")
            fault = _name_fault(user) if colon else "no `:` between name and hash"
            if not fault and user in hashes:
                fault = f"user `{user}` is given twice"
            if not fault:
                try:
                    hashes[user] = _parse_hash(spelled)
                    continue
                except ValueError as wrong:
                    fault = str(wrong)
            faults.append(f"line {number}: {fault}")
        if not hashes and not faults:
            faults.append("line 1: the file names no user")
        if faults:
            raise AuthFileError(tuple(faults))
        return cls(hashes)

    async def verify(self, user: str, password: str) -> bool:
        """Whether the password is the user's; an unknown user takes as long as a known one."""
        secret = password.encode("utf-8", "surrogatepass")
        digest = self._digest(user, secret)
        known = self._remembered(digest)
        if known is not None:
            return known
        if self._queued >= self._waiting:
            return False
        self._queued += 1
        try:
            async with self._slots:
                # Whoever waited for a slot may have waited for the very same pair.
                known = self._remembered(digest)
                if known is not None:
                    return known
                loop = asyncio.get_running_loop()
                right = await loop.run_in_executor(self._threads, self._matches, user, secret, digest)
        finally:
            self._queued -= 1
        (self._right if right else self._wrong).add(digest)
        return right

    def close(self) -> None:
        """Let the hashing threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, user: str, secret: bytes, digest: bytes) -> bool:
        found = self._hashes.get(user)
        # A name that is not there is tried against the hash of one that is, and fails whatever comes out.
        tried = found or self._decoys[int.from_bytes(digest[:8]) % len(self._decoys)]
        return tried.matches(secret) and found is not None

    def _remembered(self, digest: bytes) -> bool | None:
        if digest in self._right:
            return True
        return False if digest in self._wrong else None

    def _digest(self, user: str, secret: bytes) -> bytes:
        name = user.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, len(name).to_bytes(4) + name + secret, "sha256")


def _name_fault(user: str) -> str:
    if not user:
        return "the name is empty"
    if ":" in user or not user.isprintable() or user != user.strip() or user.startswith("#"):
        return "the name holds `:`, blanks around it, a leading `#` or a control character"
    return "the name is longer than 128 characters" if len(user) > 128 else ""  # noqa: PLR2004 - the text says it


def _parse_hash(spelled: str) -> _Hash:
    """The hash of one line; ValueError says what is wrong with it and never shows it."""
    if len(spelled) > _LINE:
        raise ValueError("the line is too long")
    if spelled.startswith("$2"):
        return _parse_bcrypt(spelled)
    if spelled.startswith("$scrypt$"):
        return _parse_scrypt(spelled)
    raise ValueError(
        "this kind of hash is too weak or unknown: make the line with `htpasswd -B` (bcrypt) or scrypt"
    )


def _parse_bcrypt(spelled: str) -> _Bcrypt:
    match = _BCRYPT.fullmatch(spelled)
    if match is None:
        raise ValueError("not a bcrypt hash (60 characters, `$2y$05$…`)")
    if int(match[1]) not in _COST:
        raise ValueError(f"bcrypt's cost is {_COST.start} to {_COST.stop - 1}")
    return _Bcrypt(f"$2b${spelled[4:]}".encode("ascii"))


def _parse_scrypt(spelled: str) -> _Scrypt:
    match = _SCRYPT.fullmatch(spelled)
    if match is None:
        raise ValueError("not a scrypt hash (`$scrypt$ln=14,r=8,p=5$SALT$KEY`)")
    found = _Scrypt(int(match[1]), int(match[2]), int(match[3]), _unbase64(match[4]), _unbase64(match[5]))
    if found.ln not in _SCRYPT_LN or found.r != _SCRYPT_R or found.p not in _SCRYPT_P:
        raise ValueError("scrypt's ln is 14 to 17, r is 8, p 1 to 16")
    if len(found.salt) not in _SCRYPT_SALT or len(found.key) not in _SCRYPT_KEY:
        raise ValueError("scrypt's salt has 16 to 64 octets, its key 32 to 64")
    return found


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii").rstrip("=")


def _unbase64(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
