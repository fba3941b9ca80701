"""Which jobs some tokens select: rule 20.selection read word by word, slowly, beside the code of the library."""

from collections.abc import Mapping, Sequence


def is_match(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern, character by character."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(is_match(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return text[:1] == pattern[0] and is_match(pattern[1:], text[1:])


def selected(tokens: Sequence[str], jobs: Mapping[str, Sequence[str]]) -> tuple[str, ...] | str:
    """The ids that the tokens select, sorted; or the first name that is unknown, as ``"unknown: name"``.

    Args:
        tokens: the tokens, valid ones.
        jobs: the groups of each known job, by its id.
    """
    chosen: set[str] = set()
    for token in tokens:
        name = token.removeprefix("-")
        if name in {"_all", "*"}:
            named = {*jobs}
        elif "*" in name:
            named = {
                job_id
                for job_id, groups in jobs.items()
                if is_match(name, job_id) or any(is_match(name, group) for group in groups)
            }
        elif name in jobs:
            named = {name}
        else:
            named = {job_id for job_id, groups in jobs.items() if name in groups}
            if not named:
                return f"unknown: {name}"
        chosen = chosen - named if token.startswith("-") else chosen | named
    return tuple(sorted(chosen))
