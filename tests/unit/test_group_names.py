"""The names of groups: counted by job, copied on write."""

from bucketquery.jobs import group_names
from bucketquery.jobs.group_names import GroupNames


def test_a_name_stays_while_any_job_has_it() -> None:
    """Each job counts once for each of its groups; older names stay as they are."""
    none = GroupNames()
    one = none.changed((), ("a", "b"))
    two = one.changed((), ("a",))
    less = two.changed(("a", "b"), ("c",))
    gone = less.changed(("a",), ())
    assert [[name in names for name in "abc"] for names in (none, one, two, less, gone)] == [
        [False, False, False],
        [True, True, False],
        [True, True, False],
        [True, False, True],
        [False, False, True],
    ]
    assert [len(names) for names in (none, one, two, less, gone)] == [0, 2, 3, 2, 1]


def test_a_change_copies_few_dicts() -> None:
    """Only the dicts of the changed names are new, and two names in one dict make one copy."""
    names = GroupNames().changed((), [str(number) for number in range(2_000)])
    changed = names.changed(("7",), ("new",))
    pairs = zip(names._shards, changed._shards, strict=True)
    assert 1 <= sum(one is not other for one, other in pairs) <= 2
    assert len(names._shards) == group_names._SHARDS
