"""The items table: queries and changes. Flushes; never commits."""

import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy import update as update_statement
from sqlalchemy.dialects.postgresql import ARRAY

from app.db.compiled_insert import compiled_insert, compiled_insert_many, insert_last, insert_many
from app.db.errors import ForeignKeyViolation
from app.db.executor import CompiledStatement, Reader, columns_of
from app.db.listing import Filters, Listing, PageRequest, PageRows
from app.db.search import matches
from app.db.unit_of_work import UnitOfWork
from app.errors import Unprocessable, Violation, found
from app.features.categories.crud import subtree
from app.features.categories.models import Category
from app.features.items.models import SEARCHED, Item, ItemRow
from app.features.items.schemas import ItemCreate, ItemUpdate
from app.observability import metrics
from app.runtime.clock import now
from app.security.principals import Principal

IS_ALIVE = Item.deleted_at.is_(None)
COLUMNS = columns_of(Item, ItemRow)

UNKNOWN_CATEGORY = Violation("/body/category_id", "There is no such category", "unknown_category")

GIVEN = [*ItemCreate.model_fields, "owner_id"]
INSERT = compiled_insert(Item, GIVEN, returning=ItemRow)
INSERT_MANY = compiled_insert_many(Item, GIVEN, returning=ItemRow)
BY_ID = CompiledStatement[ItemRow](select(*COLUMNS).where(Item.id == bindparam("id"), IS_ALIVE))


def is_in_category() -> ColumnElement[bool]:
    """Return the condition for items in the category of the filter or below it."""
    below = subtree(Category.id == bindparam("category_id"))
    # An array: for a join PostgreSQL estimates that nearly all items match, and scans the table.
    return Item.category_id == any_(func.array(select(below.c.id).scalar_subquery()))


LISTING = Listing[ItemRow](
    COLUMNS,
    where=[IS_ALIVE],
    filters={
        "tag": lambda: Item.tags.contains(bindparam("tag", type_=ARRAY(String(30)))),
        "category_id": is_in_category,
        "owner_id": lambda: Item.owner_id == bindparam("owner_id"),
        "q": lambda: matches(SEARCHED),
        "min_price": lambda: Item.price >= bindparam("min_price"),
        "max_price": lambda: Item.price <= bindparam("max_price"),
    },
    sorts={"name": Item.name, "price": Item.price, "created_at": Item.created_at},
    default_sort=("-created_at",),
    key=Item.id,
)


async def get(reads: Reader, item_id: uuid.UUID) -> ItemRow:
    """Return the item as a row.

    Raises:
        NotFound: there is no such item, or it is deleted.
    """
    return found(await reads.first(BY_ID, id=item_id), "item")


async def get_for_change(uow: UnitOfWork, item_id: uuid.UUID) -> Item:
    """Return the item, locked until the transaction ends.

    Raises:
        NotFound: there is no such item, or it is deleted.
    """
    return found(
        await uow.session.scalar(
            select(Item).where(Item.id == item_id, IS_ALIVE).with_for_update()
        ),
        "item",
    )


async def list_page(reads: Reader, request: PageRequest, filters: Filters) -> PageRows[ItemRow]:
    """Return one page of the items that match."""
    return await LISTING.page(reads, request, filters)


def everything(reads: Reader, filters: Filters) -> AsyncGenerator[list[ItemRow]]:
    """Yield all items that match, in chunks from one snapshot."""
    return LISTING.everything(reads, filters)


async def get_deleted(uow: UnitOfWork, item_id: uuid.UUID) -> Item:
    """Return the deleted item, locked until the transaction ends.

    Raises:
        NotFound: there is no such item, or it is not deleted.
    """
    return found(
        await uow.session.scalar(
            select(Item).where(Item.id == item_id, Item.deleted_at.is_not(None)).with_for_update()
        ),
        "deleted item",
    )


async def mark_processed(uow: UnitOfWork, item: Item, *, at: datetime) -> None:
    item.processed_at = at
    await uow.session.flush()


async def restore(uow: UnitOfWork, item: Item) -> Item:
    item.deleted_at = None
    await uow.session.flush()
    return item


async def create(uow: UnitOfWork, data: ItemCreate, *, owner: Principal) -> ItemRow:
    """Create an item, as the last statement of the unit of work.

    Raises:
        Unprocessable: there is no such category.
    """
    with known_category():
        item = await insert_last(uow, INSERT, **data.model_dump(), owner_id=owner.id)
    uow.when_committed(metrics.ITEMS_CREATED.inc)
    return item


async def create_many(
    uow: UnitOfWork, batch: Sequence[ItemCreate], *, owner: Principal
) -> list[ItemRow]:
    """Create the items in one statement and return them in the order of the batch.

    Raises:
        Unprocessable: a category does not exist.
    """
    if not batch:
        return []
    # `model_dump` would take as long as the rest of this function.
    rows = [{**vars(data), "owner_id": owner.id} for data in batch]
    with known_category():
        created = await insert_many(uow, INSERT_MANY, rows)
    uow.when_committed(metrics.ITEMS_CREATED.inc, len(rows))
    return created


async def replace(uow: UnitOfWork, item: Item, data: ItemCreate) -> Item:
    return await change(uow, item, data.model_dump())


async def update(uow: UnitOfWork, item: Item, data: ItemUpdate) -> Item:
    return await change(uow, item, data.model_dump())


async def change(uow: UnitOfWork, item: Item, fields: Mapping[str, Any]) -> Item:
    """Change the fields of the item.

    Raises:
        Unprocessable: price and tax break a rule together, or there is no such category.
    """
    for field, value in fields.items():
        setattr(item, field, value)
    item.check_gross_price(fields)
    with known_category():
        await uow.session.flush()
    return item


@contextmanager
def known_category() -> Iterator[None]:
    """Translate a foreign key violation: only the category can be missing, not the owner.

    Raises:
        Unprocessable: the category does not exist.
    """
    try:
        yield
    except ForeignKeyViolation as error:
        raise Unprocessable(violations=[UNKNOWN_CATEGORY]) from error


async def delete(uow: UnitOfWork, item: Item) -> None:
    item.deleted_at = now()
    await uow.session.flush()


async def leave_category(uow: UnitOfWork, category_id: uuid.UUID) -> None:
    """Remove deleted items from a category, which could not be deleted otherwise."""
    await uow.session.execute(
        update_statement(Item)
        .where(Item.category_id == category_id, Item.deleted_at.is_not(None))
        .values(category_id=None, version=Item.version + 1)
    )
