"""From the forms of content/ to the table that recognises kinds of content."""

from collections.abc import Iterable

import re2

from subrosa.content.kinds import KindTable, Recogniser
from subrosa.facts.body import Kind
from subrosa.loading.faults import Fault
from subrosa.loading.shapes import Spot
from subrosa.loading.tableforms import ContentForm, RecogniserForm


def build_kinds(files: Iterable[ContentForm], faults: list[Fault]) -> KindTable:
    """One table of all recognisers."""
    first: dict[str, str] = {}
    sound: list[Recogniser] = []
    for form in files:
        for one in form.recognisers:
            before = len(faults)
            if one.id in first:
                faults.append(
                    one.spot.child("id").fault(f"recogniser `{one.id}` stands in {first[one.id]} already")
                )
            first.setdefault(one.id, f"{one.spot.file}:{one.spot.node.line}")
            if not (one.names or one.magic or one.text):
                faults.append(one.spot.fault("recognises nothing: write names, magic or text"))
            for at, pattern in enumerate(one.names):
                _check_pattern(pattern, one.spot.child("names").item(at), faults)
            if one.text:
                _check_pattern(one.text, one.spot.child("text"), faults)
            if len(faults) == before:
                sound.append(_recogniser(one, form.kind))
    return KindTable(sound)


def _recogniser(form: RecogniserForm, kind: Kind) -> Recogniser:
    return Recogniser(
        id=form.id,
        kind=kind,
        meeting=form.says == "meeting",
        names=form.names,
        magic=tuple((magic.at, bytes.fromhex(magic.hex)) for magic in form.magic),
        text=form.text or None,
    )


def _check_pattern(pattern: str, spot: Spot, faults: list[Fault]) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0]
        reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        faults.append(spot.fault(f"`{pattern}` is no RE2 expression: {reason}"))
