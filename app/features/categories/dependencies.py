"""Dependencies of the category endpoints: each category is loaded and authorized once."""

import uuid
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import TypeAdapter

from app.db.dependencies import Reads, ReplicaReads, UnitOfWorkDep
from app.db.listing import Filters
from app.features.categories import crud as categories
from app.features.categories.models import Category, CategoryRow
from app.features.categories.response_cache import CachedResponse, ResponseCache, cacheable
from app.features.categories.schemas import EXAMPLE_ID, CategoryNode
from app.features.categories.scopes import ItemReader
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.resources import resources_of
from app.security.authentication import Administrator

NODES = TypeAdapter(list[CategoryNode])
CategoryId = Annotated[uuid.UUID, Path(description="Id of the category.", examples=[EXAMPLE_ID])]


async def get_category(category_id: CategoryId, reads: ReplicaReads, _: ItemReader) -> CategoryRow:
    return await categories.get(reads, category_id)


async def get_category_for_change(
    category_id: CategoryId, uow: UnitOfWorkDep, _: Administrator, precondition: PreconditionDep
) -> Category:
    category = await categories.get_for_change(uow, category_id)
    precondition.check(category)
    return category


async def get_category_tree(request: Request, reads: Reads, _: ItemReader) -> CachedResponse:
    """Return the cached tree as JSON, read from the primary because a replica may lag."""

    async def load() -> tuple[CachedResponse, float]:
        return cacheable(NODES.dump_json(await categories.list_tree(reads)))

    return await resources_of(request)[ResponseCache].get(categories.TREE_CACHE_KEY, load)


async def get_category_filters(
    parent_id: Annotated[
        uuid.UUID | None, Query(description="Directly below this category.")
    ] = None,
) -> Filters:
    return {"parent_id": parent_id}


CategoryTree = Annotated[CachedResponse, Depends(get_category_tree)]
ReadableCategory = Annotated[CategoryRow, Depends(get_category)]
AnyCategory = Annotated[Category, Depends(get_category_for_change)]
CategoryFilters = Annotated[Filters, Depends(get_category_filters)]
CategoryPagination = Annotated[Pagination, Depends(paginated(categories.LISTING))]
