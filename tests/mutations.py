"""Mutants of a module: its source with one small change each, such as ``<`` written as ``<=``.

A change replaces some bytes of the source, so everything else, the formatting included, stays as it is. `mutants_of`
finds all changes of a file, and `draw` picks some of them from a seed. `EXCLUSIONS` lists changes that change no
answer.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from random import Random
from typing import Final, NamedTuple


class Mutant(NamedTuple):
    """One change of one file.

    Attributes:
        file: the path from the root of the project, with slashes.
        line: the line of the change, from 1 on.
        function: the qualified name of the function or class around it.
        kind: the sort of change, such as ``"comparison"``.
        code: the line of the change as it was, without its indentation.
        start: the offset of the first byte that is replaced.
        stop: the offset after the last byte that is replaced.
        before: the text that is replaced; it may be empty.
        after: the text that replaces it; it may be empty.
    """

    file: str
    line: int
    function: str
    kind: str
    code: str
    start: int
    stop: int
    before: str
    after: str

    def __str__(self) -> str:
        change = f"{_brief(self.before)} -> {_brief(self.after)}"
        return f"{self.file}:{self.line} {self.function}: {change}   in: {_brief(self.code, 80)}"

    def applied(self, source: bytes) -> bytes:
        """The source with the change."""
        assert source[self.start : self.stop] == self.before.encode(), "the file has changed since the mutant was found"
        return source[: self.start] + self.after.encode() + source[self.stop :]

    def diff(self, source: bytes) -> str:
        """The change as a unified diff without context."""
        old, new = (text.decode().splitlines() for text in (source, self.applied(source)))
        return "\n".join(unified_diff(old, new, f"a/{self.file}", f"b/{self.file}", lineterm="", n=0))


class Exclusion(NamedTuple):
    """Changes that are not drawn, because no answer can depend on them.

    Attributes:
        reason: why no answer depends on them.
        function: a regular expression for the whole qualified name; any by default.
        kind: a regular expression for the whole kind; any by default.
        code: a regular expression for some part of the line; any by default.
        change: a regular expression for the whole of ``before -> after``; any by default.
    """

    reason: str
    function: str = r".*"
    kind: str = r".*"
    code: str = r""
    change: str = r".*"

    def covers(self, mutant: Mutant) -> bool:
        """Whether the mutant is one of these."""
        return (
            re.fullmatch(self.function, mutant.function) is not None
            and re.fullmatch(self.kind, mutant.kind) is not None
            and re.search(self.code, mutant.code) is not None
            and re.fullmatch(self.change, f"{mutant.before} -> {mutant.after}", re.DOTALL) is not None
        )


#: Each entry must exclude a mutant. `test_mutants.py` fails if one excludes none, as after a change of a name.
EXCLUSIONS: Final = (
    Exclusion("`check` asserts invariants, and only tests call it", function=r"(.*\.)?check"),
    Exclusion("bytes describe the memory and decide nothing", function=r"(.*\.)?nbytes"),
    Exclusion("a representation describes a value and decides nothing", function=r"(.*\.)?__repr__"),
    Exclusion(
        "the next look finds the rows that this look does not reach, whatever their lengths are",
        function=r"(_with_value|Matches\.first)",
        code=r"step \*= 2",
    ),
    Exclusion(
        "writing a list over another one in its row only saves time: joining the parts gives the same lists",
        function=r"SparseLists\.edited",
        code=r"return SparseLists\.of\(rows, values\)",
        change=r"return .* -> pass",
    ),
    Exclusion(
        "instants that no row has, or all rows have, are read faster; reading them row by row gives the same",
        function=r"ingested",
        code=r"return (None|found)$",
        change=r"return .* -> pass",
    ),
    Exclusion(
        "reading two runs as two slices only saves time: reading by row numbers gives the same rows",
        function=r"Selection\.(column|lists)",
        code=r"return (values|taken)\[::-1\] if desc",
        change=r"return .* -> pass",
    ),
    Exclusion(
        "no kind has an integer as the second column of an order",
        function=r"_order",
        code=r"order_by\[:1\]",
        change=r"1 -> 2",
    ),
    Exclusion(
        "the edge of a level decides only how many rows are read, and every sort key is a valid edge",
        function=r"_(sparser|densest)",
        code=r"above\.min\(\)",
        change=r"min -> max",
    ),
    Exclusion(
        "`head_limit` is at least `head_rows`, so a head of `head_rows` rows meets the second condition too; to compact"
        " a head one row earlier changes no answer",
        function=r"Table\._within_limit",
        change=r"<= -> <",
    ),
    Exclusion(
        "`_records` only saves work: the ranges of the line above give the same records, found and sorted again",
        function=r"Expansion\.of",
        code=r"expansion\._records",
        change=r".* -> pass",
    ),
    Exclusion(
        "an order compares one column within a table, or four and more",
        function=r"_by_value_index",
        code=r"len\(order\.within\) > 1",
        change=r"1 -> 2",
    ),
    Exclusion(
        "the first byte is a break, where no literal begins",
        function=r"_JoinedTexts\._found",
        code=r"places < 0",
        change=r"0 -> 1",
    ),
    Exclusion(
        "texts that are matched one by one give the same places",
        function=r"_JoinedTexts\.behind",
        code=r"max\(behind",
        change=r"max -> min",
    ),
    Exclusion(
        "an empty dictionary has no place 0 either",
        function=r"_code_of",
        code=r"else 0$",
        change=r"0 -> 1",
    ),
    Exclusion(
        "only the count of this search is used, so its page may have a row",
        function=r"Together\.(_before_page|_merged)",
        code=r"(at_least|own_page) =",
        change=r"0 -> 1",
    ),
    Exclusion(
        "a bisection with other steps finds another score that slightly fewer matches reach; the page is the same",
        function=r"Together\._before_page",
        code=r"middle = \(low",
        change=r"2 -> 3",
    ),
    Exclusion(
        "parts of the log have the same changes, whenever they are merged",
        function=r"ChangeLog\.(_add_parts|_cut)",
        code=r"self\._small_rows( = 0|.* 2 \* start > stop)",
        change=r"(> -> >=|.* -> pass)",
    ),
    Exclusion(
        "the size at which ids are looked up one by one changes no rank",
        function=r"_ranks_of",
        code=r"count \* _JOBS_PER_RANK <",
        change=r"< -> <=",
    ),
    Exclusion(
        "no rows make an empty segment, which is left out",
        function=r"_Run\._join",
        code=r"return$",
        change=r"return -> pass",
    ),
    Exclusion(
        "codes are made faster if each job comes once; the dict gives the same",
        function=r"columns_of_entries",
        code=r"== len\(job_ids\) > 1",
        change=r"> -> <=",
    ),
    Exclusion(
        "candidates have a length, and their scores are not read past it",
        function=r"_known",
        code=r"scores\[low:high\]",
        change=r"high -> ",
    ),
)

#: Keywords whose value states an assumption: ``zip(..., strict=True)`` differs only if the assumption is broken.
_ASSUMPTIONS: Final = frozenset({"strict"})

#: A private constant in a comparison is a size at which the way to an answer changes. Changing the size by one changes
#: the way but not the answer. Only the opposite comparison is drawn, because the other way may give a wrong answer.
_SIZE: Final = re.compile(r"_[A-Z][A-Z0-9_]*")

_COMPARISONS: Final[Mapping[type[ast.cmpop], tuple[bytes, Sequence[str]]]] = {
    # A pattern of the operator; then the operator that differs only for equal values, if there is one; the opposite.
    ast.Lt: (rb"<", ("<=", ">=")),
    ast.LtE: (rb"<=", ("<", ">")),
    ast.Gt: (rb">", (">=", "<=")),
    ast.GtE: (rb">=", (">", "<")),
    ast.Eq: (rb"==", ("!=",)),
    ast.NotEq: (rb"!=", ("==",)),
    ast.Is: (rb"is", ("is not",)),
    ast.IsNot: (rb"is\s+not", ("is",)),
    ast.In: (rb"in", ("not in",)),
    ast.NotIn: (rb"not\s+in", ("in",)),
}
_ARITHMETIC: Final[Mapping[type[ast.operator], tuple[bytes, str]]] = {
    ast.Add: (rb"\+", "-"),
    ast.Sub: (rb"-", "+"),
    ast.Mult: (rb"\*", "+"),
    ast.Div: (rb"/", "*"),
    ast.FloorDiv: (rb"//", "*"),
    ast.Mod: (rb"%", "*"),
    ast.Pow: (rb"\*\*", "*"),
    ast.LShift: (rb"<<", ">>"),
    ast.RShift: (rb">>", "<<"),
    ast.BitOr: (rb"\|", "&"),
    ast.BitAnd: (rb"&", "|"),
    ast.BitXor: (rb"\^", "&"),
}
_TWINS: Final[Mapping[str, str]] = {
    one: other
    for pair in (("any", "all"), ("min", "max"), ("fmin", "fmax"), ("minimum", "maximum"), ("argmin", "argmax"))
    for one, other in (pair, pair[::-1])
}


def mutants_of(file: str, source: bytes, exclusions: Iterable[Exclusion] = EXCLUSIONS) -> list[Mutant]:
    """All mutants of a file that are not excluded, in the order of the source.

    Only functions and the fields of classes are changed. Docstrings, texts, annotations, decorators, assertions, error
    texts and the constants of the module stay as they are.
    """
    finder = _Finder(file, source)
    finder.visit(ast.parse(source))
    excluding = tuple(exclusions)
    found = (mutant for mutant in finder.found if not any(each.covers(mutant) for each in excluding))
    return sorted(found, key=lambda mutant: (mutant.start, mutant.stop, mutant.after))


def draw(mutants: Mapping[str, Sequence[Mutant]], seed: str, count: int) -> list[Mutant]:
    """Some mutants of some files: each file gives a share that is proportional to the number of its mutants.

    A longer draw begins with the mutants of a shorter one. The order in which a file's mutants are drawn depends only
    on the seed and that file.

    Args:
        mutants: all of each file.
        seed: any text; the same seed draws the same mutants.
        count: how many are drawn; all if there are fewer.
    """
    given = dict.fromkeys(mutants, 0)
    waiting = {file: _shuffled(some, Random(f"{seed} {file}")) for file, some in mutants.items()}
    drawn: list[Mutant] = []
    while len(drawn) < count and (left := [file for file in waiting if given[file] < len(waiting[file])]):
        # The method of Sainte-Lague: a larger count only adds mutants, so a longer draw begins with a shorter one.
        file = max(left, key=lambda name: (len(waiting[name]) / (2 * given[name] + 1), name))
        drawn.append(waiting[file][given[file]])
        given[file] += 1
    return drawn


def _shuffled(mutants: Sequence[Mutant], rng: Random) -> list[Mutant]:
    """The mutants in a random order: first one mutant of each line, then a second one of each line, and so on."""
    order = rng.sample(mutants, len(mutants))
    times: dict[int, int] = {}
    turns = []
    for mutant in order:
        turns.append(times.get(mutant.line, 0))
        times[mutant.line] = turns[-1] + 1
    return [mutant for _, mutant in sorted(zip(turns, order, strict=True), key=lambda pair: pair[0])]


def _brief(text: str, length: int = 50) -> str:
    text = " ".join(text.split())
    return f"{text[: length - 3]}..." if len(text) > length else text or "(nothing)"


class _Finder(ast.NodeVisitor):
    """Collects the mutants of a file."""

    def __init__(self, file: str, source: bytes) -> None:
        self.found: list[Mutant] = []
        self._file = file
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._names: list[str] = []

    # -- places in the source

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _stop(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self._source[self._start(node) : self._stop(node)].decode()

    def _add(self, kind: str, start: int, stop: int, after: str) -> None:
        line = self._source.count(b"\n", 0, start) + 1
        code = self._lines[line - 1].decode().strip()
        before = self._source[start:stop].decode()
        self.found.append(Mutant(self._file, line, ".".join(self._names), kind, code, start, stop, before, after))

    def _replace(self, kind: str, node: ast.expr | ast.stmt, after: str) -> None:
        self._add(kind, self._start(node), self._stop(node), after)

    def _between(self, kind: str, nodes: tuple[ast.expr, ast.expr], pattern: bytes, after: Iterable[str]) -> None:
        """Replace the operator between two operands; brackets and line breaks may be there too."""
        start, stop = self._stop(nodes[0]), self._start(nodes[1])
        gap = self._source[start:stop]
        operator = re.search(pattern, gap)
        if operator is not None and b"#" not in gap:
            for each in after:
                self._add(kind, start + operator.start(), start + operator.end(), each)

    # -- code that stays as it is

    def visit_Module(self, node: ast.Module) -> None:
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_named(node.name, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]
        self._visit_named(node.name, [*defaults, *node.body])

    def _visit_named(self, name: str, parts: Iterable[ast.expr | ast.stmt]) -> None:
        self._names.append(name)
        for part in parts:
            if isinstance(part, ast.Return):
                # Without this statement the function would return None, which any test of the result notices.
                self.generic_visit(part)
            else:
                self.visit(part)
        self._names.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Leave an assertion as it is, because it must always hold."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave the text as it is. Besides, Python 3.11 does not give the positions of its parts."""

    # -- statements

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace("statement", node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        self._replace("statement", node, "pass")
        self.generic_visit(node)

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace("statement", node, "break")

    def visit_Break(self, node: ast.Break) -> None:
        self._replace("statement", node, "continue")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._replace("statement", node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        read = {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
        targets = [each for target in node.targets for each in _targets(target)]
        # Without its assignment, a new name raises an error at once. An old value of a name, an attribute or an entry
        # may go unnoticed, so only such assignments are removed.
        if not any(isinstance(each, ast.Name) and each.id not in read for each in targets):
            self._replace("statement", node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._replace("statement", node, "pass")
        pattern, after = _ARITHMETIC[type(node.op)]
        self._between("arithmetic", (node.target, node.value), pattern + rb"=", [f"{after}="])
        self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    # -- expressions

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        is_negated_elsewhere = isinstance(test, ast.Constant) or (
            isinstance(test, ast.UnaryOp | ast.Compare) and (not isinstance(test, ast.Compare) or len(test.ops) == 1)
        )
        if not is_negated_elsewhere:
            self._replace("condition", test, f"(not ({self._text(test)}))")

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for at, operator in enumerate(node.ops):
            sides = operands[at], operands[at + 1]
            pattern, others = _COMPARISONS[type(operator)]
            is_of_size = any(isinstance(side, ast.Name) and _SIZE.fullmatch(side.id) for side in sides)
            self._between("comparison", sides, pattern, others[-1:] if is_of_size else others)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        pattern, other = (rb"\band\b", "or") if isinstance(node.op, ast.And) else (rb"\bor\b", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between("boolean", (left, right), pattern, [other])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _ARITHMETIC:
            pattern, other = _ARITHMETIC[type(node.op)]
            self._between("arithmetic", (node.left, node.right), pattern, [other])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        start = self._start(node)
        word = re.match(rb"not\s*|[-~+]", self._source[start:])
        assert word is not None
        self._add("negation", start, start + word.end(), "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace("constant", node, str(not node.value))
        elif isinstance(node.value, int | float):
            self._replace("constant", node, str(node.value + 1))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        slices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for each in slices:
            if isinstance(each, ast.Slice):
                for bound in (each.lower, each.upper):
                    if bound is not None:
                        self._bound(bound)
        self.generic_visit(node)

    def _bound(self, bound: ast.expr) -> None:
        self._replace("slice", bound, "")
        if not isinstance(bound, ast.Constant | ast.UnaryOp):
            self._replace("slice", bound, f"{self._text(bound)} + 1")

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _TWINS:
            stop = self._stop(function)
            self._add("call", stop - len(name), stop, _TWINS[name])
        if name == "searchsorted":
            self._side(node)
        self.visit(function)
        # The second argument of isinstance holds types, which stay as they are.
        for argument in node.args[:1] if name == "isinstance" else node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in _ASSUMPTIONS:
                self.visit(keyword.value)

    def _side(self, node: ast.Call) -> None:
        """Search for the other side of equal values."""
        given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "side")]
        if not given:
            stop = self._stop(node.args[-1])
            closing = self._source.index(b")", stop)
            self._add("call", closing, closing, ', side="right"')
        elif isinstance(given[0], ast.Constant):
            self._replace("call", given[0], '"left"' if given[0].value == "right" else '"right"')


def _targets(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple):
        for each in target.elts:
            yield from _targets(each)
    else:
        yield target
