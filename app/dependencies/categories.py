"""Categories, as endpoints ask for them: loaded once, permitted once."""

import uuid
from typing import Annotated, Any

from fastapi import Depends

from app.crud import categories
from app.db.reads import Row
from app.dependencies.auth import Administrator, ItemReader
from app.dependencies.database import ReplicaReads, SessionDep
from app.dependencies.pagination import Pagination, paginated
from app.dependencies.preconditions import PreconditionDep
from app.models.category import Category


async def get_category(category_id: uuid.UUID, reads: ReplicaReads, _: ItemReader) -> Row:
    return await categories.get(reads, category_id)


async def get_category_for_change(
    category_id: uuid.UUID, session: SessionDep, _: Administrator, precondition: PreconditionDep
) -> Category:
    category = await categories.get_for_change(session, category_id)
    precondition.check(category.version)
    return category


async def get_category_filters(parent_id: uuid.UUID | None = None) -> dict[str, Any]:
    return {"parent_id": parent_id}


ReadableCategory = Annotated[Row, Depends(get_category)]
AnyCategory = Annotated[Category, Depends(get_category_for_change)]
CategoryFilters = Annotated[dict[str, Any], Depends(get_category_filters)]
CategoryPagination = Annotated[
    Pagination, Depends(paginated(categories.LISTING.sorts, categories.LISTING.default_sort))
]
