"""Items in GraphQL: queries, filters and mutations, by the rules of the REST endpoints."""

import uuid
from datetime import datetime
from decimal import Decimal
from functools import partial

import strawberry
from strawberry.types.unset import UNSET

from app.features.categories.graphql import Category, find_category
from app.features.categories.scopes import ITEMS_READ
from app.features.graphql.connections import connection
from app.features.graphql.context import Info, MutationContext, MutationInfo
from app.features.graphql.costs import DEFAULT_FIRST
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.inputs import validated
from app.features.graphql.types import Connection, from_row
from app.features.items import crud as items
from app.features.items.models import Item as StoredItem
from app.features.items.schemas import ItemCreate, ItemQuery, ItemRead, ItemUpdate
from app.features.items.scopes import ITEMS_WRITE
from app.features.users.graphql import Person, find_person
from app.security.authentication import permit_change


@strawberry.type(description="An item on offer.")
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
    async def owner(self, info: Info) -> Person | None:
        return await find_person(info.context, self.owner_id)

    @strawberry.field
    async def category(self, info: Info) -> Category | None:
        info.context.require(ITEMS_READ)
        return await find_category(info.context, self.category_id)


@strawberry.input
class CreateItemInput:
    name: str
    price: Decimal
    description: str | None = UNSET
    tax: Decimal | None = UNSET
    tags: list[str] | None = UNSET
    category_id: uuid.UUID | None = UNSET


@strawberry.input(description="Omitted fields stay as they are.")
class UpdateItemInput:
    name: str | None = UNSET
    price: Decimal | None = UNSET
    description: str | None = UNSET
    tax: Decimal | None = UNSET
    tags: list[str] | None = UNSET
    category_id: uuid.UUID | None = UNSET


@strawberry.input(description="All conditions must match.")
class ItemFilter:
    q: str | None = UNSET
    tag: list[str] | None = UNSET
    category_id: uuid.UUID | None = UNSET
    owner_id: uuid.UUID | None = UNSET
    min_price: Decimal | None = UNSET
    max_price: Decimal | None = UNSET


@strawberry.type
class ItemQueries:
    @strawberry.field
    async def item(self, info: Info, id: uuid.UUID) -> Item | None:
        info.context.require(ITEMS_READ)
        return from_row(Item, await items.get(info.context.reads, id))

    @strawberry.field(description="The items that match, newest first.")
    async def items(
        self,
        info: Info,
        first: int = DEFAULT_FIRST,
        after: str | None = None,
        filter: ItemFilter | None = None,
    ) -> Connection[Item] | None:
        info.context.require(ITEMS_READ)
        filters = validated(ItemQuery, filter, "filter").model_dump() if filter else {}
        fetch = partial(items.list_page, info.context.reads, filters=filters)
        make = partial(from_row, Item)
        return await connection(info.context, items.LISTING, fetch, make, first=first, after=after)


@strawberry.type
class ItemMutations:
    @strawberry.mutation(description="Create an item; it is yours.")
    async def create_item(self, info: MutationInfo, input: CreateItemInput) -> Item | None:
        info.context.require(ITEMS_WRITE)
        data = validated(ItemCreate, input)
        async with info.context.uow.session.begin_nested():
            row = await items.create(info.context.uow, data, owner=info.context.principal)
        return from_row(Item, row)

    @strawberry.mutation(description="Change the fields of your item that you send.")
    async def update_item(
        self, info: MutationInfo, id: uuid.UUID, input: UpdateItemInput
    ) -> Item | None:
        info.context.require(ITEMS_WRITE)
        data = validated(ItemUpdate, input)
        async with info.context.uow.session.begin_nested():
            row = await own_item(info.context, id)
            return item_of(await items.update(info.context.uow, row, data))

    @strawberry.mutation(description="Delete your item; returns its id.")
    async def delete_item(self, info: MutationInfo, id: uuid.UUID) -> uuid.UUID | None:
        info.context.require(ITEMS_WRITE)
        async with info.context.uow.session.begin_nested():
            row = await own_item(info.context, id)
            await items.delete(info.context.uow, row)
        return id


async def own_item(context: MutationContext, item_id: uuid.UUID) -> StoredItem:
    """Return an item that the caller may change, locked until the transaction ends.

    Raises:
        NotFound: there is no such item, or it is deleted.
        NotPermitted: the caller may not change it.
    """
    row = await items.get_for_change(context.uow, item_id)
    permit_change(context.principal, row.owner_id)
    return row


def item_of(row: StoredItem) -> Item:
    return from_row(Item, ItemRead.model_validate(row).model_dump())


extension = GraphQLTypes(query=ItemQueries, mutation=ItemMutations)
