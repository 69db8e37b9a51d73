"""Who may use the proxy: the file is read strictly, and a wrong guess learns nothing and costs the same."""

import asyncio
import hashlib
import threading
from base64 import b64encode
from dataclasses import dataclass, field

import bcrypt
import pytest

from subrosa.gateway.auth import AuthFileError, Users, hash_password, user_line

_BCRYPT = bcrypt.hashpw(b"rose", bcrypt.gensalt(5)).decode()
_SCRYPT = hash_password("rose")


@dataclass
class _Counting:
    """A hash that says how often it was asked."""

    right: bytes = b"rose"
    asked: list[bytes] = field(default_factory=list)
    wait: threading.Event | None = None
    begun: threading.Event = field(default_factory=threading.Event)

    def matches(self, password: bytes) -> bool:
        self.asked.append(password)
        self.begun.set()
        if self.wait is not None:
            self.wait.wait(10)
        return password == self.right


@pytest.mark.parametrize(
    ("line", "user", "password", "right"),
    [
        pytest.param(user_line("ann", "rose"), "ann", "rose", True, id="scrypt, right"),
        pytest.param(user_line("ann", "rose"), "ann", "Rose", False, id="scrypt, wrong"),
        pytest.param(
            user_line("ann", "a:b:"), "ann", "a:b:", True, id="a colon in a password is a character"
        ),
        pytest.param(user_line("ann", ""), "ann", "", True, id="an empty password is one"),
        pytest.param(user_line("ann", "é🌹"), "ann", "é🌹", True, id="UTF-8"),
        pytest.param(
            user_line("ann", "a\0b"), "ann", "a\0c", False, id="a NUL does not end a password (scrypt)"
        ),
        pytest.param(user_line("j. doe@x", "p"), "j. doe@x", "p", True, id="blanks inside a name"),
        pytest.param(f"ann:{_BCRYPT}", "ann", "rose", True, id="bcrypt, right"),
        pytest.param(f"ann:{_BCRYPT}", "ann", "ros", False, id="bcrypt, wrong"),
        pytest.param(f"ann:{_BCRYPT}", "ann", "rose\0x", False, id="a NUL does not end a password (bcrypt)"),
        pytest.param(
            f"ann:{_BCRYPT.replace('$2b$', '$2y$')}", "ann", "rose", True, id="as htpasswd -B spells it"
        ),
        pytest.param(f"ann:{_BCRYPT}", "Ann", "rose", False, id="names have case"),
        pytest.param(f"ann:{_BCRYPT}", "", "", False, id="no name"),
        pytest.param(f"ann:{_BCRYPT}", "ann", "\ud800", False, id="a password that is no text"),
    ],
)
@pytest.mark.asyncio
async def test_passwords(line: str, user: str, password: str, right: bool) -> None:
    users = Users.parse(f"# users of the gateway\n\n{line}\r\n")
    assert await users.verify(user, password) is right
    assert await users.verify(user, password) is right
    users.close()


@pytest.mark.asyncio
async def test_bcrypt_does_not_take_a_longer_password_for_its_beginning() -> None:
    users = Users.parse(f"ann:{bcrypt.hashpw(b'x' * 72, bcrypt.gensalt(5)).decode()}")
    assert await users.verify("ann", "x" * 72)
    assert not await users.verify("ann", "x" * 73)
    users.close()


@pytest.mark.asyncio
async def test_the_scrypt_line_is_what_its_form_says() -> None:
    salt, key = (
        b"0123456789abcdef",
        hashlib.scrypt(b"rose", salt=b"0123456789abcdef", n=2**14, r=8, p=1, dklen=32),
    )
    spelled = [b64encode(part).decode().rstrip("=") for part in (salt, key)]
    users = Users.parse(f"ann:$scrypt$ln=14,r=8,p=1${spelled[0]}${spelled[1]}")
    assert await users.verify("ann", "rose")
    users.close()


@pytest.mark.parametrize("user", ["", "a:b", " a", "a\n", "#a", "a\0", "x" * 129])
def test_no_line_is_made_for_a_name_that_cannot_stand_in_one(user: str) -> None:
    with pytest.raises(ValueError, match="name"):
        user_line(user, "x")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        pytest.param("", ["line 1: the file names no user"], id="an empty file lets nobody in, and says so"),
        pytest.param("ann", ["line 1: no `:` between name and hash"], id="no colon"),
        pytest.param(f":{_BCRYPT}", ["line 1: the name is empty"], id="no name"),
        pytest.param(f" ann:{_BCRYPT}", ["line 1: the name holds"], id="a blank before a name"),
        pytest.param(
            "ann:secret", ["line 1: this kind of hash is too weak or unknown"], id="a bare password"
        ),
        pytest.param(
            "ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", ["line 1: this kind of hash is too weak"], id="SHA-1"
        ),
        pytest.param("ann:$apr1$x$y", ["line 1: this kind of hash is too weak"], id="Apache's MD5"),
        pytest.param("ann:rqXexS6ZhobKA", ["line 1: this kind of hash is too weak"], id="crypt"),
        pytest.param(f"ann:{_BCRYPT} ", ["line 1: not a bcrypt hash"], id="a blank after a hash"),
        pytest.param(
            f"ann:{_BCRYPT.replace('$05$', '$04$')}", ["line 1: bcrypt's cost is 5 to 14"], id="cheap bcrypt"
        ),
        pytest.param(
            f"ann:{_BCRYPT.replace('$05$', '$31$')}", ["line 1: bcrypt's cost"], id="bcrypt for a month"
        ),
        pytest.param(
            f"ann:{_SCRYPT.replace('ln=14', 'ln=30')}", ["line 1: scrypt's ln"], id="scrypt for all memory"
        ),
        pytest.param(f"ann:{_SCRYPT.replace('ln=14', 'ln=4')}", ["line 1: scrypt's ln"], id="cheap scrypt"),
        pytest.param("ann:$scrypt$ln=14,r=8,p=5$AAAA$AAAA", ["line 1: scrypt's salt"], id="a short salt"),
        pytest.param("ann:$scrypt$ln=14,r=8,p=5$A$AAAA", ["line 1: "], id="base64 that is none"),
        pytest.param("ann:$scrypt$ln=14", ["line 1: not a scrypt hash"], id="half a line"),
        pytest.param(f"ann:{'x' * 5000}", ["line 1: the line is too long"], id="a long line"),
        pytest.param(
            f"ann:{_BCRYPT}\n\nann:{_BCRYPT}\nbob\n#\neve:x",
            ["line 3: user `ann` is given twice", "line 4: no `:`", "line 6: this kind of hash"],
            id="all faults at once, each with its line",
        ),
    ],
)
def test_faults(text: str, faults: list[str]) -> None:
    with pytest.raises(AuthFileError) as caught:
        Users.parse(text)
    assert len(caught.value.faults) == len(faults)
    for told, expected in zip(caught.value.faults, faults, strict=True):
        assert told.startswith(expected)
        assert "secret" not in told


@pytest.mark.asyncio
async def test_a_verified_pair_is_hashed_once_and_again_when_its_time_is_over() -> None:
    now, hashed = 100.0, _Counting()
    users = Users({"ann": hashed}, clock=lambda: now, remember=60)
    for _ in range(3):
        assert await users.verify("ann", "rose")
    assert len(hashed.asked) == 1
    now = 160.0
    assert await users.verify("ann", "rose")
    assert len(hashed.asked) == 2
    users.close()


@pytest.mark.asyncio
async def test_a_wrong_pair_is_hashed_once_too() -> None:
    hashed = _Counting()
    users = Users({"ann": hashed})
    for _ in range(3):
        assert not await users.verify("ann", "thorn")
    assert len(hashed.asked) == 1
    assert await users.verify("ann", "rose")
    users.close()


@pytest.mark.asyncio
async def test_name_and_password_are_not_run_together_in_memory() -> None:
    users = Users({"ann": _Counting(b"bcd"), "annb": _Counting(b"x")})
    assert await users.verify("ann", "bcd")
    assert not await users.verify("annb", "cd")
    users.close()


@pytest.mark.asyncio
async def test_memory_of_pairs_is_bounded_and_wrong_ones_do_not_push_right_ones_out() -> None:
    hashed = _Counting()
    users = Users({"ann": hashed})
    assert await users.verify("ann", "rose")
    for number in range(1100):
        assert not await users.verify("ann", f"{number}")
    assert len(users._wrong._until) == 1024
    before = len(hashed.asked)
    assert await users.verify("ann", "rose")
    assert len(hashed.asked) == before
    users.close()


@pytest.mark.asyncio
async def test_an_unknown_user_costs_a_hash_and_never_enters_with_a_known_users_password() -> None:
    hashed = _Counting()
    users = Users({"ann": hashed})
    assert not await users.verify("eve", "rose")
    assert hashed.asked == [b"rose"]
    users.close()


@pytest.mark.asyncio
async def test_the_loop_goes_on_while_passwords_are_hashed_and_equal_pairs_wait_for_one_hash() -> None:
    gate = threading.Event()
    hashed = _Counting(wait=gate)
    users = Users({"ann": hashed}, parallel=1)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(users.verify("ann", "rose")) for _ in range(50)]
        assert await asyncio.to_thread(hashed.begun.wait, 10)
        gate.set()
    assert all(task.result() for task in tasks)
    assert len(hashed.asked) == 1
    users.close()


@pytest.mark.asyncio
async def test_beyond_the_queue_a_client_is_refused_without_a_hash() -> None:
    gate = threading.Event()
    hashed = _Counting(wait=gate)
    users = Users({"ann": hashed}, parallel=1, waiting=2)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(users.verify("ann", word)) for word in ("rose", "thorn")]
        assert await asyncio.to_thread(hashed.begun.wait, 10)
        assert not await users.verify("ann", "other")
        gate.set()
    assert [task.result() for task in waiting] == [True, False]
    assert hashed.asked == [b"rose", b"thorn"]
    assert await users.verify("ann", "rose")
    users.close()


@pytest.mark.asyncio
async def test_a_client_that_leaves_gives_its_place_back() -> None:
    gate = threading.Event()
    hashed = _Counting(wait=gate)
    users = Users({"ann": hashed}, parallel=1, waiting=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await users.verify("ann", "rose")
    gate.set()
    assert await users.verify("ann", "rose")
    users.close()
