"""What tags mean together is worked out once for each tag, and is the same as if all were read again."""

from hypothesis import given
from hypothesis import strategies as st

from helpers import connect
from property.seeds import shipped
from subrosa.facts.body import BodyFacts
from subrosa.facts.tags import Tag
from subrosa.policy.inspection import Inspection

KEYS = ("purpose", "data-use", "x", "title", "train-ai", "data-class", "tdm-reservation", "model")
VALUES = (
    "training",
    "ml",
    "model",
    "ml-training",
    "n",
    "y",
    "meeting",
    "ml, training",
    "model=training",
    "noai",
    "other",
)
tags = st.lists(st.builds(Tag, st.just("x"), st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=12)


@given(tags, tags)
def test_meanings_grow_with_the_tags_as_if_all_were_read_again(head: list[Tag], body: list[Tag]) -> None:
    subject = Inspection(shipped(), connect()).subject
    subject.head_tags, subject.body = tuple(head), BodyFacts()
    for tag in body:
        subject.meanings()
        subject.body.tags.append(tag)
    subject.meanings()
    subject.head_tags += (Tag("x", "purpose", "training"),)

    assert subject.meanings() == shipped().tags.meanings(subject.tags())
