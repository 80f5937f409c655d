"""Dependencies of the post endpoints: load posts visible to the caller, and authorize changes."""

import uuid
from typing import Annotated, Any

from fastapi import Depends, Query

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.db.executor import Row
from app.features.posts import crud as posts
from app.features.posts.models import Post, Status
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.http.schemas import Question
from app.security.authentication import PostReader, PostWriter, permit_change


async def get_post(post_id: uuid.UUID, reads: ReplicaReads, principal: PostReader) -> Row:
    return await posts.get(reads, post_id, viewer=principal)


async def get_own_post(
    post_id: uuid.UUID, uow: UnitOfWorkDep, principal: PostWriter, precondition: PreconditionDep
) -> Post:
    post = await posts.get_for_change(uow, post_id, viewer=principal)
    permit_change(principal, post.author_id)
    precondition.check(post)
    return post


async def get_post_filters(
    author_id: uuid.UUID | None = None,
    status: Status | None = None,
    q: Annotated[
        Question | None,
        Query(description="Words of title and body, or their beginnings; all must match."),
    ] = None,
) -> dict[str, Any]:
    return {"author_id": author_id, "status": status, "q": q}


ReadablePost = Annotated[Row, Depends(get_post)]
OwnPost = Annotated[Post, Depends(get_own_post)]
PostFilters = Annotated[dict[str, Any], Depends(get_post_filters)]
PostPagination = Annotated[
    Pagination, Depends(paginated(posts.LISTING.sorts, posts.LISTING.default_sort))
]
