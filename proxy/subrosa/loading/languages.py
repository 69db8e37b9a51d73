"""From the keys `graphql` and `sql` of a request to what matches them."""

from subrosa.loading.faults import Fault
from subrosa.loading.forms import GraphqlForm, RequestForm, SqlForm
from subrosa.loading.values import json_path
from subrosa.policy.languages import GraphqlMatch, SqlMatch
from subrosa.policy.operations import LanguageMatch


def language_of(form: RequestForm, faults: list[Fault], *, every: bool) -> LanguageMatch | None:
    """What a request says in a language; ``every`` where all that it says must match."""
    if form.graphql is not None and form.sql is not None:
        faults.append(form.spot.fault("a request says `graphql` or `sql`: write two requests"))
        return None
    if form.graphql is not None:
        return _graphql(form.graphql, faults, every=every)
    return None if form.sql is None else _sql(form.sql, faults, every=every)


def _graphql(form: GraphqlForm, faults: list[Fault], *, every: bool) -> GraphqlMatch:
    wanted = {"query": form.query, "mutation": form.mutation, "subscription": form.subscription}
    if not any(wanted.values()):
        faults.append(
            form.spot.fault('names no field: write such as `mutation: [createDataset]`, or `query: "*"`')
        )
    return GraphqlMatch(tuple((kind, frozenset(names)) for kind, names in wanted.items() if names), every)


def _sql(form: SqlForm, faults: list[Fault], *, every: bool) -> SqlMatch:
    if not form.statement and not form.call:
        faults.append(form.spot.fault("names nothing: write `statement`, `call`, or both"))
    if every and form.call:
        faults.append(
            form.spot.child("call").fault(
                "a call tells only what trains: the statement around it does the rest"
            )
        )
    paths: list[str] = []
    for path in form.json:
        try:
            paths.append(json_path(path))
        except ValueError as error:
            faults.append(form.spot.child("json").fault(str(error)))
    for name, values in form.call.items():
        if values.absent:
            faults.append(form.spot.child("call").child(name).fault('write the string, or `"*"` for any'))
    return SqlMatch(
        engine=form.engine,
        paths=tuple(paths),
        statements=tuple(tuple(text.casefold().split()) for text in form.statement),
        calls=tuple((name.casefold(), values.folded) for name, values in form.call.items()),
        every=every,
    )
