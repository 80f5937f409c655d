"""Types of Relay connections, and arguments of the fields that return them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import strawberry

Node = TypeVar("Node")

First = Annotated[int, strawberry.argument(description="Edges of the page, 1 to 100.")]
After = Annotated[
    str | None,
    strawberry.argument(description="`endCursor` of the page before; null for the first page."),
]


def from_row(kind: Callable[..., Node], row: Mapping[str, Any]) -> Node:
    """Create the type from the values of the row that are among its fields."""
    names = kind.__dataclass_fields__.keys()  # type: ignore[attr-defined]  # strawberry's
    return kind(**{name: row[name] for name in names if name in row})


@strawberry.type(description="The place of a page (Relay Cursor Connections, section 5).")
class PageInfo:
    has_next_page: bool = strawberry.field(description="More edges follow this page.")
    has_previous_page: bool = strawberry.field(description="The page is not the first one.")
    start_cursor: str | None = strawberry.field(
        description="Cursor of the first edge; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="Cursor of the last edge, for `after` of the next page; null on an empty page."
    )


@strawberry.type(description="A row of a page.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(description="The place of the row, for `after`.")
    node: Node = strawberry.field(description="The row itself.")


@strawberry.type(description="One page (Relay Cursor Connections).")
class Connection(Generic[Node]):
    edges: list[Edge[Node]] = strawberry.field(description="The rows of the page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether and where further pages begin.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(  # type: ignore[untyped-decorator]  # strawberry's
        description="Rows on all pages together. Counted when selected, at the cost of 100 rows."
    )
    async def total_count(self) -> int:
        return await self.count()
