"""From rules directories and the settings' facts to one immutable policy; every fault at once."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from subrosa.loading.catalogue import build_provider
from subrosa.loading.draft import Draft, ReadRule
from subrosa.loading.faults import Fault, RuleErrors
from subrosa.loading.files import File, read_rules
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.kindtable import build_kinds
from subrosa.loading.nodes import plain
from subrosa.loading.rulebook import build_rule
from subrosa.loading.semantics import check_names, check_whole
from subrosa.loading.shadows import check_shadows
from subrosa.loading.statements import check_assertions, declare, reclassify
from subrosa.loading.tagtable import TagFile, build_tags
from subrosa.policy.index import Index
from subrosa.policy.policy import Policy, precedence
from subrosa.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Loaded:
    """One policy, what is worth a warning about it, and the files it was built from."""

    policy: Policy
    warnings: tuple[Fault, ...]
    files: tuple[File, ...]


def load(inputs: PolicyInputs, generation: int) -> Loaded:
    """Build the policy that the files and the inputs describe.

    Raises:
        RuleErrors: with every fault of every file.
    """
    draft = Draft(inputs)
    policy = build(draft, generation)
    if draft.failed:
        raise RuleErrors(fault for fault in draft.faults if not fault.warning)
    warnings = tuple(sorted({fault for fault in draft.faults if fault.warning}))
    return Loaded(policy, warnings, tuple(file for file in draft.files if not file.tests))


def build(draft: Draft, generation: int) -> Policy:
    """Fill a draft from its inputs and build the policy, whole only where the draft has not failed."""
    inputs, faults, shelf = draft.inputs, draft.faults, draft.shelf
    draft.files = read_rules(inputs.builtin, inputs.extra, faults)
    for file in draft.files:
        if not file.tests:
            shelf.put(file, faults)
    _read_providers(draft)
    _read_rules(draft)
    tags = build_tags((TagFile(one.form, one.file.builtin) for one in shelf.tags), faults)
    kinds = build_kinds((one.form for one in shelf.contents), faults)
    check_names(draft)
    check_assertions(draft)
    reclassify(draft)
    declared = declare(draft)
    check_shadows(draft, declared.entries)
    check_whole(draft)
    index = Index()
    for entry in (*draft.entries(), *declared.entries):
        index.add(entry.host, entry.operation, entry.pattern)
    blocks, allows, defaults = precedence(_active(draft))
    return Policy(
        generation=generation,
        digest=_digest(draft),
        profile=inputs.profile,
        observe=inputs.observe,
        providers={name: entry.provider for name, entry in draft.providers.items()},
        index=index,
        blocks=blocks,
        allows=allows,
        defaults=defaults,
        tags=tags,
        kinds=kinds,
        sources=inputs.sources,
        guarded=inputs.guarded,
        limits=inputs.limits,
        declared=declared.by_host,
        asserted=inputs.asserted,
        reviewed=min(
            (one.operation.reviewed for one in draft.operations() if one.operation.reviewed), default=""
        ),
    )


def _read_providers(draft: Draft) -> None:
    first: dict[str, str] = {}
    for one in draft.shelf.destinations:
        entry = build_provider(one.form, draft.faults, builtin=one.file.builtin)
        if one.form.provider in draft.providers:
            other = draft.providers[one.form.provider].form.spot.file
            message = f"provider `{one.form.provider}` is described in {other} already: choose another name"
            draft.faults.append(one.form.spot.child("provider").fault(message))
            continue
        draft.providers[one.form.provider] = entry
        for form in one.form.operations:
            if form.id in first:
                draft.faults.append(
                    form.spot.child("id").fault(f"operation `{form.id}` stands in {first[form.id]} already")
                )
            first.setdefault(form.id, f"{form.spot.file}:{form.spot.node.line}")


def _read_rules(draft: Draft) -> None:
    first: dict[str, str] = {}
    for one in draft.shelf.rules:
        for form in one.form.rules:
            if form.id in first:
                draft.faults.append(
                    form.spot.child("id").fault(f"rule `{form.id}` stands in {first[form.id]} already")
                )
                continue
            first[form.id] = f"{form.spot.file}:{form.spot.node.line}"
            rule = build_rule(form, one.form, draft.faults, builtin=one.file.builtin)
            if rule is not None:
                draft.rules[form.id] = ReadRule(rule, form, one.form.profile, one.file.builtin)


def _active(draft: Draft) -> Iterator[Rule]:
    """The rules of this profile that have not expired."""
    for read in draft.rules.values():
        if read.profile is not None and read.profile is not draft.inputs.profile:
            continue
        if read.form.expires and read.form.expires < draft.inputs.today:
            draft.expired.append(read.rule.id)
            message = (
                f"rule `{read.rule.id}` expired on {read.form.expires}: it is ignored; renew or remove it"
            )
            draft.faults.append(read.form.spot.child("expires").fault(message, warning=True))
            continue
        yield read.rule


def _digest(draft: Draft) -> str:
    """sha256 over the content of all files, comments and layout aside, and over the inputs."""
    inputs = draft.inputs
    content = {
        "files": {
            file.name: plain(draft.shelf.nodes[file.name])
            for file in draft.files
            if file.name in draft.shelf.nodes
        },
        "profile": inputs.profile.value,
        "observe": inputs.observe,
        "sources": _stated(inputs.sources),
        "declared": _stated(inputs.declared),
        "guarded": _stated(inputs.guarded.stores),
        "asserted": _stated(inputs.asserted),
        "limits": _stated(inputs.limits),
        "expired": sorted(draft.expired),
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _stated(value: object) -> object:
    """Frozen records, sets and tuples as plain data in one order, the same in every process."""
    if is_dataclass(value):
        return {one.name: _stated(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, tuple):
        return [_stated(item) for item in value]
    return value if value is None or isinstance(value, bool | int) else str(value)
