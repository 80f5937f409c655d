"""The types of the schema, made from the rows that the other endpoints answer with."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import strawberry

from app.db.executor import Row
from app.features.graphql.context import Asked
from app.features.posts.models import Status
from app.security.principals import Role, Scope

Node = TypeVar("Node")

strawberry.enum(Role)
strawberry.enum(Status, name="PostStatus")


def from_row(kind: Callable[..., Node], row: Mapping[str, Any]) -> Node:
    """The type with those of the row's values that it has fields for."""
    names = kind.__dataclass_fields__.keys()  # type: ignore[attr-defined]  # strawberry's
    return kind(**{name: row[name] for name in names if name in row})


@strawberry.type(description="As much of an account as everybody may see.")
class Person:
    id: uuid.UUID
    username: str
    full_name: str | None


@strawberry.type(description="An account: your own or, for administrators, anybody's.")
class User:
    id: uuid.UUID
    email: str
    username: str
    full_name: str | None
    age: int | None
    role: Role
    is_active: bool
    email_verified: bool
    created_at: datetime
    updated_at: datetime
    version: int


@strawberry.type(description="A branch of the tree that items are sorted into.")
class Category:
    id: uuid.UUID
    name: str
    description: str | None
    parent_id: uuid.UUID | None

    @strawberry.field
    async def parent(self, info: Asked) -> "Category | None":
        if self.parent_id is None:
            return None
        row = await info.context.loaders.categories.load(self.parent_id)
        return from_row(Category, row) if row else None


@strawberry.type(description="Something on offer.")
class Item:
    id: uuid.UUID
    name: str
    description: str | None
    price: Decimal
    tax: Decimal
    tags: list[str]
    category_id: uuid.UUID | None
    owner_id: uuid.UUID
    processed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int

    @strawberry.field
    async def owner(self, info: Asked) -> Person | None:
        row = await info.context.loaders.people.load(self.owner_id)
        return from_row(Person, row) if row else None

    @strawberry.field
    async def category(self, info: Asked) -> Category | None:
        info.context.require(Scope.ITEMS_READ)
        if self.category_id is None:
            return None
        row = await info.context.loaders.categories.load(self.category_id)
        return from_row(Category, row) if row else None


@strawberry.type(description="What somebody writes: a draft, or what all may read.")
class Post:
    id: uuid.UUID
    title: str
    body: str
    author: Person
    status: Status
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


def post_of(row: Row) -> Post:
    return from_row(Post, {**row, "author": from_row(Person, row["author"])})


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[Node]):
    cursor: str
    node: Node


@strawberry.type(description="One page (Relay Cursor Connections).")
class Connection(Generic[Node]):
    edges: list[Edge[Node]]
    page_info: PageInfo
