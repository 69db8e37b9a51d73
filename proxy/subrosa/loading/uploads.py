"""From the forms to where an upload's id stands: in the answer that yields it, in the requests that go on with it."""

from collections.abc import Callable, Iterable

from subrosa.facts.paths import fold_name
from subrosa.loading.faults import Fault
from subrosa.loading.form import Form
from subrosa.loading.forms import ContinuesForm, YieldsForm
from subrosa.loading.values import header_name, json_path
from subrosa.policy.index import segments_of
from subrosa.policy.operations import Continues, RequestPattern, Yields


def yields_of(form: YieldsForm, faults: list[Fault]) -> Yields | None:
    """Where the id stands in the answer; None after telling why it stands nowhere."""
    given = [name for name in (form.json, form.xml, form.header) if name]
    how = form.parameter, form.url
    if len(given) > 1 or not (given or form.url):
        faults.append(
            form.spot.fault("write one of json, xml and header, or `url: true` for the request's own")
        )
        return None
    if form.parameter and (form.url or not given):
        faults.append(
            form.spot.child("parameter").fault(
                "a parameter of an address that the answer names: write json, xml or header beside it, and no url"
            )
        )
        return None
    if form.json:
        return _named(form, "json", faults, lambda: Yields("json", json_path(form.json), *how))
    if form.header:
        return _named(form, "header", faults, lambda: Yields("header", header_name(form.header), *how))
    return Yields("xml", form.xml, *how) if form.xml else Yields("url", url=True)


def continues_of(
    form: ContinuesForm, requests: Iterable[RequestPattern], faults: list[Fault]
) -> Continues | None:
    """Where a later request names the upload; None after telling why it cannot."""
    given = [name for name in (form.query, form.header, form.path) if name]
    if len(given) + form.url != 1:
        faults.append(form.spot.fault("write exactly one of query, header, path and `url: true`"))
        return None
    if form.header:
        return _named(form, "header", faults, lambda: Continues("header", header_name(form.header)))
    if form.query:
        return Continues("query", fold_name(form.query))
    if form.url:
        return Continues("url")
    for pattern in requests:
        if f"{{{form.path}}}" not in segments_of(pattern.path):
            faults.append(
                form.spot.child("path").fault(f"path `{pattern.path}` has no segment `{{{form.path}}}`")
            )
            return None
    return Continues("path", form.path)


def _named[T](form: Form, name: str, faults: list[Fault], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except ValueError as error:
        faults.append(form.spot.child(name).fault(str(error)))
        return None
