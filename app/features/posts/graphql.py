"""Posts in GraphQL: published posts, and the drafts of the caller."""

import uuid
from datetime import datetime
from functools import partial

import strawberry

from app.features.graphql.connections import connection
from app.features.graphql.context import Info
from app.features.graphql.costs import DEFAULT_FIRST
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.types import After, Connection, First, from_row
from app.features.posts import crud as posts
from app.features.posts.models import PostRow, Status
from app.features.posts.scopes import POSTS_READ
from app.features.users.graphql import PublicUser

strawberry.enum(
    Status, name="PostStatus", description="A DRAFT is visible to its author and administrators."
)


@strawberry.type(description="A post: a draft, or published for all users.")
class Post:
    id: uuid.UUID = strawberry.field(description="Its id.")
    title: str = strawberry.field(description="Its title.")
    body: str = strawberry.field(description="Its text.")
    author: PublicUser = strawberry.field(description="The user who wrote it.")
    status: Status = strawberry.field(
        description="PUBLISHED for all users, DRAFT for its author and administrators."
    )
    published_at: datetime | None = strawberry.field(
        description="Time of the publication; null for a draft."
    )
    created_at: datetime = strawberry.field(description="Time of the creation.")
    updated_at: datetime = strawberry.field(description="Time of the last change.")
    version: int = strawberry.field(description="Number of changes, from 1.")


@strawberry.type
class PostQueries:
    @strawberry.field(description="The published posts and your own drafts, newest first.")
    async def posts(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Post] | None:
        info.context.require(POSTS_READ)
        viewer = info.context.principal
        fetch = partial(posts.list_page, info.context.reads, filters={}, viewer=viewer)
        return await connection(
            info.context, posts.LISTING, fetch, post_of, first=first, after=after
        )


def post_of(row: PostRow) -> Post:
    return from_row(Post, {**row, "author": from_row(PublicUser, row["author"])})


extension = GraphQLTypes(query=PostQueries)
