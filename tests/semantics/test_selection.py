"""Our decision on selections: ids, groups, wildcards and exclusions, from left to right."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bucketquery import (
    BucketQuery,
    BucketQueryError,
    ChangesExpired,
    Commit,
    InfluencerQuery,
    LimitExceeded,
    NotFound,
    RecordQuery,
    ResultsIndex,
)
from support.semantics_tables import Refusal, assert_refusal, bucket, each_row, influencer, invalid, record, unknown_job

#: The jobs with their groups. The name of a group may begin like an id.
GROUPS = {
    "db": ("shop", "eu"),
    "web": (),
    "web-1": ("shop",),
    "web-2": ("web-eu", "eu"),
    "Web-3": ("shop",),
    "x.web": (),
    "é-1": (),
    "\U0001f4a1": ("shop",),
}
EVERY = "Web-3 db web web-1 web-2 x.web é-1 \U0001f4a1"


@dataclass(frozen=True, slots=True)
class Selected:
    """These tokens select these jobs, sorted; `as_tokens` is what a query shows."""

    rule: str
    claim: str
    tokens: str | list[str]
    expected: str
    source: str
    as_tokens: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NotSelected:
    """These tokens raise this error; its field is ``jobs`` in a query, and ``pattern`` in a list of jobs."""

    rule: str
    claim: str
    tokens: Any
    expected: Callable[[str], Refusal]
    source: str


def index_of_groups() -> ResultsIndex:
    """An index with a bucket, a record and an influencer of each job in `GROUPS`."""
    index = ResultsIndex()
    for job_id, groups in GROUPS.items():
        index.put_job(job_id, groups=groups)
        index.upsert([bucket(0, job_id=job_id), record(0, job_id=job_id), influencer(0, "a", job_id=job_id)])
    return index


INDEX = index_of_groups()

SELECTED = [
    Selected("20.selection", claim, tokens, expected, source, shown)
    for claim, tokens, expected, source, shown in (
        ("an id", "web-1", "web-1", "EIM", ("web-1",)),
        ("ids in one text", "web-1,db", "db web-1", "EIM", ("web-1", "db")),
        ("ids in a list", ["web-1", "db"], "db web-1", "ours", ("web-1", "db")),
        ("texts with commas in a list", ["web-1,db", "web"], "db web web-1", "ours", ("web-1", "db", "web")),
        ("blanks and empty tokens", " web-1 ,, db,", "db web-1", "ours", ("web-1", "db")),
        ("empty texts in a list", ["", " web-1", ","], "web-1", "ours", ("web-1",)),
        ("repeats", "db,web,db", "db web", "ours", ("db", "web")),
        ("a group", "shop", "Web-3 db web-1 \U0001f4a1", "JCP", ("shop",)),
        ("a group and an id in it", "eu,db", "db web-2", "JCP", ("eu", "db")),
        ("two groups", "eu,shop", "Web-3 db web-1 web-2 \U0001f4a1", "JCP", ("eu", "shop")),
        ("a prefix", "web*", "web web-1 web-2", "EIM", ("web*",)),
        ("a prefix with nothing behind it", "db*", "db", "EIM", ("db*",)),
        ("the end", "*-1", "web-1 é-1", "EIM", ("*-1",)),
        ("the middle", "*eb-*", "Web-3 web-1 web-2", "EIM", ("*eb-*",)),
        ("parts in order", "w*b*1", "web-1", "EIM", ("w*b*1",)),
        ("parts that would overlap", "web*b*", "", "EIM", ("web*b*",)),
        ("neighbouring asterisks", "web-**", "web-1 web-2", "ours", ("web-**",)),
        ("a pattern of groups", "sho*", "Web-3 db web-1 \U0001f4a1", "JCP", ("sho*",)),
        ("a pattern of ids and groups", "*eu", "db web-2", "JCP", ("*eu",)),
        ("upper and lower case apart", "Web*", "Web-3", "ours", ("Web*",)),
        ("a dot is a dot", "x.*", "x.web", "ours", ("x.*",)),
        ("letters beyond ASCII", "\U0001f4a1*,é*", "é-1 \U0001f4a1", "ours", ("\U0001f4a1*", "é*")),
        ("every job", "_all", EVERY, "EIM", ("_all",)),
        ("every job by an asterisk", "*", EVERY, "EIM", ("*",)),
        ("every job among others", "db,_all", EVERY, "ours", ("db", "_all")),
        ("a pattern without a match", "nothing*", "", "EIM", ("nothing*",)),
        ("an exclusion", "web*,-web-1", "web web-2", "ours", ("web*", "-web-1")),
        ("an excluded pattern", "_all,-*eb*", "db é-1 \U0001f4a1", "ours", ("_all", "-*eb*")),
        ("an excluded group", "_all,-shop", "web web-2 x.web é-1", "ours", ("_all", "-shop")),
        ("excluding all", "web*,-_all", "", "ours", ("web*", "-_all")),
        ("excluding what was not selected", "web,-db", "web", "ours", ("web", "-db")),
        ("selected again", "web*,-web-*,web-2", "web web-2", "ours", ("web*", "-web-*", "web-2")),
        ("repeats with an exclusion stay", "db,-db,db", "db", "ours", ("db", "-db", "db")),
        ("a repeat before an exclusion", "db,db,-db,web", "web", "ours", ("db", "db", "-db", "web")),
        ("eight asterisks", "*w*e*b*-*1*" + "**", "web-1", "ours", ("*w*e*b*-*1***",)),
    )
]

NOT_SELECTED = [
    NotSelected("20.selection", claim, tokens, expected, source)
    for claim, tokens, expected, source in (
        ("an unknown id", "nobody", lambda field: unknown(field, "nobody"), "EIM"),
        ("the first unknown id", "web,x,y", lambda field: unknown(field, "x"), "ours"),
        ("an unknown id that is excluded", "web,-x", lambda field: unknown(field, "x"), "ours"),
        ("an unknown id behind a pattern", "nothing*,x", lambda field: unknown(field, "x"), "ours"),
        ("no token", "", lambda field: invalid(field, "must be job ids"), "ours"),
        ("only blanks and commas", " , ", lambda field: invalid(field, "must be job ids"), "ours"),
        ("an empty list", [], lambda field: invalid(field, "must be job ids"), "ours"),
        ("an exclusion first", "-web,web", lambda field: invalid(field, "must not begin"), "ours"),
        ("an excluded pattern first", ["-*"], lambda field: invalid(field, "must not begin"), "ours"),
        ("an underscore first", "_web", lambda field: invalid(field, "no job can match"), "ours"),
        ("a pattern with an underscore first", "_w*", lambda field: invalid(field, "no job can match"), "ours"),
        ("an exclusion of an underscore", "web,-_w", lambda field: invalid(field, "no job can match"), "ours"),
        ("two minus signs", "web,--web", lambda field: invalid(field, "no job can match"), "ours"),
        ("a minus sign alone", "web,-", lambda field: invalid(field, "no job can match"), "ours"),
        ("a blank inside", "we b", lambda field: invalid(field, "no job can match"), "ours"),
        ("a blank inside a pattern", "we b*", lambda field: invalid(field, "no job can match"), "ours"),
        ("a control character", "web\x7f*", lambda field: invalid(field, "no job can match"), "ours"),
        ("an id longer than any", "x" * 256, lambda field: invalid(field, "no job can match"), "ours"),
        ("a number", [5], lambda field: invalid(field, "must be job ids"), "ours"),
        ("no text", None, lambda field: invalid(field, "must be job ids"), "ours"),
        ("257 characters", "x" * 256 + "*", lambda field: beyond(field, "more than 256 characters"), "ours"),
        ("nine asterisks", "*a" * 8 + "*", lambda field: beyond(field, "more than 8 asterisks"), "ours"),
        ("too many tokens", "web," * 100_001, lambda field: beyond(field, "more than 100000"), "ours"),
    )
]


def unknown(field: str, name: str) -> Refusal:
    """The refusal of a name that is neither a job nor a group."""
    return replace(unknown_job(name), field=field)


def beyond(field: str, reason: str) -> Refusal:
    """The refusal of a list of tokens beyond a bound."""
    return Refusal(LimitExceeded, 400, "illegal_argument_exception", field, reason)


@each_row(SELECTED)
def test_tokens_select_jobs(row: Selected) -> None:
    """A list, searches of every kind and a scan have the same jobs; the attribute shows the tokens."""
    expected = row.expected.split()
    for source in (INDEX, INDEX.snapshot()):
        assert source.jobs(row.tokens) == tuple(expected)
        for kind in (BucketQuery, RecordQuery, InfluencerQuery):
            page = source.search(kind(jobs=row.tokens))
            assert sorted(found.job_id for found in page) == expected
            assert page.count == len(expected)
        assert sorted(found.job_id for found in source.scan(BucketQuery(jobs=row.tokens))) == expected
        pages = source.pages(BucketQuery(jobs=row.tokens, sort="job_id", size=1))
        assert [found.job_id for page in pages for found in page] == expected
        listed = source.changes(BucketQuery(jobs=row.tokens), since=None)
        assert sorted(change.key[0] for change in listed) == expected
        fed = source.changes(BucketQuery(jobs=row.tokens), since=0)
        assert sorted(change.key[0] for change in fed) == expected
    assert BucketQuery(jobs=row.tokens).jobs == row.as_tokens


@each_row(NOT_SELECTED)
def test_bad_tokens_are_refused(row: NotSelected) -> None:
    """The error names the parameter that has the tokens."""
    for field, action in (
        ("jobs", lambda: INDEX.search(BucketQuery(jobs=row.tokens))),
        ("jobs", lambda: INDEX.search(InfluencerQuery(jobs=row.tokens))),
        ("pattern", lambda: INDEX.jobs(row.tokens)),
    ):
        with pytest.raises(BucketQueryError) as caught:
            action()
        assert_refusal(caught.value, row.expected(field))


def test_a_lookup_over_no_job_finds_nothing() -> None:
    """Rule 20.selection: a pattern without a match gives an empty page, and a lookup raises NotFound."""
    assert INDEX.search(BucketQuery(jobs="nothing*", expand=True)).to_dict() == {"count": 0, "buckets": []}
    with pytest.raises(NotFound):
        INDEX.search(BucketQuery(jobs="nothing*", timestamp=0))
    assert INDEX.search(BucketQuery(jobs="web*", timestamp=0)).count == 3
    assert ResultsIndex().jobs("_all") == ResultsIndex().jobs("a*") == ()


def test_a_selection_is_made_anew_for_every_commit() -> None:
    """Rule 20.selection: a job is included from the commit on that makes it known; a snapshot stays as it is."""
    index, query = ResultsIndex(), BucketQuery(jobs="web-*,-*-2")
    counts = [index.search(query).count]
    for job_id in ("web-1", "web-2", "db", "web-3"):
        index.upsert([bucket(0, job_id=job_id)])
        counts.append(index.search(query).count)
    before = index.snapshot()
    index.delete_job("web-1")
    assert counts == [0, 1, 1, 1, 2]
    assert (index.search(query).count, before.search(query).count) == (1, 2)
    assert (index.jobs("web-*"), before.jobs("web-*")) == (("web-2", "web-3"), ("web-1", "web-2", "web-3"))


def test_a_job_comes_before_a_group_of_its_name() -> None:
    """Rule 20.jobs: `put_job` refuses a name of both. A document makes such a job known, and the id is then its own."""
    index = ResultsIndex()
    index.put_job("web", groups=["shop", "eu", "shop"])
    index.upsert([bucket(0)])
    assert index.stats("web")["groups"] == ("eu", "shop")
    query = BucketQuery(jobs="shop")
    first = index.search(query)
    assert [found.job_id for found in first] == ["web"]
    taken: list[tuple[str, Callable[[], Commit]]] = [
        ("job_id", lambda: index.put_job("shop")),
        ("groups", lambda: index.put_job("db", groups=["web"])),
        ("groups", lambda: index.put_job("db", groups=["a", "db"])),
    ]
    for field, action in taken:
        with pytest.raises(BucketQueryError) as caught:
            action()
        words = "job and group names must be unique"
        assert_refusal(caught.value, invalid(field, words, "resource_already_exists_exception"))
    assert index.sequence == 2
    index.upsert([bucket(3_600_000, job_id="shop")])
    assert index.jobs("shop") == ("shop",)
    assert (index.jobs("sho*"), index.jobs("*,-sho*")) == (("shop", "web"), ())
    assert [found.job_id for found in index.search(query)] == ["shop"]
    assert index.search(query.replace(size=1)).keys() == (("shop", 3_600_000, 3_600),)
    with pytest.raises(BucketQueryError):
        index.put_job("web", groups=["eu", "shop"])
    index.delete_job("shop")
    assert index.jobs("shop") == ("web",)
    assert [found.job_id for found in index.scan(query)] == ["web"]


@pytest.mark.parametrize(
    "groups", ["shop", None, 5, ["a b"], ["-a"], ["_a"], ["a*"], ["a,b"], [5], ["x" * 256]], ids=str
)
def test_groups_are_names(groups: Any) -> None:
    """Rule 20.jobs: groups are an iterable of names, each like a job id."""
    with pytest.raises(BucketQueryError) as caught:
        ResultsIndex().put_job("web", groups=groups)
    assert_refusal(caught.value, invalid("groups", "[groups]"))
    with pytest.raises(LimitExceeded):
        ResultsIndex().put_job("web", groups=map(str, range(1_001)))


def test_groups_are_replaced_and_forgotten() -> None:
    """Rule 20.jobs: a second `put_job` replaces the groups. Results keep them, and `delete_job` forgets them."""
    index = ResultsIndex()
    assert index.put_job("web", groups=["a"]).sequence == 1
    assert index.put_job("web", groups=("a",)).sequence == 1
    index.put_job("db", groups=["a", "b"])
    index.upsert([bucket(0)])
    assert index.jobs("a") == ("db", "web")
    index.put_job("web", bucket_span=60)
    assert (index.jobs("a"), index.stats("web")["groups"]) == (("db",), ())
    index.put_job("web", groups=["b"])
    assert index.jobs("b") == ("db", "web")
    index.delete_job("db")
    with pytest.raises(BucketQueryError) as caught:
        index.jobs("a")
    assert_refusal(caught.value, unknown("pattern", "a"))
    index.put_job("a")
    index.put_job("db")
    assert (index.jobs("b"), index.jobs("a")) == (("web",), ("a",))
    index.check()


@pytest.mark.usefixtures("decoding_cursors")
def test_a_walk_goes_on_while_jobs_come_and_go() -> None:
    """Rule 20.cursor-commits: a cursor of a pattern names a job that may be deleted before the next page."""
    for sort, desc in (("timestamp", False), ("anomaly_score", True), ("job_id", False), ("job_id", True)):
        for tokens in ("web-*", "shop", ["web-1", "shop"]):
            index = ResultsIndex()
            for job_id in ("web-1", "web-2", "web-4"):
                index.put_job(job_id, groups=["shop"])
            index.upsert([bucket(0, job_id=job_id, anomaly_score=5.0) for job_id in ("web-1", "web-2", "web-4")])
            query = BucketQuery(jobs=tokens, sort=sort, desc=desc, size=2)
            page = index.search(query)
            index.delete_job("web-2")
            index.put_job("web-3", groups=["shop"])
            index.upsert([bucket(0, job_id="web-3", anomaly_score=5.0), bucket(0, job_id="aweb-0")])
            following = index.search(query, after=page.cursor)
            expected = ["web-1"] if desc else ["web-3", "web-4"]
            assert [found.job_id for found in following] == expected, (sort, tokens)
            assert following.cursor is None


def test_a_feed_has_the_deleted_jobs_whose_ids_match() -> None:
    """Rule 20.selection: groups of a deleted job are forgotten, so only its id counts; known jobs go by both."""
    index = ResultsIndex()
    for job_id in ("web-1", "web-2", "db"):
        index.put_job(job_id, groups=["shop"])
        index.upsert([bucket(0, job_id=job_id)])
    index.delete_job("web-1")
    since = 0

    def fed(tokens: str) -> list[tuple[Any, Any]]:
        changes = index.changes(BucketQuery(jobs=tokens), since=since)
        return sorted((change.key[0], change.reason) for change in changes)

    gone = [("web-1", "deleted"), ("web-1", "inserted")]
    assert fed("web-*") == [*gone, ("web-2", "inserted")]
    assert fed("shop") == [("db", "inserted"), ("web-2", "inserted")]
    assert fed("shop,web-1") == [("db", "inserted"), *gone, ("web-2", "inserted")]
    assert fed("_all,-web-1") == [("db", "inserted"), ("web-2", "inserted")]
    assert fed("web-1,-db") == gone
    since = index.sequence
    assert fed("web-*") == []
    with pytest.raises(BucketQueryError) as caught:
        fed("web-1,web-*")
    assert_refusal(caught.value, unknown("jobs", "web-1"))


def test_a_feed_of_a_pattern_expires_with_its_jobs() -> None:
    """Rule 20.change-log: only dropped changes of jobs that match expire a feed, whether the jobs are known or not."""
    index = ResultsIndex(changes_kept=4)
    for job_id in ("old-1", "web-1"):
        index.upsert([bucket(0, job_id=job_id)])
    index.delete_job("old-1")
    for hour in range(8):
        index.upsert([bucket(3_600_000 * hour, job_id="db")])
    assert [change.key[0] for change in index.changes(BucketQuery(jobs="other*"), since=0)] == []
    for tokens in ("web-*", "old-*", "_all,-db"):
        with pytest.raises(ChangesExpired) as caught:
            index.changes(BucketQuery(jobs=tokens), since=0)
        assert caught.value.oldest == {"web-*": 2, "old-*": 3, "_all,-db": 3}[tokens]
        assert len(index.changes(BucketQuery(jobs=tokens), since=caught.value.oldest)) == 0
    with pytest.raises(ChangesExpired):
        index.changes(BucketQuery(jobs="d*"), since=3)
