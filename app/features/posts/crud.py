"""The posts table: queries and changes. Flushes; never commits."""

import uuid
from collections.abc import Mapping
from dataclasses import replace as replaced
from typing import Any

from sqlalchemy import Boolean, bindparam, or_, select
from sqlalchemy.orm import joinedload

from app.db.executor import CompiledStatement, Reader, Row
from app.db.listing import Listing, PageRequest, PageRows
from app.db.search import matches
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.posts.models import SEARCHED, Post, Status
from app.features.posts.schemas import PostCreate, PostRead, PostUpdate
from app.features.users.models.user import User
from app.observability import metrics
from app.runtime.clock import now
from app.security.principals import Principal

# Its parameters have no default: no statement on posts runs without a viewer.
IS_VISIBLE = or_(
    Post.status == Status.PUBLISHED,
    Post.author_id == bindparam("viewer_id"),
    bindparam("sees_all", type_=Boolean()),
)
# Only the public fields of the author; `with_author` nests them.
COLUMNS = [
    *(getattr(Post, name) for name in PostRead.model_fields if name != "author"),
    User.username,
    User.full_name,
]

BY_ID = CompiledStatement(
    select(*COLUMNS).join(Post.author).where(Post.id == bindparam("id"), IS_VISIBLE)
)


LISTING = Listing(
    COLUMNS,
    where=[Post.author_id == User.id, IS_VISIBLE],
    filters={
        "author_id": lambda: Post.author_id == bindparam("author_id"),
        "status": lambda: Post.status == bindparam("status"),
        "q": lambda: matches(SEARCHED),
    },
    sorts={"title": Post.title, "created_at": Post.created_at},
    default_sort=("-created_at",),
    key=Post.id,
)


async def get(reads: Reader, post_id: uuid.UUID, *, viewer: Principal) -> Row:
    """Return the post as a row with its author.

    Raises:
        NotFound: there is no such post, or it is a draft of another user.
    """
    row = found(await reads.first(BY_ID, id=post_id, **viewer.as_viewer()), "post")
    return with_author(row)


async def get_for_change(uow: UnitOfWork, post_id: uuid.UUID, *, viewer: Principal) -> Post:
    """Return the post with its author, locked until the transaction ends.

    Raises:
        NotFound: there is no such post, or it is a draft of another user.
    """
    statement = (
        select(Post)
        .where(Post.id == post_id, IS_VISIBLE)
        .options(joinedload(Post.author, innerjoin=True))
        .with_for_update(of=Post)
    )
    return found(await uow.session.scalar(statement, viewer.as_viewer()), "post")


async def list_page(
    reads: Reader, request: PageRequest, filters: Mapping[str, Any], *, viewer: Principal
) -> PageRows:
    """Return one page of the posts that match and that the viewer may see, with their authors."""
    rows = await LISTING.page(reads, request, {**filters, **viewer.as_viewer()})
    return replaced(rows, items=[with_author(row) for row in rows.items])


def with_author(row: Row) -> Row:
    names = {name: row.pop(name) for name in ("username", "full_name")}
    return {**row, "author": {"id": row["author_id"], **names}}


async def create(uow: UnitOfWork, data: PostCreate, *, author: Principal) -> Post:
    """Create a draft."""
    post = Post(**data.model_dump(), author=await uow.session.get_one(User, author.id))
    uow.session.add(post)
    await uow.session.flush()
    return post


async def replace(uow: UnitOfWork, post: Post, data: PostCreate) -> Post:
    return await change(uow, post, data.model_dump())


async def update(uow: UnitOfWork, post: Post, data: PostUpdate) -> Post:
    return await change(uow, post, data.model_dump())


async def change(uow: UnitOfWork, post: Post, fields: Mapping[str, Any]) -> Post:
    for field, value in fields.items():
        setattr(post, field, value)
    await uow.session.flush()
    return post


async def publish(uow: UnitOfWork, post: Post) -> Post:
    """Publish the post.

    Raises:
        AlreadyPublished: it is published.
    """
    post.publish(at=now())
    await uow.session.flush()
    uow.when_committed(metrics.POSTS_PUBLISHED.inc)
    return post


async def unpublish(uow: UnitOfWork, post: Post) -> None:
    """Make the post a draft again.

    Raises:
        NotPublished: it is a draft.
    """
    post.unpublish()
    await uow.session.flush()


async def delete(uow: UnitOfWork, post: Post) -> None:
    await uow.session.delete(post)
    await uow.session.flush()
