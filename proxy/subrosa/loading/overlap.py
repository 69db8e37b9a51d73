"""Whether two patterns can match one request: hosts, paths, methods and fields, compared without any request."""

from subrosa.policy.hostmap import HostPattern, fits
from subrosa.policy.index import segments_of
from subrosa.policy.operations import FieldMatch, LanguageMatch, RequestPattern


def hosts_meet(first: HostPattern, second: HostPattern) -> bool:
    """Whether some host is covered by both patterns."""
    if not first.labels or not second.labels:
        return True
    if not all(_labels_meet(a, b) for a, b in zip(first.labels, second.labels, strict=False)):
        return False
    if len(first.labels) == len(second.labels):
        return first.suffix == second.suffix
    shorter = first if len(first.labels) < len(second.labels) else second
    return shorter.suffix


def requests_meet(first: RequestPattern, second: RequestPattern) -> bool:
    """Whether some request matches both patterns by method, path and fields."""
    return (
        _methods_meet(first.methods, second.methods)
        and _paths_meet(segments_of(first.path.casefold()), segments_of(second.path.casefold()))
        and fields_meet(first.fields, second.fields)
        and _languages_meet(first.language, second.language)
    )


def fields_meet(first: tuple[FieldMatch, ...], second: tuple[FieldMatch, ...]) -> bool:
    """Whether no field that both ask for keeps them apart."""
    others = {(match.place, match.name): match for match in second}
    return all(
        _values_meet(match, others[match.place, match.name])
        for match in first
        if (match.place, match.name) in others
    )


def _languages_meet(first: LanguageMatch | None, second: LanguageMatch | None) -> bool:
    """Whether a request may say both: always where each needs only a part of what it says."""
    if first is None or second is None or not (first.every or second.every):
        return True
    return first.meets(second)


def _methods_meet(first: frozenset[str], second: frozenset[str]) -> bool:
    return "*" in first or "*" in second or not first.isdisjoint(second)


def _labels_meet(first: str, second: str) -> bool:
    """Whether some label, or path segment, is matched by both."""
    if "{" not in first and "{" not in second:
        return first == second
    if "{" in first and "{" in second:
        (before, after), (other_before, other_after) = _affixes(first), _affixes(second)
        return (before.startswith(other_before) or other_before.startswith(before)) and (
            after.endswith(other_after) or other_after.endswith(after)
        )
    pattern, literal = (first, second) if "{" in first else (second, first)
    return fits(literal, *_affixes(pattern))


def _affixes(text: str) -> tuple[str, str]:
    before, _, rest = text.partition("{")
    return before, rest.partition("}")[2]


def _paths_meet(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    first_rest, second_rest = _open(first), _open(second)
    one = first[:-1] if first_rest else first
    other = second[:-1] if second_rest else second
    if not all(_labels_meet(a, b) for a, b in zip(one, other, strict=False)):
        return False
    if len(one) == len(other):
        return True
    return first_rest if len(one) < len(other) else second_rest


def _open(segments: tuple[str, ...]) -> bool:
    return bool(segments) and segments[-1].endswith("...}")


def _values_meet(first: FieldMatch, second: FieldMatch) -> bool:
    if first.absent and second.absent:
        return True
    return any(_value_meets(a, b) for a in first.values for b in second.values)


def _value_meets(first: str, second: str) -> bool:
    if first.endswith("*") and second.endswith("*"):
        return first.startswith(second[:-1]) or second.startswith(first[:-1])
    if first.endswith("*"):
        return second.startswith(first[:-1])
    if second.endswith("*"):
        return first.startswith(second[:-1])
    return first == second
