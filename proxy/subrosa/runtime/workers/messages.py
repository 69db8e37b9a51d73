"""What supervisor and workers tell each other: small records, as JSON, strict in both directions.

They are of one version: a supervisor starts its workers from its own code.
"""

import json
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

_STRICT = ConfigDict(extra="forbid", strict=True)

# --- the supervisor's ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message: the settings as JSON, the listening sockets of every slot, and where metrics are counted."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    settings: str
    sockets: tuple[tuple[int, ...], ...]
    metrics: str
    kind: Literal["start"] = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Build a generation from a copy of the rules, as of a day, without putting it in force.

    Each has a number of its own: a generation that some worker could not build is tried again under the same name.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    generation: int
    rules: str
    today: str
    kind: Literal["load"] = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Put in force what was loaded."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    kind: Literal["switch"] = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Throw away what was loaded: some other worker could not."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    kind: Literal["forget"] = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """Accept connections on the sockets of this slot; ``own`` are the gateway's own addresses."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    slot: int
    own: tuple[tuple[str, int], ...]
    kind: Literal["serve"] = "serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Refuse everything and break off what is under way, or no longer; answered with the number."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    on: bool
    number: int
    kind: Literal["lock"] = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush:
    """Send every record that waits; answered with the number."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    kind: Literal["flush"] = "flush"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Take no more connections, let what is in flight end for as long as the settings say, and exit."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["drain"] = "drain"


# --- the worker's --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was to be loaded is built; its digest is to be the supervisor's."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    digest: str
    kind: Literal["loaded"] = "loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What was to be loaded cannot be built."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    fault: str
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """What was loaded is in force here."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    kind: Literal["switched"] = "switched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Connections are accepted."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["serving"] = "serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was asked under this number is done."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    number: int
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """The worker's event loop turns; and what its evidence fails with, if it does."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    evidence: str
    kind: Literal["alive"] = "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unable:
    """The worker cannot serve and exits; one line a fault."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    faults: tuple[str, ...]
    kind: Literal["unable"] = "unable"


@dataclass(frozen=True, slots=True)
class Records:
    """Decisions and outcomes, for those who follow them; so many come that they are read only when one is wanted."""

    count: int
    octets: bytes
    kind: Literal["records"] = "records"

    @classmethod
    def of(cls, lines: list[str]) -> "Records":
        """A message of records that are encoded already."""
        head = f'{{"kind":"records","count":{len(lines)},"records":['
        return cls(len(lines), f"{head}{','.join(lines)}]}}".encode("ascii"))

    def read(self) -> list[dict[str, object]]:
        """The records; none of a message that is not well formed."""
        try:
            found = json.loads(self.octets)["records"]
        except ValueError:
            return []
        return [one for one in found if isinstance(one, dict) and {"record", "id"} <= one.keys()]


type Message = (
    Start | Load | Switch | Forget | Serve | Lock | Flush | Drain | Loaded | Failed | Switched | Serving | Done | Alive
    | Unable | Records
)  # fmt: skip

type _Checked = (
    Start | Load | Switch | Forget | Serve | Lock | Flush | Drain | Loaded | Failed | Switched | Serving | Done | Alive
    | Unable
)  # fmt: skip
_ADAPTER: TypeAdapter[_Checked] = TypeAdapter(Annotated[_Checked, Field(discriminator="kind")])
_RECORDS = re.compile(rb'\{"kind":"records","count":([1-9][0-9]{0,5}),"records":\[')


class MessageError(ValueError):
    """No message of ours; the other end is broken, or is not ours."""


def encode(message: Message) -> bytes:
    """A message as JSON."""
    return message.octets if isinstance(message, Records) else _ADAPTER.dump_json(message)


def decode(octets: bytes) -> Message:
    """The message that some JSON is.

    Raises:
        MessageError: for anything else.
    """
    if records := _RECORDS.match(octets):
        return Records(int(records[1]), octets)
    try:
        return _ADAPTER.validate_json(octets)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        raise MessageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
