"""Label filters: which labels belong to the selected jobs, by ranges, by a table of flags, or by sorted labels."""

from random import Random

import numpy as np
import pytest

from bucketquery.jobs.job_labels import JobLabels
from bucketquery.jobs.selected_jobs import SelectedJobs
from bucketquery.model.schema import Bools, UInt32s
from bucketquery.search import label_filter
from bucketquery.search.label_filter import LabelFilter

IDS = [f"job-{number:03d}" for number in range(200)]


class FewLabels(JobLabels):
    """Labels of some ids, without those of every third one, as if these had no results."""

    def label(self, job_id: str) -> int | None:
        """The label, or None."""
        return None if int(job_id[-3:]) % 3 == 0 else super().label(job_id)


def selected(*ranks: int) -> SelectedJobs:
    """The jobs with some ranks."""
    return SelectedJobs(IDS, np.array(ranks, dtype=np.int64))


def passed(of: LabelFilter, labels: JobLabels) -> list[int]:
    """The ranks of the jobs whose labels pass."""
    return of.mask(labels.labels(IDS)).nonzero()[0].tolist()


@pytest.mark.parametrize("most_flags", [0, 2**24])
def test_a_filter_passes_the_labels_of_the_selected_jobs(most_flags: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few ranges, many ranges, and single jobs give the same answers; so does a table that would be too large."""
    monkeypatch.setattr(label_filter, "_MOST_FLAGS", most_flags)
    labels, rng = JobLabels(IDS), Random(0)
    choices = [(5,), (0, 1, 2, 199), (*range(50, 90), 3, 7), (*range(0, 200, 2),), tuple(rng.sample(range(200), 60))]
    for ranks in choices:
        found = LabelFilter.of(selected(*sorted(ranks)), labels)
        assert passed(found, labels) == sorted(ranks)
        assert np.count_nonzero(found.mask(labels.labels(IDS))) == len(ranks)
        assert found.mask(np.empty(0, dtype=np.uint32)).tolist() == []


@pytest.mark.parametrize("ranks", [(3,), (3, 4, 5, 6), (*range(0, 200, 2),), (0, 3, 6, 9, 12, 15)])
def test_jobs_without_a_label_are_left_out(ranks: tuple[int, ...]) -> None:
    """A job without results of a kind may have no label, and no row has it."""
    labels = FewLabels(IDS)
    found = LabelFilter.of(selected(*ranks), labels)
    with_label = [rank for rank in range(200) if rank % 3]
    mask = found.mask(labels.labels([IDS[rank] for rank in with_label]))
    assert [rank for rank, passes in zip(with_label, mask.tolist(), strict=True) if passes] == [
        rank for rank in ranks if rank % 3
    ]


def test_no_selected_job_passes_nothing() -> None:
    """A pattern may select no job."""
    labels = JobLabels(IDS)
    assert passed(LabelFilter.of(selected(), labels), labels) == []


def test_a_filter_is_made_once_for_a_selection_and_its_labels() -> None:
    """Other labels need another filter."""
    jobs, labels, others = selected(1, 2), JobLabels(IDS), JobLabels(IDS)
    found = LabelFilter.of(jobs, labels)
    assert LabelFilter.of(jobs, labels) is found
    assert LabelFilter.of(jobs, others) is not found
    assert len(jobs.label_filters) == 1


@pytest.mark.parametrize("seed", range(20))
def test_blocks_never_have_labels_of_both_sorts(seed: int) -> None:
    """Labels may be neighbours or far apart, and any of them may be selected, all included."""
    rng = np.random.default_rng(seed)
    labels: UInt32s = np.unique(rng.integers(0, rng.choice((60, 5_000, 2**32)), 50, dtype=np.uint32))
    share = rng.choice((0.1, 0.5, 1.0))
    is_selected: Bools = rng.random(len(labels)) < share
    assert LabelFilter.of_mask(labels, is_selected).mask(labels).tolist() == is_selected.tolist()


def test_the_label_of_a_deleted_job_is_never_out_of_range() -> None:
    """Rows of a deleted job may still lie in a combined table, as deleted rows."""
    labels = np.arange(100, 200, dtype=np.uint32)
    found = LabelFilter.of_mask(labels, labels % 2 == 0)
    assert len(found.mask(np.array([0, 99, 200, 2**32 - 1], dtype=np.uint32))) == 4
