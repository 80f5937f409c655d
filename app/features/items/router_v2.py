"""Endpoints of items in version 2: prices have a currency, lists use cursors only."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.errors import NotFound, NotPermitted, PreconditionFailed
from app.features.categories.scopes import ItemReader
from app.features.items import crud as items
from app.features.items.dependencies import ItemFilters, OwnItemV2, ReadableItemV2
from app.features.items.schemas_v2 import ItemCreateV2, ItemReadV2, ItemUpdateV2
from app.features.items.scopes import ItemWriter
from app.http.etag_response import etag_response
from app.http.pagination import Pagination, paginated_by_cursor
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute

router = APIRouter(prefix="/api/v2/items", tags=["items v2"], route_class=UnitOfWorkRoute)
CHANGES = responses(NotFound, NotPermitted, PreconditionFailed)
ItemPages = Annotated[Pagination, Depends(paginated_by_cursor(items.LISTING))]


@router.get("/{item_id}", response_model=ItemReadV2, responses=responses(NotFound))
async def read_item_v2(item: ReadableItemV2, request: Request) -> Response:
    """Read one item."""
    return etag_response(request, ItemReadV2, item)


@router.get("", response_model=Page[ItemReadV2])
async def list_items_v2(
    reads: ReplicaReads, _: ItemReader, filters: ItemFilters, pagination: ItemPages
) -> Response:
    """List the items, newest first unless sorted otherwise."""
    return pagination.respond(await items.list_page(reads, pagination.page, filters))


@router.post("", response_model=ItemReadV2, status_code=status.HTTP_201_CREATED)
async def create_item_v2(
    data: ItemCreateV2, uow: UnitOfWorkDep, principal: ItemWriter, request: Request
) -> Response:
    """Create an item; it is yours."""
    item = await items.create(uow, data.to_v1(), owner=principal)
    location = f"{request.url.path}/{item['id']}"
    return etag_response(request, ItemReadV2, item, location=location)


@router.patch("/{item_id}", response_model=ItemReadV2, responses=CHANGES)
async def update_item_v2(
    data: ItemUpdateV2, item: OwnItemV2, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Change fields of your item; those that you do not send stay."""
    return etag_response(request, ItemReadV2, await items.update(uow, item, data.to_v1()))


@router.delete("/{item_id}", status_code=204, response_class=Response, responses=CHANGES)
async def delete_item_v2(item: OwnItemV2, uow: UnitOfWorkDep) -> None:
    """Delete your item; it can be restored."""
    await items.delete(uow, item)
