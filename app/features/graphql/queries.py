"""What can be asked for, with the scopes that the other endpoints ask for.

No field is null without an error. They may be so that one that fails leaves the others.
"""

import uuid
from functools import partial

import strawberry

from app.errors import NotPermitted
from app.features.graphql.connections import connection
from app.features.graphql.context import Asked
from app.features.graphql.costs import DEFAULT_FIRST
from app.features.graphql.inputs import ItemFilter, validated
from app.features.graphql.types import Connection, Item, Post, User, from_row, post_of
from app.features.items import crud as items
from app.features.items.schemas import ItemQuery
from app.features.posts import crud as posts
from app.features.users.crud import users
from app.security.principals import Scope


@strawberry.type
class Query:
    @strawberry.field(description="Your own account.")
    async def me(self, info: Asked) -> User | None:
        info.context.require(Scope.USERS_READ)
        return from_row(User, await users.get(info.context.reads, info.context.principal.id))

    @strawberry.field(description="Your own account or, for administrators, anybody's.")
    async def user(self, info: Asked, id: uuid.UUID) -> User | None:
        info.context.require(Scope.USERS_READ)
        if not info.context.principal.may_change(id):
            raise NotPermitted("Only administrators read the accounts of others.")
        return from_row(User, await users.get(info.context.reads, id))

    @strawberry.field(description="The accounts, for administrators, newest first.")
    async def users(
        self, info: Asked, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[User] | None:
        info.context.require(Scope.ADMIN)
        fetch = partial(users.list_page, info.context.reads, filters={})
        make = partial(from_row, User)
        return await connection(info.context, users.LISTING, fetch, make, first=first, after=after)

    @strawberry.field
    async def item(self, info: Asked, id: uuid.UUID) -> Item | None:
        info.context.require(Scope.ITEMS_READ)
        return from_row(Item, await items.get(info.context.reads, id))

    @strawberry.field(description="The items that match, newest first.")
    async def items(
        self,
        info: Asked,
        first: int = DEFAULT_FIRST,
        after: str | None = None,
        filter: ItemFilter | None = None,
    ) -> Connection[Item] | None:
        info.context.require(Scope.ITEMS_READ)
        filters = validated(ItemQuery, filter, "filter").model_dump() if filter else {}
        fetch = partial(items.list_page, info.context.reads, filters=filters)
        make = partial(from_row, Item)
        return await connection(info.context, items.LISTING, fetch, make, first=first, after=after)

    @strawberry.field(description="The published posts and your own drafts, newest first.")
    async def posts(
        self, info: Asked, first: int = DEFAULT_FIRST, after: str | None = None
    ) -> Connection[Post] | None:
        info.context.require(Scope.POSTS_READ)
        viewer = info.context.principal
        fetch = partial(posts.list_page, info.context.reads, filters={}, viewer=viewer)
        return await connection(
            info.context, posts.LISTING, fetch, post_of, first=first, after=after
        )
