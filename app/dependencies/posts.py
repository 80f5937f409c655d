"""Posts, as endpoints ask for them: loaded through what the caller may see, permitted once."""

import uuid
from typing import Annotated, Any

from fastapi import Depends, Query

from app.crud import posts
from app.db.reads import Row
from app.dependencies.auth import PostReader, PostWriter, permit_change
from app.dependencies.database import ReplicaReads, SessionDep
from app.dependencies.pagination import Pagination, paginated
from app.dependencies.preconditions import PreconditionDep
from app.models.post import Post, Status
from app.schemas.base import Text


async def get_post(post_id: uuid.UUID, reads: ReplicaReads, principal: PostReader) -> Row:
    return await posts.get(reads, post_id, viewer=principal)


async def get_own_post(
    post_id: uuid.UUID, session: SessionDep, principal: PostWriter, precondition: PreconditionDep
) -> Post:
    post = await posts.get_for_change(session, post_id, viewer=principal)
    permit_change(principal, post.author_id)
    precondition.check(post)
    return post


async def get_post_filters(
    author_id: uuid.UUID | None = None,
    status: Status | None = None,
    q: Annotated[
        Text | None, Query(min_length=3, max_length=50, description="Words of title and body.")
    ] = None,
) -> dict[str, Any]:
    return {"author_id": author_id, "status": status, "q": q}


ReadablePost = Annotated[Row, Depends(get_post)]
OwnPost = Annotated[Post, Depends(get_own_post)]
PostFilters = Annotated[dict[str, Any], Depends(get_post_filters)]
PostPagination = Annotated[
    Pagination, Depends(paginated(posts.LISTING.sorts, posts.LISTING.default_sort))
]
