"""Promise 4, the other side: a refused call that some parser may still read stays refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from property.disguises import BODIES, PATHS
from property.seeds import Transfer, head_of, judge, sealed, shipped

PLEDGED = tuple(one for one in sealed() if judge(one).verdict.rules[0].startswith("pledge."))
ROUTED = tuple(
    one
    for one in PLEDGED
    if judge(one).verdict.rules == ("pledge.training-destination",)
    and shipped().index.trains(head_of(one).authority.host)
)
"""Refused for where they go, to a host that trains."""


@pytest.mark.parametrize("name", sorted(BODIES))
@settings(max_examples=15)
@given(data=st.data())
def test_promise_04_a_disguised_body_is_refused(name: str, data: st.DataObject) -> None:
    found = [(one, other) for one in PLEDGED if (other := BODIES[name](one)) is not None]
    transfer, other = data.draw(st.sampled_from(found))

    assert not judge(other).verdict.allows, transfer


@pytest.mark.parametrize("name", sorted(PATHS))
@settings(max_examples=15)
@given(transfer=st.sampled_from(ROUTED))
def test_promise_04_a_disguised_path_is_refused(name: str, transfer: Transfer) -> None:
    other = PATHS[name](transfer)

    assert other is None or not judge(other).verdict.allows
