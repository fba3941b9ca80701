"""What is measured with real sets and with records: all is run once, every answer is checked, every row is there."""

import pytest

from benchmarks import real, records
from benchmarks.asking import INDEX
from benchmarks.peers import KINDS, is_installed
from benchmarks.peers.jobs import KINDS as MANY
from benchmarks.peers.jobs import arrays_of
from benchmarks.real import BOTH_FULL, REPOSITORY, RealSet
from benchmarks.timing import ONCE, Figures, WrongAnswer
from benchmarks.workloads import QUESTIONS, Document, ResolvedQuery
from bucketquery import BucketQuery, ResultsIndex

HERE = [name for name in KINDS if is_installed(name)]
SIZE = 5_000


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """The set of the repository; not to be modified."""
    return REPOSITORY.read()


@pytest.fixture(scope="module")
def index(documents: list[Document]) -> ResultsIndex:
    """An index of that set; not to be modified."""
    return real.indexed(documents)


def assert_there(figures: Figures, rows: dict[str, set[str]]) -> None:
    """Just these rows, with just these contestants, each of which took its time."""
    assert {name: set(row) for name, row in figures.items()} == rows
    assert all(figure > 0 for row in figures.values() for figure in row.values())


def rows_of_questions(jobs: int) -> dict[str, set[str]]:
    """The questions of a set of so many jobs, with who is asked."""
    read = {"search, timestamps", "search, keys"}
    # What is only counted has nothing to be read.
    of_one = {name: {*INDEX, *HERE} - (read if "count" in name else set()) for name in QUESTIONS}
    of_all = {"search", "search, keys", *(name for name in MANY if name in HERE)}
    return {
        **{f"the longest job, {name}": contestants for name, contestants in of_one.items()},
        **{f"all {jobs} jobs, {name}": of_all for name in real.TOGETHER},
    }


@pytest.fixture(params=["repository", "both full"])
def real_set(request: pytest.FixtureRequest, documents: list[Document]) -> tuple[RealSet, list[Document]]:
    """What is known of a set, and its documents; the large sets only where their folder is named."""
    if request.param == "repository":
        return REPOSITORY, documents
    return BOTH_FULL, BOTH_FULL.read(request.getfixturevalue("data_folder"))


def test_a_real_set_is_measured(real_set: tuple[RealSet, list[Document]]) -> None:
    """Questions of the longest job and of all, loads and memory."""
    known, given = real_set
    assert_there(real.questions(known, given, ONCE, HERE), rows_of_questions(known.jobs))
    batch = f"{known.buckets:,} real documents of {known.jobs} jobs in one batch"
    assert_there(real.loads(known, given, ONCE), {batch: {"index", "list"}})
    weights = real.weigh(known, given)
    assert_there(weights, {f"real buckets of {known.jobs} jobs, as loaded": {"told", "traced"}})
    assert all(row["told"] < row["traced"] for row in weights.values())


@pytest.mark.parametrize(
    "known",
    [
        REPOSITORY._replace(buckets=30_011),
        REPOSITORY._replace(jobs=9),
        REPOSITORY._replace(at_or_above={**REPOSITORY.at_or_above, 75.0: 386}),
    ],
)
def test_another_set_than_the_known_one_is_refused(
    known: RealSet, documents: list[Document], index: ResultsIndex
) -> None:
    """Another number of buckets, of jobs, of buckets at or above a threshold."""
    real.check_set(REPOSITORY, documents, index)
    with pytest.raises(WrongAnswer):
        real.check_set(known, documents, index)


def test_nothing_is_measured_of_another_set(documents: list[Document]) -> None:
    """Whatever is measured looks at what is known of the set first."""
    known = REPOSITORY._replace(jobs=9)
    with pytest.raises(WrongAnswer):
        real.questions(known, documents, ONCE, ())
    with pytest.raises(WrongAnswer):
        real.loads(known, documents, ONCE)
    with pytest.raises(WrongAnswer):
        real.weigh(known, documents)


@pytest.mark.parametrize("name", MANY)
def test_a_peer_of_many_jobs_answers_as_one_table(name: str, documents: list[Document]) -> None:
    """In both directions and from anywhere: hundreds share the highest score, and jobs share timestamps."""
    if name not in HERE:
        pytest.skip(f"{name} is not installed")
    peer = MANY[name]()
    peer.put(documents)
    jobs = {document["job_id"] for document in documents}
    for parameters in real.TOGETHER.values():
        query = BucketQuery(jobs=jobs, **parameters)
        for asked in (query, query.replace(desc=not query.desc), query.replace(from_=7, size=150)):
            right = real.answer_together(documents, asked)
            count, page = peer.prepare(ResolvedQuery.of(asked))()
            assert (count, list(peer.keys(page))) == right
            assert count > 0


def test_what_is_not_there_is_not_made_up(documents: list[Document]) -> None:
    """The peers hold no bucket without a score."""
    with pytest.raises(ValueError, match="anomaly_score"):
        arrays_of([documents[0], {**documents[1], "anomaly_score": None}])


def test_records_are_measured() -> None:
    """Pages with records and of records, loads, appends."""
    of_buckets = {"search", "search, to_dict", "search, to_json", "search, values", "get_buckets"}
    of_records = {"search", "search, keys", "list", "sqlite"}
    rows = {f"100 buckets of five records, {words}": of_buckets for words in ("unexpanded", "expanded")}
    rows |= {f"records, {name}": of_records for name in records.QUESTIONS}
    assert_there(records.measure(SIZE, ONCE), rows)
    beside = {"index", "sqlite"}
    assert_there(records.load(SIZE, ONCE), {f"{SIZE:,} records in one batch": beside})
    appended = {f"a record of a {whose} host": beside for whose in ("known", "new")}
    assert_there(records.append(SIZE, ONCE), appended)


def test_other_records_than_the_written_ones_are_refused() -> None:
    """A score that the index was not given, on a page of buckets and on one of records."""
    made = records.records(range(SIZE // records.EACH))
    index = records.blamed(made)
    records.check_expanded(index, made)
    others = [{**document, "record_score": document["record_score"] / 2} for document in made]
    with pytest.raises(WrongAnswer):
        records.check_expanded(index, others)
    with pytest.raises(WrongAnswer):
        records.ask(others, index, ONCE)
