"""The parameters that name jobs: the tokens that select them, and the groups of one job."""

from itertools import islice
from typing import Final

from bucketquery.errors import InvalidQuery, LimitExceeded
from bucketquery.model.scalars import base_form, iterator_of
from bucketquery.model.text import JOB_ID_RULE, brief, is_job_id, is_pattern

#: The token that selects every known job.
ALL_JOBS: Final = "_all"
#: The largest number of tokens that select the jobs of a query.
MOST_JOBS: Final = 100_000
#: The largest number of characters in a token.
LONGEST_TOKEN: Final = 256
#: The largest number of asterisks in a token; neighbouring ones count as one.
MOST_ASTERISKS: Final = 8
#: The largest number of groups of one job.
MOST_GROUPS: Final = 1_000

_TOKENS_RULE: Final = "must be job ids, groups or patterns: a text with commas between them, or an iterable of texts"


def read_jobs(jobs: object, field: str = "jobs") -> tuple[str, ...]:
    """The tokens that select jobs, each once if none is an exclusion.

    Args:
        jobs: a text of tokens with commas between them, or an iterable of such texts.
        field: the parameter that has them, for errors.

    Raises:
        InvalidQuery: there is no token, the first one is an exclusion, or one could match no job id and no group.
        LimitExceeded: there are more than `MOST_JOBS` tokens, repeats included, or one is longer than
            `LONGEST_TOKEN` or has more than `MOST_ASTERISKS` asterisks.

    >>> read_jobs("web"), read_jobs(["web", "db", "web"]), read_jobs(" web-*, -web-1 ,,")
    (('web',), ('web', 'db'), ('web-*', '-web-1'))
    """
    one = jobs if type(jobs) is str else base_form(jobs)
    if is_job_id(one):
        return (one,)
    if type(one) is str:
        tokens = _split(one)
    else:
        texts = iterator_of(one)
        given = [] if texts is None else [base_form(text) for text in islice(texts, MOST_JOBS + 1)]
        if len(given) > MOST_JOBS:
            raise _too_many(field, jobs)
        if given and all(map(is_job_id, given)):
            return tuple(dict.fromkeys(given))
        tokens = []
        for text in given:
            if type(text) is not str:
                raise InvalidQuery(f"[{field}] {_TOKENS_RULE}", field=field, value=jobs)
            tokens += _split(text)
            if len(tokens) > MOST_JOBS:
                break
    return _checked(tokens, field, jobs)


def _too_many(field: str, jobs: object) -> LimitExceeded:
    return LimitExceeded(f"[{field}] names more than {MOST_JOBS} jobs", field=field, value=jobs)


def _split(text: str) -> list[str]:
    return [token for part in text.split(",") if (token := part.strip())]


def _checked(tokens: list[str], field: str, jobs: object) -> tuple[str, ...]:
    """The tokens, each once if none is an exclusion."""
    if len(tokens) > MOST_JOBS:
        raise _too_many(field, jobs)
    if not tokens:
        raise InvalidQuery(f"[{field}] {_TOKENS_RULE}", field=field, value=jobs)
    has_exclusion = False
    for token in tokens:
        is_excluded = token[0] == "-"
        has_exclusion = has_exclusion or is_excluded
        name = token[1:] if is_excluded else token
        if is_job_id(name) or name == ALL_JOBS:
            continue
        if len(token) > LONGEST_TOKEN:
            reason = f"[{field}] has a token of more than {LONGEST_TOKEN} characters"
            raise LimitExceeded(reason, field=field, value=jobs)
        _, *between = name.split("*")
        # Neighbouring asterisks count as one, because nothing is between them.
        if sum(map(bool, between[:-1])) >= MOST_ASTERISKS:
            reason = f"[{field}] has a token with more than {MOST_ASTERISKS} asterisks"
            raise LimitExceeded(reason, field=field, value=jobs)
        if not between or not is_pattern(name):
            reason = f"[{field}] has the token [{brief(token)}], which no job can match: an id {JOB_ID_RULE}"
            raise InvalidQuery(reason, field=field, value=jobs)
    if not has_exclusion:
        return tuple(dict.fromkeys(tokens))
    if tokens[0][0] == "-":
        reason = f"[{field}] must not begin with the exclusion [{brief(tokens[0])}]"
        raise InvalidQuery(reason, field=field, value=jobs)
    return tuple(tokens)


def read_groups(groups: object) -> tuple[str, ...]:
    """The names of a job's groups, sorted and without repeats.

    Raises:
        InvalidQuery: ``groups`` is not an iterable of names, or one is not a valid name.
        LimitExceeded: more than `MOST_GROUPS` names are given, repeats included.

    >>> read_groups(["shop", "eu", "shop"])
    ('eu', 'shop')
    """
    if type(groups) is tuple and not groups:
        return ()
    given = base_form(groups)
    names = None if type(given) is str else iterator_of(given)
    if names is None:
        raise InvalidQuery("[groups] must be an iterable of names", field="groups", value=groups)
    named = [base_form(name) for name in islice(names, MOST_GROUPS + 1)]
    if len(named) > MOST_GROUPS:
        raise LimitExceeded(f"[groups] has more than {MOST_GROUPS} names", field="groups", value=groups)
    for name in named:
        if not is_job_id(name):
            raise InvalidQuery(f"[groups] each name {JOB_ID_RULE}", field="groups", value=name)
    return tuple(sorted(set(named)))
