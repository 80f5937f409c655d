"""Endpoint of the posts of the caller."""

from fastapi import APIRouter, Response

from app.db.dependencies import ReplicaReads
from app.features.posts import crud as posts
from app.features.posts.dependencies import PostPagination
from app.features.posts.schemas import PostRead
from app.features.posts.scopes import PostReader
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute

router = APIRouter(prefix="/users", tags=["users"], route_class=UnitOfWorkRoute)


@router.get("/me/posts", response_model=Page[PostRead])
async def list_own_posts(
    reads: ReplicaReads, principal: PostReader, pagination: PostPagination
) -> Response:
    """List your posts, drafts among them."""
    filters = {"author_id": principal.id}
    page = await posts.list_page(reads, pagination.page, filters, viewer=principal)
    return pagination.respond(page)
