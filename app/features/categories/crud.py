"""Queries and changes of the categories table, a tree. Flushes; never commits."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
)

from app.db.errors import ForeignKeyViolation, UniqueViolation
from app.db.executor import CompiledStatement, Reader, columns_of
from app.db.listing import Filters, Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import Unprocessable, Violation, found
from app.features.categories.models import (
    MAX_CATEGORIES,
    Category,
    CategoryInUse,
    CategoryNameTaken,
    CategoryRow,
    TooManyCategories,
)
from app.features.categories.response_cache import CHANNEL
from app.features.categories.schemas import CategoryCreate, CategoryNode, CategoryUpdate

TREE_LOCK = 7_246_393
# Response cache key of the tree.
TREE_CACHE_KEY = "category_tree"
COLUMNS = columns_of(Category, CategoryRow)
LOCKED = CompiledStatement(
    select(Category.id)
    .where(Category.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .with_for_update(read=True, key_share=True)
)
UNKNOWN_PARENT = Violation("/body/parent_id", "There is no such category", "unknown_category")
IN_USE = {
    "fk_categories_parent_id": "There are categories below it.",
    "fk_items_category_id": "There are items in it.",
}


def subtree(top: ColumnElement[bool]) -> CTE:
    """Select the matching categories (`level` 1) and all their descendants."""
    columns = (Category.id, Category.parent_id, Category.name, Category.name_canonical)
    found = select(*columns, literal_column("1").label("level")).where(top).cte(recursive=True)
    below = select(*columns, found.c.level + 1).join(found, Category.parent_id == found.c.id)
    return found.union_all(below)


WHOLE = subtree(Category.parent_id.is_(None))
TREE = CompiledStatement(
    select(WHOLE.c.id, WHOLE.c.parent_id, WHOLE.c.name).order_by(
        WHOLE.c.level, WHOLE.c.name_canonical
    )
)
BY_ID = CompiledStatement[CategoryRow](select(*COLUMNS).where(Category.id == bindparam("id")))
BY_IDS = CompiledStatement[CategoryRow](
    select(*COLUMNS).where(Category.id == any_(bindparam("ids", type_=ARRAY(Uuid()))))
)
LISTING = Listing[CategoryRow](
    COLUMNS,
    where=[],
    filters={"parent_id": lambda: Category.parent_id == bindparam("parent_id")},
    sorts={"name": Category.name, "created_at": Category.created_at},
    default_sort=("name",),
    key=Category.id,
)


async def get(reads: Reader, category_id: uuid.UUID) -> CategoryRow:
    """Return the category as a row.

    Raises:
        NotFound: there is none.
    """
    return found(await reads.first(BY_ID, id=category_id), "category")


async def find_many(reads: Reader, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, CategoryRow]:
    """Return those categories that exist, by id."""
    return {row["id"]: row for row in await reads.all(BY_IDS, ids=list(ids))}


async def get_for_change(uow: UnitOfWork, category_id: uuid.UUID) -> Category:
    """Return the category, with the tree locked until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    await lock_tree(uow)
    return found(await uow.session.get(Category, category_id, with_for_update=True), "category")


async def lock_tree(uow: UnitOfWork) -> None:
    # Two concurrent moves could each be valid alone and form a cycle together.
    await uow.session.execute(select(func.pg_advisory_xact_lock(TREE_LOCK)))


async def list_page(reads: Reader, request: PageRequest, filters: Filters) -> PageRows[CategoryRow]:
    """Return one page of the categories that match."""
    return await LISTING.page(reads, request, filters)


async def list_tree(reads: Reader) -> list[CategoryNode]:
    """Return the roots with nested `children`; siblings are sorted by name."""
    roots: list[CategoryNode] = []
    children = {None: roots}
    # Rows are ordered by level, so the list of the parent exists already.
    for row in await reads.all(TREE):
        node = CategoryNode(id=row["id"], name=row["name"])
        children[row["id"]] = node.children
        children[row["parent_id"]].append(node)
    return roots


async def find_unknown(uow: UnitOfWork, category_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return the ids without a category; lock the others until the transaction ends."""
    if not category_ids:
        return set()
    locked = await uow.execute(LOCKED, ids=list(category_ids))
    return set(category_ids) - {row["id"] for row in locked}


async def create(uow: UnitOfWork, data: CategoryCreate) -> Category:
    """Create a category below its parent, or a root.

    Raises:
        CategoryNameTaken, CategoryTooDeep, TooManyCategories: the tree does not allow it.
        Unprocessable: there is no such parent.
    """
    await lock_tree(uow)
    await check_limit(uow)
    category = Category(name=data.name, description=data.description)
    category.move(data.parent_id, path=await path_to(uow, data.parent_id))
    uow.session.add(category)
    await flush(uow)
    return category


async def check_limit(uow: UnitOfWork) -> None:
    """Check that one more category fits into the limit.

    Raises:
        TooManyCategories: the limit is reached.
    """
    count = await uow.session.scalar(select(func.count(Category.id))) or 0
    if count >= MAX_CATEGORIES:
        raise TooManyCategories(f"There are {MAX_CATEGORIES} categories already.")


async def update(uow: UnitOfWork, category: Category, data: CategoryUpdate) -> Category:
    """Change the fields that were sent; with another parent, all descendants move along.

    Raises:
        CategoryNameTaken, CategoryCycle, CategoryTooDeep: the tree does not allow it.
        Unprocessable: there is no such parent.
    """
    fields = data.model_dump()
    if "parent_id" in fields:
        await move(uow, category, fields.pop("parent_id"))
    for field, value in fields.items():
        setattr(category, field, value)
    await flush(uow)
    return category


async def move(uow: UnitOfWork, category: Category, parent_id: uuid.UUID | None) -> None:
    below = subtree(Category.id == category.id)
    height = await uow.session.scalar(select(func.max(below.c.level)))
    category.move(parent_id, path=await path_to(uow, parent_id), height=height or 1)


async def path_to(uow: UnitOfWork, category_id: uuid.UUID | None) -> Sequence[uuid.UUID]:
    """Return the ids of the category and its ancestors; empty if it does not exist."""
    columns = (Category.id, Category.parent_id)
    found = select(*columns).where(Category.id == category_id).cte(recursive=True)
    above = select(*columns).join(found, Category.id == found.c.parent_id)
    return (await uow.session.scalars(select(found.union_all(above).c.id))).all()


async def flush(uow: UnitOfWork) -> None:
    """Flush, and send the invalidation of the tree.

    Raises:
        CategoryNameTaken: a sibling has the name.
        Unprocessable: the parent does not exist.
    """
    try:
        await uow.session.flush()
        await uow.notify(CHANNEL, TREE_CACHE_KEY)
    except UniqueViolation as error:
        raise CategoryNameTaken("Another category below the same parent has this name.") from error
    except ForeignKeyViolation as error:
        raise Unprocessable(violations=[UNKNOWN_PARENT]) from error


async def delete(uow: UnitOfWork, category: Category) -> None:
    """Delete the category.

    Raises:
        CategoryInUse: there are categories below it or items in it.
    """
    await uow.session.delete(category)
    try:
        await uow.session.flush()
        await uow.notify(CHANNEL, TREE_CACHE_KEY)
    except ForeignKeyViolation as error:
        raise CategoryInUse(IN_USE.get(error.constraint or "")) from error
