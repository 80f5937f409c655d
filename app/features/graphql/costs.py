"""Query cost: the maximum number of rows that a GraphQL document selects."""

from collections.abc import Collection, Mapping
from typing import Any

from graphql import (
    FieldNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
)

Variables = Mapping[str, Any]

# Fields around the rows of a page, which do not count as rows.
WRAPPERS = frozenset({"edges", "node", "pageInfo"})
# Counted by a statement of its own, which takes about as long as a request.
TOTAL = "totalCount"
DEFAULT_FIRST, MAX_FIRST = 20, 100


def rows_of(field: FieldNode, variables: Variables, connections: Collection[str]) -> int:
    """Return how many rows the field selects for each row of its parent.

    Args:
        connections: the fields that return a page.
    """
    if is_introspection(field):
        return 0
    if field.name.value not in connections:
        return 1
    given = {each.name.value: each.value for each in field.arguments or ()}
    return size_of(given.get("first"), variables)


def size_of(value: ValueNode | None, variables: Variables) -> int:
    """Return the size of a page; the field itself rejects a size that is out of bounds."""
    first: Any = DEFAULT_FIRST
    if isinstance(value, VariableNode):
        first = variables.get(value.name.value, DEFAULT_FIRST)
    elif isinstance(value, IntValueNode):
        first = int(value.value[:9])
    return min(max(first, 1), MAX_FIRST) if isinstance(first, int) else MAX_FIRST


def defaults_of(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Return the integer defaults of its variables."""
    return {
        each.variable.name.value: int(each.default_value.value[:9])
        for each in operation.variable_definitions or ()
        if isinstance(each.default_value, IntValueNode)
    }


def literals_of(node: FieldNode | OperationDefinitionNode) -> int:
    """Return how many values the arguments of a field, or the defaults of an operation, have."""
    if isinstance(node, FieldNode):
        return sum(values_in(each.value) for each in node.arguments or ())
    defaults = (each.default_value for each in node.variable_definitions or ())
    return sum(values_in(value) for value in defaults if value)


def values_in(literal: ValueNode) -> int:
    """Count a literal and the values nested in it."""
    inner: Collection[ValueNode] = ()
    if isinstance(literal, ObjectValueNode):
        inner = [field.value for field in literal.fields]
    elif isinstance(literal, ListValueNode):
        inner = literal.values
    return 1 + sum(map(values_in, inner))


def is_introspection(field: FieldNode) -> bool:
    return field.name.value in {"__schema", "__type"}
