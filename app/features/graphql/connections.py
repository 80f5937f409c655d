"""Relay connections over the cursors of the lists."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from app.db.executor import R
from app.db.listing import Listing, PageRequest, PageRows
from app.errors import Unprocessable, Violation
from app.features.graphql.context import Context
from app.features.graphql.costs import MAX_FIRST
from app.features.graphql.types import Connection, Edge, PageInfo
from app.http.pagination import continued
from app.http.resources import HttpResources

Node = TypeVar("Node")
MAX_CURSOR = 2000


async def connection(
    context: Context,
    listing: Listing[Any],
    fetch: Callable[[PageRequest], Awaitable[PageRows[R]]],
    make: Callable[[R], Node],
    *,
    first: int,
    after: str | None,
) -> Connection[Node]:
    """Return one page behind the cursor.

    Raises:
        Unprocessable: `first` is out of bounds.
        InvalidCursor: the cursor has no valid signature, or is of another list.
    """
    if not 1 <= first <= MAX_FIRST:
        message = f"Ask for 1 to {MAX_FIRST}"
        raise Unprocessable(violations=[Violation("/first", message, "out_of_bounds")])
    signer = context.resources[HttpResources].cursor_signer
    page = PageRequest(first, 0, listing.default_sort)
    if after is not None:
        page = continued(page, signer.read(after[:MAX_CURSOR]), listing)
    rows = await fetch(page)
    keys = (listing.key_of(page.sort, row) for row in rows.items)
    cursors = [signer.sign([listing.name, page.sort, key]) for key in keys]
    nodes = (make(row) for row in rows.items)
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
    info = PageInfo(
        has_next_page=rows.last is not None,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )

    async def count() -> int:
        counted = await fetch(PageRequest(1, include_total=True))
        return counted.total or 0

    return Connection(edges=edges, page_info=info, count=count)
