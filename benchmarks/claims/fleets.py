"""What the catalogue and fleets say of their cost."""

from functools import cache, partial
from itertools import cycle
from typing import Final

import numpy as np

from benchmarks.claims.claim import AT_MOST_LINEAR, CONSTANT, LINEAR, LOGARITHMIC, LOGLINEAR, Claim
from benchmarks.claims.stock import EVENTS, catalog, checked, eventful, ids, jobs_of, table, worn
from benchmarks.timing import Call
from bucketquery.columns.catalog import Catalog
from bucketquery.columns.fleet import Fleet, joined, segment_row
from bucketquery.model.schema import BUCKET


def changing(of: int, jobs: int) -> Call:
    """So many jobs of so many are replaced."""
    changed = jobs_of(ids(of)[:jobs], 2)
    return checked(
        partial(catalog(of).with_jobs, changed), lambda new: new.get(ids(1)[0]) is changed[ids(1)[0]] and len(new) == of
    )


def mustering(jobs: int) -> Call:
    """All jobs, of a catalogue of which nobody has asked many."""
    return checked(
        lambda: Catalog(catalog(jobs)._groups).muster(ids(jobs), BUCKET),
        lambda rolls: rolls is not None and rolls[0].table.length == jobs,
    )


def mustering_again(jobs: int) -> Call:
    """All jobs of the same catalogue."""
    return checked(
        partial(catalog(jobs).muster, ids(jobs), BUCKET),
        lambda rolls: rolls is not None and rolls[0].table.length == jobs,
    )


def mustering_after(jobs: int, rows: int, changed: int) -> Call:
    """All jobs, after each in turn of several commits to so many of them."""
    old, asked = catalog(jobs, rows), ids(jobs)
    assert old.muster(asked, BUCKET)
    firsts = range(0, 6 * changed, changed)
    # Made without the fleet of the old catalogue: one writer who made all of them would drop it.
    bare = Catalog(old._groups)
    commits = cycle([bare.with_jobs(jobs_of(asked[first : first + changed], rows + 1))._groups for first in firsts])
    return checked(
        lambda: Catalog(next(commits), None, old._fleets).muster(asked, BUCKET),
        lambda rolls: rolls is not None and rolls[0].table.length == (jobs - changed) * rows,
    )


def adding_up(jobs: int) -> Call:
    """All jobs, of a catalogue of which nobody has asked the totals, which is made each time."""
    known = {job.job_id: job for job in catalog(jobs)}
    return checked(lambda: Catalog().with_jobs(known).totals(), lambda totals: totals.rows[0] == jobs)


def weighing_fleets(jobs: int, changed: int) -> Call:
    """The fleet of so many jobs, after a commit to so many of them."""
    old = catalog(jobs)
    assert old.muster(ids(jobs), BUCKET)
    new = Catalog(Catalog(old._groups).with_jobs(jobs_of(ids(jobs)[:changed], 2))._groups, None, old._fleets)
    return checked(new.nbytes_of_fleets, lambda found: found > old.nbytes_of_fleets())


_CATALOGS: Final = (
    Claim("columns.catalog.Catalog.totals", "of n jobs, for the first time", LINEAR, adding_up),
    Claim(
        "columns.catalog.Catalog.totals",
        "of n jobs, once they were asked for",
        CONSTANT,
        lambda n: checked(catalog(n).totals, lambda totals: totals.rows[0] == n),
    ),
    Claim(
        "columns.catalog.Catalog.get",
        "one of n jobs",
        CONSTANT,
        lambda n: checked(partial(catalog(n).get, ids(n)[-1]), lambda job: job),
    ),
    Claim(
        "columns.catalog.Catalog.known",
        "one of n jobs",
        CONSTANT,
        lambda n: checked(partial(catalog(n).known, ids(n)[-1], "job_id"), lambda job: job),
    ),
    Claim(
        "columns.catalog.Catalog.ids",
        "of n jobs, for the first time",
        LOGLINEAR,
        lambda n: checked(lambda: Catalog(catalog(n)._groups).ids(), lambda found: tuple(found) == ids(n)),
    ),
    Claim(
        "columns.catalog.Catalog.ids",
        "of n jobs, once they were asked for",
        CONSTANT,
        lambda n: checked(catalog(n).ids, lambda found: tuple(found) == ids(n)),
    ),
    Claim("columns.catalog.Catalog.with_jobs", "one of n jobs", CONSTANT, lambda n: changing(n, 1)),
    Claim("columns.catalog.Catalog.with_jobs", "all n jobs", LINEAR, lambda n: changing(n, n)),
    Claim(
        "columns.catalog.Catalog.with_jobs",
        "a thousand of n jobs",
        LINEAR,
        lambda n: changing(n, 1_000),
        4_096,
        262_144,
    ),
    Claim(
        "columns.catalog.Catalog.without",
        "one of n jobs",
        CONSTANT,
        lambda n: checked(partial(catalog(n).without, ids(n)[-1]), lambda new: len(new) == n - 1),
    ),
    Claim("columns.catalog.Catalog.muster", "n jobs, for the first time", LOGLINEAR, mustering, large=16_384),
    Claim("columns.catalog.Catalog.muster", "n jobs, once they were asked", CONSTANT, mustering_again),
    Claim(
        "columns.catalog.Catalog.muster",
        "a thousand jobs with n results, after a commit to one",
        LINEAR,
        lambda n: mustering_after(1_024, n // 1_024, 1),
        16_384,
        524_288,
    ),
    Claim(
        "columns.catalog.Catalog.muster",
        "n of 65,536 jobs that have changed",
        LINEAR,
        lambda n: mustering_after(65_536, 1, n),
        64,
        4_096,
    ),
    Claim(
        "columns.catalog.Catalog.nbytes_of_fleets",
        "n of 65,536 jobs have changed",
        AT_MOST_LINEAR,
        lambda n: weighing_fleets(65_536, n),
        64,
        4_096,
    ),
)


# Fleets


@cache
def fleet(jobs: int, rows: int) -> Fleet:
    """Of so many jobs that have the same so many buckets each."""
    return Fleet.of(BUCKET, ids(jobs), [table(rows)] * jobs)


def making(jobs: int, rows: int) -> Call:
    """Such a fleet."""
    given = [table(rows) if rows else None] * jobs
    return checked(partial(Fleet.of, BUCKET, ids(jobs), given), lambda made: made.without(()).length == jobs * rows)


def calling(jobs: int, rows: int) -> Call:
    """All jobs of a fleet but one, which is another one each time."""
    asked, everybody = fleet(jobs, rows), ids(jobs)
    others = cycle([everybody[:left_out] + everybody[left_out + 1 :] for left_out in range(6)])
    return checked(lambda: asked.roll(next(others), frozenset()), lambda roll: roll.table.length == (jobs - 1) * rows)


def calling_again(jobs: int, other: int) -> Call:
    """All jobs of a fleet, by the list that they were asked by, or by another one that is alike."""
    asked = Fleet.of(BUCKET, ids(jobs), [table(1)] * jobs)
    lists = ids(jobs), tuple(map(str, ids(jobs)))
    assert asked.roll(lists[0], frozenset()).table.length == jobs
    return checked(partial(asked.roll, lists[other], frozenset()), lambda roll: roll.table.length == jobs)


def joining(size: int, events: int) -> Call:
    """Single rows out of a segment in which many have events."""
    segment = eventful(events).base
    places = [(segment, row) for row in np.linspace(0, events - 1, size).astype(np.int64).tolist()]
    return checked(partial(joined, BUCKET, places), lambda copies: copies.lists[EVENTS].length == size == copies.length)


_FLEETS: Final = (
    Claim("columns.fleet.Fleet.of", "64 jobs with n results", LOGLINEAR, lambda n: making(64, n // 64)),
    Claim("columns.fleet.Fleet.of", "n jobs without results", LINEAR, lambda n: making(n, 0)),
    Claim(
        "columns.fleet.Fleet.roll",
        "all but one of 64 jobs with n results, for the first time",
        LINEAR,
        lambda n: calling(64, n // 64),
    ),
    Claim("columns.fleet.Fleet.roll", "all but one of n jobs, for the first time", LINEAR, lambda n: calling(n, 1)),
    Claim(
        "columns.fleet.Fleet.roll",
        "n jobs, once they were asked",
        CONSTANT,
        lambda n: calling_again(n, 0),
    ),
    Claim(
        "columns.fleet.Fleet.roll",
        "n jobs, once they were asked by another list",
        LINEAR,
        lambda n: calling_again(n, 1),
    ),
    Claim(
        "columns.fleet.Fleet.without",
        "one of 64 jobs with n results",
        LINEAR,
        lambda n: checked(partial(fleet(64, n // 64).without, [7]), lambda left: left.length == n // 64 * 63),
    ),
    Claim(
        "columns.fleet.Fleet.without",
        "none of 64 jobs with n results",
        CONSTANT,
        lambda n: checked(partial(fleet(64, n // 64).without, []), lambda left: left.length == n),
    ),
    Claim(
        "columns.fleet.Fleet.place",
        "of one of n rows",
        CONSTANT,
        lambda n: checked(partial(fleet(64, n // 64).place, n - 1), lambda place: place[0] == ids(64)[-1]),
    ),
    Claim(
        "columns.fleet.Fleet.job_of",
        "of one of n rows",
        CONSTANT,
        lambda n: checked(partial(fleet(64, n // 64).job_of, n - 1), lambda job_id: job_id == ids(64)[-1]),
    ),
    Claim(
        "columns.fleet.segment_row",
        "of one of n rows",
        CONSTANT,
        lambda n: checked(partial(segment_row, worn(n, 0, 1), n), lambda place: place == (worn(n, 0, 1).head, 0)),
    ),
    Claim("columns.fleet.joined", "n rows", LINEAR, lambda n: joining(n, 65_536), 256, 16_384),
    Claim("columns.fleet.joined", "a hundred rows of n lists", LOGARITHMIC, lambda n: joining(100, n)),
)

CLAIMS: Final = (*_CATALOGS, *_FLEETS)
