"""Endpoints of categories."""

from fastapi import APIRouter, Request, Response, status

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.errors import NotFound, PreconditionFailed
from app.features.categories import crud as categories
from app.features.categories.dependencies import (
    AnyCategory,
    CategoryFilters,
    CategoryPagination,
    CategoryTree,
    ReadableCategory,
)
from app.features.categories.models import (
    CategoryCycle,
    CategoryInUse,
    CategoryNameTaken,
    CategoryRow,
    CategoryTooDeep,
    TooManyCategories,
)
from app.features.categories.response_cache import cached_response
from app.features.categories.schemas import (
    CategoryCreate,
    CategoryNodes,
    CategoryRead,
    CategoryUpdate,
)
from app.features.categories.scopes import ItemReader
from app.features.categories.signals import CategoryDeleted
from app.http.etag_response import etag_response
from app.http.openapi import CACHED
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import Administrator

router = APIRouter(prefix="/categories", tags=["categories"], route_class=UnitOfWorkRoute)


@router.get("", response_model=Page[CategoryRead])
async def list_categories(
    reads: ReplicaReads, _: ItemReader, filters: CategoryFilters, pagination: CategoryPagination
) -> Response:
    """List the categories by name unless sorted otherwise, or those below one parent."""
    page = await categories.list_page(reads, pagination.page, filters)
    return pagination.respond(page, CategoryRow)


@router.get("/tree", response_model=CategoryNodes, responses=CACHED)
async def read_category_tree(tree: CategoryTree, request: Request) -> Response:
    """Read all categories as a tree; siblings are sorted by name."""
    return cached_response(request, tree)


@router.get("/{category_id}", response_model=CategoryRead, responses=responses(NotFound))
async def read_category(category: ReadableCategory, request: Request) -> Response:
    """Read one category."""
    return etag_response(request, CategoryRead, category)


@router.post(
    "",
    response_model=CategoryRead,
    status_code=status.HTTP_201_CREATED,
    responses=responses(CategoryNameTaken, CategoryTooDeep, TooManyCategories),
)
async def create_category(
    data: CategoryCreate, uow: UnitOfWorkDep, _: Administrator, request: Request
) -> Response:
    """Create a category below another one, or a root."""
    category = await categories.create(uow, data)
    location = f"{request.url.path}/{category.id}"
    return etag_response(request, CategoryRead, category, location=location)


@router.patch(
    "/{category_id}",
    response_model=CategoryRead,
    responses=responses(
        NotFound, PreconditionFailed, CategoryNameTaken, CategoryCycle, CategoryTooDeep
    ),
)
async def update_category(
    data: CategoryUpdate, category: AnyCategory, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Change fields of a category; with another parent, everything below moves along."""
    return etag_response(request, CategoryRead, await categories.update(uow, category, data))


@router.delete(
    "/{category_id}",
    status_code=204,
    response_class=Response,
    responses=responses(NotFound, PreconditionFailed, CategoryInUse),
)
async def delete_category(category: AnyCategory, uow: UnitOfWorkDep) -> None:
    """Delete a category that has no categories below it and no items in it."""
    await uow.emit(CategoryDeleted(category.id))
    await categories.delete(uow, category)
