from uuid import RFC_4122, UUID

from subrosa.runtime.ids import new_id


def test_ids_are_random_uuids_and_no_two_are_alike() -> None:
    drawn = [new_id() for _ in range(1000)]
    read = [UUID(one) for one in drawn]

    assert [str(one) for one in read] == drawn
    assert {(one.version, one.variant) for one in read} == {(4, RFC_4122)}
    assert len(set(drawn)) == len(drawn)
