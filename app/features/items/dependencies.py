"""Dependencies of the item endpoints: load and authorize items, parse filters."""

import uuid
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Cookie, Depends, Path, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.db.listing import Filters
from app.features.categories.scopes import ItemReader
from app.features.items import crud as items
from app.features.items.models import Item, ItemRow
from app.features.items.schemas import (
    DELETED_EXAMPLE_ID,
    EXAMPLE_ID,
    EXAMPLE_ID_V2,
    QueryBound,
    Tag,
)
from app.features.items.scopes import ItemWriter
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.http.schemas import MAX_SEARCH_LENGTH, OpaqueText, SearchText
from app.security.authentication import permit_change

COOKIE_SECONDS = 30 * 24 * 3600
SEARCH_TEXT = TypeAdapter(SearchText)
# Up to four bytes for each character, each encoded as %XX.
MAX_COOKIE = MAX_SEARCH_LENGTH * 4 * 3

ItemId = Annotated[uuid.UUID, Path(description="Id of the item.", examples=[EXAMPLE_ID])]
# Each version deletes another example, and one is deleted already.
ItemIdV2 = Annotated[uuid.UUID, Path(description="Id of the item.", examples=[EXAMPLE_ID_V2])]
DeletedItemId = Annotated[
    uuid.UUID, Path(description="Id of the deleted item.", examples=[DELETED_EXAMPLE_ID])
]


async def get_item(item_id: ItemId, reads: ReplicaReads, _: ItemReader) -> ItemRow:
    return await items.get(reads, item_id)


async def get_own_item(
    item_id: ItemId, uow: UnitOfWorkDep, principal: ItemWriter, precondition: PreconditionDep
) -> Item:
    item = await items.get_for_change(uow, item_id)
    permit_change(principal, item.owner_id)
    precondition.check(item)
    return item


async def get_item_v2(item_id: ItemIdV2, reads: ReplicaReads, reader: ItemReader) -> ItemRow:
    return await get_item(item_id, reads, reader)


async def get_own_item_v2(
    item_id: ItemIdV2, uow: UnitOfWorkDep, principal: ItemWriter, precondition: PreconditionDep
) -> Item:
    return await get_own_item(item_id, uow, principal, precondition)


async def get_own_deleted_item(
    item_id: DeletedItemId, uow: UnitOfWorkDep, principal: ItemWriter, precondition: PreconditionDep
) -> Item:
    item = await items.get_deleted(uow, item_id)
    permit_change(principal, item.owner_id)
    precondition.check_if_sent(item)
    return item


async def get_query(
    request: Request,
    response: Response,
    q: Annotated[
        SearchText | None,
        Query(description="Words of name and description, or their beginnings; all must match."),
    ] = None,
    remember: Annotated[
        bool, Query(description="Store `q` in a cookie, and use the stored one if it is absent.")
    ] = False,
    last_query: Annotated[
        OpaqueText | None,
        Cookie(
            description="The last `q` that was sent with `remember`, percent-encoded.",
            json_schema_extra={"maxLength": MAX_COOKIE},
        ),
    ] = None,
) -> str | None:
    if not remember:
        return q
    if q:
        response.set_cookie(
            "last_query",
            quote(q),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
    return q or query_of_cookie(last_query or "")


def query_of_cookie(cookie: str) -> str | None:
    """Return the `q` from the cookie; an invalid cookie is ignored."""
    try:
        return SEARCH_TEXT.validate_python(unquote(cookie, errors="strict"))
    except (UnicodeDecodeError, ValidationError):
        return None


async def get_item_filters(
    q: Annotated[str | None, Depends(get_query)],
    tag: Annotated[list[Tag] | None, Query(max_length=20, description="All must match.")] = None,
    category_id: Annotated[
        uuid.UUID | None, Query(description="In this category or below it.")
    ] = None,
    owner_id: Annotated[uuid.UUID | None, Query(description="Created by this user.")] = None,
    min_price: Annotated[
        QueryBound | None, Query(description="Lowest price in euros, inclusive.")
    ] = None,
    max_price: Annotated[
        QueryBound | None, Query(description="Highest price in euros, inclusive.")
    ] = None,
) -> Filters:
    return {
        "q": q,
        "tag": tag,
        "category_id": category_id,
        "owner_id": owner_id,
        "min_price": min_price,
        "max_price": max_price,
    }


ReadableItem = Annotated[ItemRow, Depends(get_item)]
OwnItem = Annotated[Item, Depends(get_own_item)]
ReadableItemV2 = Annotated[ItemRow, Depends(get_item_v2)]
OwnItemV2 = Annotated[Item, Depends(get_own_item_v2)]
OwnDeletedItem = Annotated[Item, Depends(get_own_deleted_item)]
ItemFilters = Annotated[Filters, Depends(get_item_filters)]
ItemPagination = Annotated[Pagination, Depends(paginated(items.LISTING))]
