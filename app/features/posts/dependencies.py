"""Dependencies of the post endpoints: load posts visible to the caller, and authorize changes."""

import uuid
from typing import Annotated

from fastapi import Depends, Path, Query

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.db.listing import Filters
from app.features.posts import crud as posts
from app.features.posts.models import Post, PostRow, Status
from app.features.posts.schemas import EXAMPLE_ID
from app.features.posts.scopes import PostReader, PostWriter
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.http.schemas import SearchText
from app.security.authentication import permit_change

PostId = Annotated[uuid.UUID, Path(description="Id of the post.", examples=[EXAMPLE_ID])]


async def get_post(post_id: PostId, reads: ReplicaReads, principal: PostReader) -> PostRow:
    return await posts.get(reads, post_id, viewer=principal)


async def get_own_post(
    post_id: PostId, uow: UnitOfWorkDep, principal: PostWriter, precondition: PreconditionDep
) -> Post:
    post = await posts.get_for_change(uow, post_id, viewer=principal)
    permit_change(principal, post.author_id)
    precondition.check(post)
    return post


async def get_post_filters(
    author_id: Annotated[uuid.UUID | None, Query(description="Written by this user.")] = None,
    status: Annotated[Status | None, Query(description="Published posts or drafts alone.")] = None,
    q: Annotated[
        SearchText | None,
        Query(description="Words of title and body, or their beginnings; all must match."),
    ] = None,
) -> Filters:
    return {"author_id": author_id, "status": status, "q": q}


ReadablePost = Annotated[PostRow, Depends(get_post)]
OwnPost = Annotated[Post, Depends(get_own_post)]
PostFilters = Annotated[Filters, Depends(get_post_filters)]
PostPagination = Annotated[Pagination, Depends(paginated(posts.LISTING))]
