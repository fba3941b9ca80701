"""The measurements of real sets and of records: each runs once, checks every answer and makes every row."""

import pytest

from benchmarks import real, records
from benchmarks.peers import KINDS, is_installed
from benchmarks.peers.many_jobs import KINDS as PEERS_OF_MANY_JOBS
from benchmarks.peers.many_jobs import arrays_of
from benchmarks.questions import WAYS
from benchmarks.real import BOTH_FULL, REPOSITORY, RealSet
from benchmarks.timing import ONCE, Figures, WrongAnswer
from benchmarks.workloads import QUESTIONS, Document, ResolvedQuery, index_of
from bucketquery import BucketQuery, ResultsIndex

INSTALLED = [name for name in KINDS if is_installed(name)]
SIZE = 5_000


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """The documents of the repository's set. Must not be modified."""
    return REPOSITORY.read()


@pytest.fixture(scope="module")
def index(documents: list[Document]) -> ResultsIndex:
    """An index of that set. Must not be modified."""
    return index_of(documents)


def assert_measured(figures: Figures, rows: dict[str, set[str]]) -> None:
    """Check that the figures have exactly these rows and contestants, and that every figure is above zero."""
    assert {name: set(row) for name, row in figures.items()} == rows
    assert all(figure > 0 for row in figures.values() for figure in row.values())


def rows_of_questions(jobs: int) -> dict[str, set[str]]:
    """The rows of the questions of a set, with the contestants of each.

    Args:
        jobs: number of jobs of the set.
    """
    read = {"search, timestamps", "search, keys"}
    # A question for the count only has no page to read.
    of_one = {name: {*WAYS, *INSTALLED} - (read if "count" in name else set()) for name in QUESTIONS}
    of_all = {"search", "search, keys", *(name for name in PEERS_OF_MANY_JOBS if name in INSTALLED)}
    return {
        **{f"the longest job, {name}": contestants for name, contestants in of_one.items()},
        **{f"all {jobs} jobs, {name}": of_all for name in real.OVER_ALL_JOBS},
    }


@pytest.fixture(params=["repository", "both full"])
def real_set(request: pytest.FixtureRequest, documents: list[Document]) -> tuple[RealSet, list[Document]]:
    """A real set and its documents. The large sets are skipped if their folder is not named."""
    if request.param == "repository":
        return REPOSITORY, documents
    return BOTH_FULL, BOTH_FULL.read(request.getfixturevalue("data_folder"))


def test_a_real_set_is_measured(real_set: tuple[RealSet, list[Document]]) -> None:
    """A run over a real set measures questions of its longest job and over all jobs, loads and memory."""
    known, given = real_set
    assert_measured(real.measure_questions(known, given, ONCE, INSTALLED), rows_of_questions(known.jobs))
    batch = f"{known.buckets:,} real documents of {known.jobs} jobs in one batch"
    assert_measured(real.measure_loading(known, given, ONCE), {batch: {"index", "list"}})
    memory = real.measure_memory(known, given)
    assert_measured(memory, {f"real buckets of {known.jobs} jobs, as loaded": {"reported", "traced"}})
    assert all(row["reported"] < row["traced"] for row in memory.values())


@pytest.mark.parametrize(
    "known",
    [
        REPOSITORY._replace(buckets=30_011),
        REPOSITORY._replace(jobs=9),
        REPOSITORY._replace(at_or_above={**REPOSITORY.at_or_above, 75.0: 386}),
    ],
)
def test_a_set_with_other_counts_is_refused(known: RealSet, documents: list[Document], index: ResultsIndex) -> None:
    """Another number of buckets, of jobs, or of buckets at or above a threshold is refused."""
    real.check_set(REPOSITORY, documents, index)
    with pytest.raises(WrongAnswer):
        real.check_set(known, documents, index)


def test_nothing_is_measured_of_another_set(documents: list[Document]) -> None:
    """Every measurement checks the known counts of its set first."""
    known = REPOSITORY._replace(jobs=9)
    with pytest.raises(WrongAnswer):
        real.measure_questions(known, documents, ONCE, ())
    with pytest.raises(WrongAnswer):
        real.measure_loading(known, documents, ONCE)
    with pytest.raises(WrongAnswer):
        real.measure_memory(known, documents)


@pytest.mark.parametrize("name", PEERS_OF_MANY_JOBS)
def test_a_peer_of_many_jobs_answers_as_one_table(name: str, documents: list[Document]) -> None:
    """A peer gives the right page over all jobs, in both directions, and with buckets skipped.

    Ties matter: hundreds of buckets share the highest score, and jobs share timestamps.
    """
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed")
    peer = PEERS_OF_MANY_JOBS[name]()
    peer.put(documents)
    jobs = {document["job_id"] for document in documents}
    for parameters in real.OVER_ALL_JOBS.values():
        query = BucketQuery(jobs=jobs, **parameters)
        for variant in (query, query.replace(desc=not query.desc), query.replace(from_=7, size=150)):
            right = real.answer_over_all_jobs(documents, variant)
            count, page = peer.prepare(ResolvedQuery.of(variant))()
            assert (count, list(peer.keys(page))) == right
            assert count > 0


def test_a_missing_score_is_refused(documents: list[Document]) -> None:
    """The peers hold no bucket without a score."""
    with pytest.raises(ValueError, match="anomaly_score"):
        arrays_of([documents[0], {**documents[1], "anomaly_score": None}])


def test_records_are_measured() -> None:
    """A run with records measures pages of buckets with records, pages of records, loads and appends."""
    of_buckets = {"search", "search, to_dict", "search, to_json", "search, values", "get_buckets"}
    of_records = {"search", "search, keys", "list", "sqlite"}
    rows = {f"100 buckets of five records, {words}": of_buckets for words in ("unexpanded", "expanded")}
    rows |= {f"records, {name}": of_records for name in records.QUESTIONS}
    assert_measured(records.measure_questions(SIZE, ONCE), rows)
    contestants = {"index", "sqlite"}
    in_columns = {"index", "index, a column of jobs", "index, arrays of objects"}
    loads = {f"{SIZE:,} records in one batch": contestants, f"{SIZE:,} records in columns, without lists": in_columns}
    assert_measured(records.measure_loading(SIZE, ONCE), loads)
    appends = {f"a record of a {whose} host": contestants for whose in ("known", "new")}
    assert_measured(records.measure_appending(SIZE, ONCE), appends)


def test_a_score_that_was_not_written_is_refused() -> None:
    """A score that was not written is refused, on a page of buckets and on a page of records."""
    documents = records.records(range(SIZE // records.EACH))
    index = records.index_with_buckets(documents)
    records.check_expanded(index, documents)
    others = [{**document, "record_score": document["record_score"] / 2} for document in documents]
    with pytest.raises(WrongAnswer):
        records.check_expanded(index, others)
    with pytest.raises(WrongAnswer):
        records.measure_pages(others, index, ONCE)
