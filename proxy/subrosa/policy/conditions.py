"""Conditions of rules: trees of `all`, `any`, `not` over the atoms, evaluated in three-valued logic."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import override

from subrosa.facts.ternary import Ternary, both, either, negate
from subrosa.policy.atoms import ATOMS
from subrosa.policy.operations import Operation
from subrosa.policy.subject import Subject

type Tree = Mapping[str, object]
type Where = tuple[str | int, ...]


class ConditionError(ValueError):
    """A condition that cannot be built; ``where`` is the path inside the tree."""

    def __init__(self, where: Where, message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True, slots=True)
class Atom:
    """One question, with the values any of which answers it."""

    name: str
    values: tuple[str, ...]
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_text", f"{self.name}: {'|'.join(self.values)}")

    def test(self, subject: Subject) -> Ternary:
        """Ask the table, once for all rules that ask the same of the same facts."""
        value = subject.answers.get(self._text)
        if value is None:
            value = subject.answers[self._text] = ATOMS[self.name].test(subject, self.values)
        return value

    @override
    def __str__(self) -> str:
        """Spell it as a rule does."""
        return self._text


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; the empty conjunction does not exist (a rule without condition is an error)."""

    parts: "tuple[Condition, ...]"

    def test(self, subject: Subject) -> Ternary:
        """Conjunction, left to right, no further than the first FALSE."""
        result = Ternary.TRUE
        for part in self.parts:
            value = part.test(subject)
            if value is Ternary.FALSE:
                return value
            result = both(result, value)
        return result


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some part holds."""

    parts: "tuple[Condition, ...]"

    def test(self, subject: Subject) -> Ternary:
        """Disjunction, left to right, no further than the first TRUE."""
        result = Ternary.FALSE
        for part in self.parts:
            value = part.test(subject)
            if value is Ternary.TRUE:
                return value
            result = either(result, value)
        return result


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Condition"

    def test(self, subject: Subject) -> Ternary:
        """Negation; unknown stays unknown."""
        return negate(self.part.test(subject))


type Condition = Atom | All | AnyOf | Not


def build(tree: object, where: Where = ()) -> Condition:
    """Build a condition from plain data (mappings, lists, text).

    Raises:
        ConditionError: with the place inside the tree and what to write instead.
    """
    if not isinstance(tree, Mapping) or not tree:
        raise ConditionError(where, "write a mapping of conditions, such as `customer_content: true`")
    parts = tuple(_part(str(key), value, (*where, str(key))) for key, value in tree.items())
    return parts[0] if len(parts) == 1 else All(parts)


def _part(key: str, value: object, where: Where) -> Condition:
    if key == "not":
        return Not(build(value, where))
    if key in ("all", "any"):
        if not isinstance(value, list) or not value:
            raise ConditionError(where, f"`{key}` needs a list of conditions")
        parts = tuple(build(item, (*where, at)) for at, item in enumerate(value))
        return All(parts) if key == "all" else AnyOf(parts)
    kind = ATOMS.get(key)
    if kind is None:
        raise ConditionError(where, f"unknown fact `{key}`: write one of {', '.join(sorted(ATOMS))}")
    values = tuple(_text(item) for item in (value if isinstance(value, list) else [value]))
    for at, text in enumerate(values):
        place = (*where, at) if isinstance(value, list) else where
        if kind.values and text not in kind.values:
            raise ConditionError(
                place, f"`{text}` is no value of `{key}`: write one of {', '.join(sorted(kind.values))}"
            )
        if kind.parse is not None:
            _check(kind.parse, text, place)
    if not values:
        raise ConditionError(where, f"`{key}` needs a value")
    return Atom(key, values)


def _check(parse: object, text: str, where: Where) -> None:
    try:
        parse(text)  # type: ignore[operator]
    except ValueError as fault:
        raise ConditionError(where, str(fault)) from fault


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def atoms(condition: Condition) -> Iterator[Atom]:
    """Every atom of a condition, left to right."""
    match condition:
        case Atom():
            yield condition
        case Not(part):
            yield from atoms(part)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from atoms(part)


def hosts_required(condition: Condition) -> tuple[str, ...]:
    """The host patterns without one of which the condition is certainly FALSE; empty when there are none."""
    if isinstance(condition, Atom):
        return condition.values if condition.name == "host" else ()
    if isinstance(condition, All):
        return next((hosts for part in condition.parts if (hosts := hosts_required(part))), ())
    return ()


def idle(condition: Condition, operations: tuple[Operation, ...]) -> bool:
    """Whether the condition is certainly FALSE where only these operations claim the request."""
    match condition:
        case Atom(name, values):
            rules_out = ATOMS[name].rules_out
            return rules_out is not None and rules_out(operations, values)
        case All(parts):
            return any(idle(part, operations) for part in parts)
        case AnyOf(parts):
            return all(idle(part, operations) for part in parts)
        case Not():
            return False


def asks(conditions: Iterable[Condition], name: str) -> bool:
    """Whether any of the conditions asks for the fact ``name``."""
    return any(atom.name == name for condition in conditions for atom in atoms(condition))
