"""Dependencies of the category endpoints: each category is loaded and authorized once."""

import uuid
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import TypeAdapter

from app.db.dependencies import Reads, ReplicaReads, SessionDep
from app.db.executor import Row
from app.features.categories import crud as categories
from app.features.categories.models import Category
from app.features.categories.schemas import CategoryNode
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.http.resources import HttpResources
from app.http.response_cache import CachedResponse, ResponseCache, cacheable
from app.resources import resources
from app.security.authentication import Administrator, ItemReader

NODES = TypeAdapter(list[CategoryNode])


async def get_category(category_id: uuid.UUID, reads: ReplicaReads, _: ItemReader) -> Row:
    return await categories.get(reads, category_id)


async def get_category_for_change(
    category_id: uuid.UUID, session: SessionDep, _: Administrator, precondition: PreconditionDep
) -> Category:
    category = await categories.get_for_change(session, category_id)
    precondition.check(category)
    return category


async def get_category_tree(request: Request, reads: Reads, _: ItemReader) -> CachedResponse:
    """Return the cached tree as JSON, read from the primary because a replica may lag."""

    async def load() -> tuple[CachedResponse, float]:
        nodes = NODES.validate_python(await categories.list_tree(reads))
        return cacheable(NODES.dump_json(nodes))

    response_cache: ResponseCache = resources(request)[HttpResources].response_cache
    return await response_cache.get(categories.TREE_CACHE_KEY, load)


async def get_category_filters(parent_id: uuid.UUID | None = None) -> dict[str, Any]:
    return {"parent_id": parent_id}


CategoryTree = Annotated[CachedResponse, Depends(get_category_tree)]
ReadableCategory = Annotated[Row, Depends(get_category)]
AnyCategory = Annotated[Category, Depends(get_category_for_change)]
CategoryFilters = Annotated[dict[str, Any], Depends(get_category_filters)]
CategoryPagination = Annotated[
    Pagination, Depends(paginated(categories.LISTING.sorts, categories.LISTING.default_sort))
]
