"""Items, as endpoints ask for them: loaded once, permitted once."""

import uuid
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Query

from app.crud import items
from app.db.reads import Row
from app.dependencies.auth import ItemReader, ItemWriter, permit_change
from app.dependencies.database import Reads, SessionDep
from app.dependencies.pagination import Pagination, paginated
from app.dependencies.preconditions import PreconditionDep
from app.models.item import Item
from app.schemas.item import Tag


async def get_item(item_id: uuid.UUID, reads: Reads, _: ItemReader) -> Row:
    return await items.get(reads, item_id)


async def get_own_item(
    item_id: uuid.UUID, session: SessionDep, principal: ItemWriter, precondition: PreconditionDep
) -> Item:
    item = await items.get_for_change(session, item_id)
    permit_change(principal, item.owner_id)
    precondition.check(item.version)
    return item


async def get_item_filters(
    tag: Annotated[list[Tag] | None, Query(max_length=20, description="All must match.")] = None,
    owner_id: uuid.UUID | None = None,
    min_price: Annotated[Decimal | None, Query(ge=0, le=10_000, decimal_places=2)] = None,
    max_price: Annotated[Decimal | None, Query(ge=0, le=10_000, decimal_places=2)] = None,
) -> dict[str, Any]:
    return {"tag": tag, "owner_id": owner_id, "min_price": min_price, "max_price": max_price}


ReadableItem = Annotated[Row, Depends(get_item)]
OwnItem = Annotated[Item, Depends(get_own_item)]
ItemFilters = Annotated[dict[str, Any], Depends(get_item_filters)]
ItemPagination = Annotated[
    Pagination, Depends(paginated(items.LISTING.sorts, items.LISTING.default_sort))
]
