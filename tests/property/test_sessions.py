"""What the opening of an upload said only ever tightens: a later request is refused with it wherever it was without."""

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from property.seeds import Transfer, policy_for, shipped
from property.strategies import TERMS, seeds, transfers
from subrosa.facts.head import HeadError, check_head
from subrosa.facts.records import ClientFacts, ConnectFacts, TlsFacts
from subrosa.facts.sessions import SessionFacts
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import UnreadableError
from subrosa.loading.running import raw_head
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Profile
from subrosa.policy.uploads import facts_to_keep
from subrosa.policy.verdict import Outcome

OPERATIONS = sorted(
    operation.id for provider in shipped().providers.values() for operation in provider.operations
)
tags = st.builds(
    Tag, st.just("x-amz-tagging"), st.sampled_from(["purpose", "use", "data-class"]), st.sampled_from(TERMS)
)
openings = st.builds(
    SessionFacts,
    tags=st.lists(tags, max_size=3).map(tuple),
    content=st.booleans(),
    operations=st.lists(st.sampled_from(OPERATIONS), max_size=2).map(tuple),
    unreadable=st.booleans(),
)
sources = st.sampled_from(["customer-content", "nothing"])


def judged(transfer: Transfer, opened: SessionFacts | None) -> Inspection | None:
    try:
        authority, raw = raw_head(transfer)
        head = check_head(raw)
    except (HeadError, UnreadableError):
        return None
    client = ClientFacts(listener="explicit:8080", address=ip_address("127.0.0.1"))
    tls = TlsFacts(sni=raw.sni) if raw.tls else None
    inspection = Inspection(policy_for(transfer), ConnectFacts(client=client, target=authority), tls)
    inspection.head(head, opened)
    inspection.data(transfer.body)
    inspection.end()
    return inspection


@settings(max_examples=400)
@given(transfers, openings, sources, st.sampled_from(Profile))
def test_what_an_opening_said_never_loosens_a_verdict(
    transfer: Transfer, opened: SessionFacts, source: str, profile: Profile
) -> None:
    sent = replace(transfer, source=source, profile=profile)
    alone, followed = judged(sent, None), judged(sent, opened)

    if alone is not None and followed is not None and alone.verdict.outcome is Outcome.BLOCK:
        assert followed.verdict.outcome is Outcome.BLOCK, (alone.verdict, followed.verdict)


@settings(max_examples=200)
@given(seeds, openings, openings, sources)
def test_more_of_it_never_loosens_either(
    transfer: Transfer, first: SessionFacts, second: SessionFacts, source: str
) -> None:
    sent = replace(transfer, source=source)
    one, both = judged(sent, first), judged(sent, first.join(second))

    if one is not None and both is not None and one.verdict.outcome is Outcome.BLOCK:
        assert both.verdict.outcome is Outcome.BLOCK


@settings(max_examples=200)
@given(transfers, openings, sources)
def test_what_goes_on_with_an_upload_hands_on_what_it_was_told(
    transfer: Transfer, opened: SessionFacts, source: str
) -> None:
    inspection = judged(replace(transfer, source=source), opened)
    if inspection is None or not inspection.verdict.allows:
        return
    kept = facts_to_keep(inspection.subject)
    if kept is not None and inspection.subject.tag_table.meanings(opened.tags):
        assert set(opened.tags) <= set(kept.tags)
        assert kept.content or not opened.content
