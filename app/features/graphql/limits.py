"""Limits of GraphQL documents, checked on the syntax tree before execution.

The time of validation grows with the square of repeated fields, so that expensive documents
are rejected before it runs.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from app.features.graphql.costs import (
    TOTAL,
    WRAPPERS,
    Variables,
    defaults_of,
    is_introspection,
    literals_of,
    rows_of,
)
from app.features.graphql.errors import (
    InvalidQuery,
    PersistedQueryNotSupported,
    QueryTooComplex,
)
from app.features.graphql.request import NOT_SENT

MAX_TOKENS = 1000
MAX_DEPTH = 8
MAX_ALIASES = 15
# Counted with fragments expanded: each nested spread may double the number of fields.
MAX_FIELDS = 500
MAX_REPEATED = 5
# An error about one of them prints the object that it stands in: 300 took 0.1 s.
MAX_LITERALS = 100
# A hundred items with owner, category and its parent are 400 rows, and 0.1 s of the event loop.
MAX_ROWS = 500
ROWS_PER_REQUEST = 100
# Introspection queries of tools are deeper than queries for data.
INTROSPECTION_LEVELS = 10


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """A parsed document and its cost: the rows that its operations read at most."""

    document: DocumentNode
    rows: int

    @property
    def extra_requests(self) -> int:
        """Units that the rate limit counts in addition to the request itself."""
        return self.rows // ROWS_PER_REQUEST


def check_query(
    query: str, variables: Variables | None = None, *, connections: Collection[str]
) -> CheckedQuery:
    """Parse the document and check it against the limits before execution.

    Args:
        connections: the fields that return a page.

    Raises:
        PersistedQueryNotSupported: only the hash of the document was sent.
        InvalidQuery: it has a syntax error.
        QueryTooComplex: it exceeds a limit.
    """
    if query == NOT_SENT:
        raise PersistedQueryNotSupported
    try:
        document = parse(query, max_tokens=MAX_TOKENS, no_location=True)
    except GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message:
            raise QueryTooComplex(f"At most {MAX_TOKENS} tokens, not nested.") from None
        raise InvalidQuery(error.message[:200]) from None
    except RecursionError:
        raise QueryTooComplex(f"At most {MAX_DEPTH} levels.") from None
    visitor = DocumentVisitor(document, variables or {}, connections)
    visitor.run()
    return CheckedQuery(document, visitor.rows)


class DocumentVisitor:
    """Visits the document as it would be executed, and stops at the first exceeded limit."""

    def __init__(
        self, document: DocumentNode, variables: Variables, connections: Collection[str]
    ) -> None:
        self._document = document
        self._variables = variables
        self._connections = connections
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        self._spread: set[str] = set()
        self._fields = 0
        self._aliases = 0
        self._repeated = 0
        self._literals = 0
        self.rows = 0

    def run(self) -> None:
        for each in self._document.definitions:
            if isinstance(each, OperationDefinitionNode):
                self._variables = {**defaults_of(each), **self._variables}
                self._count_literals(each)
                self._visit(each.selection_set, depth=1, inside=(), times=1)
        self._reject_unvisited()

    def _reject_unvisited(self) -> None:
        """Reject definitions that no limit applies to: validation would take time for them."""
        operations = [
            each for each in self._document.definitions if isinstance(each, OperationDefinitionNode)
        ]
        if operations and self._fragments.keys() - self._spread:
            raise InvalidQuery("A fragment is never used.")
        if operations and len(operations) + len(self._fragments) < len(self._document.definitions):
            raise InvalidQuery("A document has operations and fragments, each name once.")

    def _visit(
        self, selections: SelectionSetNode, *, depth: int, inside: tuple[str, ...], times: int
    ) -> None:
        reject_above(depth, MAX_DEPTH, "levels")
        names: Counter[str] = Counter()
        for field, spread in self._fields_of(selections, inside):
            names[field.alias.value if field.alias else field.name.value] += 1
            self._count(field)
            if field.name.value == TOTAL:  # Not `times` as many: once for a connection.
                self._add_rows(ROWS_PER_REQUEST)
            if field.selection_set:
                below = depth + 1 - (INTROSPECTION_LEVELS if is_introspection(field) else 0)
                rows = times * rows_of(field, self._variables, self._connections)
                self._count_rows(field, rows)
                self._visit(field.selection_set, depth=below, inside=spread, times=rows)
        self._repeated += sum(count - 1 for count in names.values())
        reject_above(self._repeated, MAX_REPEATED, "repeated fields")

    def _fields_of(
        self, selections: SelectionSetNode, inside: tuple[str, ...]
    ) -> Iterator[tuple[FieldNode, tuple[str, ...]]]:
        """Yield the fields of one level, fragments expanded, each with its enclosing fragments."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node, inside
            elif isinstance(node, InlineFragmentNode):
                yield from self._fields_of(node.selection_set, inside)
            elif isinstance(node, FragmentSpreadNode):
                yield from self._fields_of_fragment(node.name.value, inside)

    def _fields_of_fragment(
        self, name: str, inside: tuple[str, ...]
    ) -> Iterator[tuple[FieldNode, tuple[str, ...]]]:
        if name in inside:
            raise QueryTooComplex("A fragment contains itself.")
        if name in self._fragments:
            # Counted as a field: nested spreads without any field would double unbounded.
            self._fields += 1
            self._spread.add(name)
            reject_above(self._fields, MAX_FIELDS, "fields")
            yield from self._fields_of(self._fragments[name].selection_set, (*inside, name))

    def _count_rows(self, field: FieldNode, rows: int) -> None:
        if field.name.value not in WRAPPERS:
            self._add_rows(rows)

    def _add_rows(self, rows: int) -> None:
        self.rows += rows
        reject_above(self.rows, MAX_ROWS, "rows, summed over all levels and aliases")

    def _count(self, field: FieldNode) -> None:
        self._fields += 1
        self._aliases += field.alias is not None
        self._count_literals(field)
        reject_above(self._fields, MAX_FIELDS, "fields")
        reject_above(self._aliases, MAX_ALIASES, "aliases")

    def _count_literals(self, node: FieldNode | OperationDefinitionNode) -> None:
        self._literals += literals_of(node)
        reject_above(self._literals, MAX_LITERALS, "values in the document; use variables")


def reject_above(count: int, limit: int, noun: str) -> None:
    """Check a count against its limit.

    Raises:
        QueryTooComplex: the count is above the limit.
    """
    if count > limit:
        raise QueryTooComplex(f"At most {limit} {noun}.")
