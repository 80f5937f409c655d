"""Endpoint of the items of the caller."""

from fastapi import APIRouter, Response

from app.db.dependencies import ReplicaReads
from app.features.categories.scopes import ItemReader
from app.features.items import crud as items
from app.features.items.dependencies import ItemPagination
from app.features.items.models import ItemRow
from app.features.items.schemas import ItemRead
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute

router = APIRouter(prefix="/users", tags=["users"], route_class=UnitOfWorkRoute)


@router.get("/me/items", response_model=Page[ItemRead])
async def list_own_items(
    reads: ReplicaReads, principal: ItemReader, pagination: ItemPagination
) -> Response:
    """List your items."""
    page = await items.list_page(reads, pagination.page, {"owner_id": principal.id})
    return pagination.respond(page, ItemRow)
