"""The items table, seen as a collection. Flushes; never commits."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import String, bindparam, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.errors import NotFound
from app.core.identity import Principal
from app.db.listing import Listing, PageRequest, PageRows
from app.db.reads import Query, ReadPool, Row
from app.models.item import Item
from app.schemas.item import ItemCreate, ItemRead, ItemUpdate

IS_ALIVE = Item.deleted_at.is_(None)
COLUMNS = [getattr(Item, name) for name in ItemRead.model_fields]

BY_ID = Query(select(*COLUMNS).where(Item.id == bindparam("id"), IS_ALIVE))

LISTING = Listing(
    COLUMNS,
    where=[IS_ALIVE],
    filters={
        "tag": lambda: Item.tags.contains(bindparam("tag", type_=ARRAY(String(30)))),
        "owner_id": lambda: Item.owner_id == bindparam("owner_id"),
        "min_price": lambda: Item.price >= bindparam("min_price"),
        "max_price": lambda: Item.price <= bindparam("max_price"),
    },
    sorts={"name": Item.name, "price": Item.price, "created_at": Item.created_at},
    default_sort=("-created_at",),
    key=Item.id,
)


async def get(reads: ReadPool, item_id: uuid.UUID) -> Row:
    """Return the item as a row.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    row = await reads.first(BY_ID, id=item_id)
    if row is None:
        raise NotFound("There is no such item.")
    return row


async def get_for_change(session: AsyncSession, item_id: uuid.UUID) -> Item:
    """Return the item, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    item = await session.scalar(select(Item).where(Item.id == item_id, IS_ALIVE).with_for_update())
    if item is None:
        raise NotFound("There is no such item.")
    return item


async def list_page(reads: ReadPool, request: PageRequest, filters: Mapping[str, Any]) -> PageRows:
    """Return one page of the items that match."""
    return await LISTING.page(reads, request, filters)


async def create(session: AsyncSession, data: ItemCreate, *, owner: Principal) -> Item:
    item = Item(**data.model_dump(), owner_id=owner.id)
    session.add(item)
    await session.flush()
    return item


async def create_many(
    session: AsyncSession, batch: Sequence[ItemCreate], *, owner: Principal
) -> Sequence[Item]:
    """Create all in one statement; the result is in the order of the batch."""
    if not batch:
        return []
    rows = [{**data.model_dump(), "owner_id": owner.id} for data in batch]
    created = await session.scalars(
        insert(Item).returning(Item, sort_by_parameter_order=True), rows
    )
    return created.all()


async def replace(session: AsyncSession, item: Item, data: ItemCreate) -> Item:
    return await change(session, item, data.model_dump())


async def update(session: AsyncSession, item: Item, data: ItemUpdate) -> Item:
    return await change(session, item, data.model_dump())


async def change(session: AsyncSession, item: Item, fields: Mapping[str, Any]) -> Item:
    for field, value in fields.items():
        setattr(item, field, value)
    item.check_gross_price(fields)
    await session.flush()
    return item


async def delete(session: AsyncSession, item: Item) -> None:
    item.deleted_at = now()
    await session.flush()
