"""Types of Relay connections."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import strawberry

Node = TypeVar("Node")


def from_row(kind: Callable[..., Node], row: Mapping[str, Any]) -> Node:
    """Create the type from the values of the row that are among its fields."""
    names = kind.__dataclass_fields__.keys()  # type: ignore[attr-defined]  # strawberry's
    return kind(**{name: row[name] for name in names if name in row})


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[Node]):
    cursor: str
    node: Node


@strawberry.type(description="One page (Relay Cursor Connections).")
class Connection(Generic[Node]):
    edges: list[Edge[Node]]
    page_info: PageInfo
