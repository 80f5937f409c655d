"""Endpoints of posts."""

from fastapi import APIRouter, Request, Response, status

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.errors import NotFound, NotPermitted, PreconditionFailed
from app.features.posts import crud as posts
from app.features.posts.dependencies import OwnPost, PostFilters, PostPagination, ReadablePost
from app.features.posts.models import AlreadyPublished, NotPublished
from app.features.posts.schemas import PostCreate, PostRead, PostUpdate
from app.features.posts.scopes import PostReader, PostWriter
from app.http.etag_response import etag_response
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute

router = APIRouter(prefix="/posts", tags=["posts"], route_class=UnitOfWorkRoute)
CHANGES = (NotFound, NotPermitted, PreconditionFailed)


@router.get("/{post_id}", response_model=PostRead, responses=responses(NotFound))
async def read_post(post: ReadablePost, request: Request) -> Response:
    """Read one post: a published one, or your own draft."""
    return etag_response(request, PostRead, post)


@router.get("", response_model=Page[PostRead])
async def list_posts(
    reads: ReplicaReads, principal: PostReader, filters: PostFilters, pagination: PostPagination
) -> Response:
    """List the published posts and your own drafts, newest first unless sorted otherwise."""
    page = await posts.list_page(reads, pagination.page, filters, viewer=principal)
    return pagination.respond(page)


@router.post("", response_model=PostRead, status_code=status.HTTP_201_CREATED)
async def create_post(
    data: PostCreate, uow: UnitOfWorkDep, principal: PostWriter, request: Request
) -> Response:
    """Create a draft; only you and administrators see it until you publish it."""
    post = await posts.create(uow, data, author=principal)
    return etag_response(request, PostRead, post, location=f"{request.url.path}/{post.id}")


@router.put("/{post_id}", response_model=PostRead, responses=responses(*CHANGES))
async def replace_post(
    data: PostCreate, post: OwnPost, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Replace title and body of your post."""
    return etag_response(request, PostRead, await posts.replace(uow, post, data))


@router.patch("/{post_id}", response_model=PostRead, responses=responses(*CHANGES))
async def update_post(
    data: PostUpdate, post: OwnPost, uow: UnitOfWorkDep, request: Request
) -> Response:
    """Change fields of your post; those that you do not send stay."""
    return etag_response(request, PostRead, await posts.update(uow, post, data))


@router.delete(
    "/{post_id}", status_code=204, response_class=Response, responses=responses(*CHANGES)
)
async def delete_post(post: OwnPost, uow: UnitOfWorkDep) -> None:
    """Delete your post for good."""
    await posts.delete(uow, post)


@router.put(
    "/{post_id}/publication",
    response_model=PostRead,
    responses=responses(*CHANGES, AlreadyPublished),
)
async def publish_post(post: OwnPost, uow: UnitOfWorkDep, request: Request) -> Response:
    """Publish your draft: all users see it."""
    return etag_response(request, PostRead, await posts.publish(uow, post))


@router.delete(
    "/{post_id}/publication",
    status_code=204,
    response_class=Response,
    responses=responses(*CHANGES, NotPublished),
)
async def unpublish_post(post: OwnPost, uow: UnitOfWorkDep) -> None:
    """Make your post a draft again."""
    await posts.unpublish(uow, post)
