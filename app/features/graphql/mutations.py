"""What can be changed: each mutation as a whole or not at all, by the rules of the API."""

import uuid

import strawberry

from app.features.graphql.context import Asked, Context
from app.features.graphql.inputs import CreateItemInput, CreateUserInput, UpdateItemInput, validated
from app.features.graphql.types import Item, User, from_row
from app.features.items import crud as items
from app.features.items.models import Item as ItemRow
from app.features.items.schemas import ItemCreate, ItemRead, ItemUpdate
from app.features.users.crud import users
from app.features.users.dependencies import refuse_weak
from app.features.users.schemas import UserCreate, UserRead
from app.security.authentication import permit_change, permit_role
from app.security.principals import Scope


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Create an item; it is yours.")
    async def create_item(self, info: Asked, input: CreateItemInput) -> Item | None:
        info.context.require(Scope.ITEMS_WRITE)
        data = validated(ItemCreate, input)
        async with info.context.session.begin_nested():
            row = await items.create(info.context.session, data, owner=info.context.principal)
        return from_row(Item, row)

    @strawberry.mutation(description="Change the fields of your item that you send.")
    async def update_item(
        self,
        info: Asked,
        id: uuid.UUID,
        input: UpdateItemInput,
    ) -> Item | None:
        info.context.require(Scope.ITEMS_WRITE)
        data = validated(ItemUpdate, input)
        async with info.context.session.begin_nested():
            row = await own_item(info.context, id)
            return item_of(await items.update(info.context.session, row, data))

    @strawberry.mutation(description="Delete your item; answers with its id.")
    async def delete_item(self, info: Asked, id: uuid.UUID) -> uuid.UUID | None:
        info.context.require(Scope.ITEMS_WRITE)
        async with info.context.session.begin_nested():
            row = await own_item(info.context, id)
            await items.delete(info.context.session, row)
        return id

    @strawberry.mutation(description="Open an account for somebody, for administrators.")
    async def create_user(self, info: Asked, input: CreateUserInput) -> User | None:
        info.context.require(Scope.ADMIN)
        data = validated(UserCreate, input)
        permit_role(info.context.principal, data.role)
        password = data.password.get_secret_value()
        refuse_weak(password, email=data.email, username=data.username, field="password")
        password_hash = await info.context.passwords.hash(password)
        async with info.context.session.begin_nested():
            row = await users.create(
                info.context.session,
                data,
                password_hash=password_hash,
                role=data.role,
                email_verified=True,
            )
        return from_row(User, UserRead.model_validate(row).model_dump())


async def own_item(context: Context, item_id: uuid.UUID) -> ItemRow:
    row = await items.get_for_change(context.session, item_id)
    permit_change(context.principal, row.owner_id)
    return row


def item_of(row: ItemRow) -> Item:
    return from_row(Item, ItemRead.model_validate(row).model_dump())
