"""Items in GraphQL: queries, filters and mutations, by the rules of the REST endpoints."""

import uuid
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated

import strawberry
from strawberry.types.unset import UNSET

from app.features.categories.graphql import Category, find_category
from app.features.categories.scopes import ITEMS_READ
from app.features.graphql.connections import connection
from app.features.graphql.context import Info, MutationContext, MutationInfo
from app.features.graphql.costs import DEFAULT_FIRST
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.inputs import validated
from app.features.graphql.types import After, Connection, First, from_row
from app.features.items import crud as items
from app.features.items.models import Item as StoredItem
from app.features.items.schemas import ItemCreate, ItemQuery, ItemRead, ItemUpdate
from app.features.items.scopes import ITEMS_WRITE
from app.features.users.graphql import PublicUser, find_public_user
from app.security.authentication import permit_change


@strawberry.type(description="An item on offer.")
class Item:
    id: uuid.UUID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name.")
    description: str | None = strawberry.field(description="A text about it.")
    price: Decimal = strawberry.field(description="Net price in euros, with two places.")
    tax: Decimal = strawberry.field(description="Tax in euros, with two places.")
    tags: list[str] = strawberry.field(description="Words to find it by.")
    category_id: uuid.UUID | None = strawberry.field(description="Id of its category.")
    owner_id: uuid.UUID = strawberry.field(description="Id of the user who offers it.")
    processed_at: datetime | None = strawberry.field(description="Time of its last processing.")
    created_at: datetime = strawberry.field(description="Time of the creation.")
    updated_at: datetime = strawberry.field(description="Time of the last change.")
    version: int = strawberry.field(description="Number of changes, from 1.")

    @strawberry.field(description="The user who offers it.")
    async def owner(self, info: Info) -> PublicUser | None:
        return await find_public_user(info.context, self.owner_id)

    @strawberry.field(description="Its category.")
    async def category(self, info: Info) -> Category | None:
        info.context.require(ITEMS_READ)
        return await find_category(info.context, self.category_id)


@strawberry.input(description="A new item.")
class CreateItemInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    price: Decimal = strawberry.field(
        description="Net price in euros, above 0; at most 10000 with the tax."
    )
    description: str | None = strawberry.field(default=UNSET, description="Up to 500 characters.")
    tax: Decimal | None = strawberry.field(
        default=UNSET, description="Tax in euros, 0 to 100 and not above the price."
    )
    tags: list[str] | None = strawberry.field(
        default=UNSET, description="Up to 20 of lower-case letters, digits and hyphens."
    )
    category_id: uuid.UUID | None = strawberry.field(
        default=UNSET, description="Id of an existing category."
    )


@strawberry.input(description="Omitted fields stay as they are.")
class UpdateItemInput:
    name: str | None = strawberry.field(default=UNSET, description="1 to 100 characters.")
    price: Decimal | None = strawberry.field(
        default=UNSET, description="Net price in euros, above 0; at most 10000 with the tax."
    )
    description: str | None = strawberry.field(default=UNSET, description="Up to 500 characters.")
    tax: Decimal | None = strawberry.field(
        default=UNSET, description="Tax in euros, 0 to 100 and not above the price."
    )
    tags: list[str] | None = strawberry.field(
        default=UNSET, description="Up to 20 of lower-case letters, digits and hyphens."
    )
    category_id: uuid.UUID | None = strawberry.field(
        default=UNSET, description="Id of an existing category."
    )


@strawberry.input(description="All conditions must match.")
class ItemFilter:
    q: str | None = strawberry.field(
        default=UNSET, description="Words of the name or the description, 3 to 50 characters."
    )
    tag: list[str] | None = strawberry.field(
        default=UNSET, description="Tags that all must be there."
    )
    category_id: uuid.UUID | None = strawberry.field(
        default=UNSET, description="A category, with those below it."
    )
    owner_id: uuid.UUID | None = strawberry.field(
        default=UNSET, description="The user who offers it."
    )
    min_price: Decimal | None = strawberry.field(
        default=UNSET, description="Lowest net price in euros, inclusive."
    )
    max_price: Decimal | None = strawberry.field(
        default=UNSET, description="Highest net price in euros, inclusive."
    )


ItemId = Annotated[uuid.UUID, strawberry.argument(description="Id of the item.")]
NewItem = Annotated[CreateItemInput, strawberry.argument(description="The fields of the item.")]
ItemChanges = Annotated[UpdateItemInput, strawberry.argument(description="The fields to change.")]
Filters = Annotated[
    ItemFilter | None, strawberry.argument(description="Conditions; all items unless given.")
]


@strawberry.type
class ItemQueries:
    @strawberry.field(description="One item.")
    async def item(self, info: Info, id: ItemId) -> Item | None:
        info.context.require(ITEMS_READ)
        return from_row(Item, await items.get(info.context.reads, id))

    @strawberry.field(description="The items that match, newest first.")
    async def items(
        self,
        info: Info,
        first: First = DEFAULT_FIRST,
        after: After = None,
        filter: Filters = None,
    ) -> Connection[Item] | None:
        info.context.require(ITEMS_READ)
        filters = validated(ItemQuery, filter, "filter").model_dump() if filter else {}
        fetch = partial(items.list_page, info.context.reads, filters=filters)
        make = partial(from_row, Item)
        return await connection(info.context, items.LISTING, fetch, make, first=first, after=after)


@strawberry.type
class ItemMutations:
    @strawberry.mutation(description="Create an item; it is yours.")
    async def create_item(self, info: MutationInfo, input: NewItem) -> Item | None:
        info.context.require(ITEMS_WRITE)
        data = validated(ItemCreate, input)
        async with info.context.uow.session.begin_nested():
            row = await items.create(info.context.uow, data, owner=info.context.principal)
        return from_row(Item, row)

    @strawberry.mutation(description="Change the fields of your item that you send.")
    async def update_item(self, info: MutationInfo, id: ItemId, input: ItemChanges) -> Item | None:
        info.context.require(ITEMS_WRITE)
        data = validated(ItemUpdate, input)
        async with info.context.uow.session.begin_nested():
            row = await own_item(info.context, id)
            return item_of(await items.update(info.context.uow, row, data))

    @strawberry.mutation(description="Delete your item; returns its id.")
    async def delete_item(self, info: MutationInfo, id: ItemId) -> uuid.UUID | None:
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
