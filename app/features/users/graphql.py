"""Users in GraphQL: public profiles, accounts, and the mutation that creates one."""

import uuid
from datetime import datetime
from functools import partial
from typing import Annotated

import strawberry
from strawberry.types.unset import UNSET

from app.errors import NotPermitted
from app.features.graphql.connections import connection
from app.features.graphql.context import CallerContext, Info, MutationInfo
from app.features.graphql.costs import DEFAULT_FIRST
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.inputs import validated
from app.features.graphql.types import After, Connection, First, from_row
from app.features.users.crud import users
from app.features.users.dependencies import permit_role, reject_weak
from app.features.users.lifespan import UserResources
from app.features.users.schemas import UserCreate, UserRead
from app.features.users.scopes import USERS_READ
from app.security.permissions import ADMINISTRATION
from app.security.principals import Role

strawberry.enum(Role, description="ADMIN may do everything, USER changes own rows, GUEST reads.")


@strawberry.type(description="The public fields of an account.")
class PublicUser:
    id: uuid.UUID = strawberry.field(description="Id of the account.")
    username: str = strawberry.field(description="Name to sign in with, unique.")
    full_name: str | None = strawberry.field(description="Name to show, if the user has given one.")


@strawberry.type(description="An account: your own or, for administrators, any account.")
class User:
    id: uuid.UUID = strawberry.field(description="Its id.")
    email: str = strawberry.field(description="E-mail address, unique.")
    username: str = strawberry.field(description="Name to sign in with, unique.")
    full_name: str | None = strawberry.field(description="Name to show, if the user has given one.")
    age: int | None = strawberry.field(description="Age in years, if the user has given it.")
    role: Role = strawberry.field(description="Its role.")
    is_active: bool = strawberry.field(description="The user may sign in.")
    email_verified: bool = strawberry.field(
        description="The user has confirmed the e-mail address."
    )
    created_at: datetime = strawberry.field(description="Time of the creation.")
    updated_at: datetime = strawberry.field(description="Time of the last change.")
    version: int = strawberry.field(description="Number of changes, from 1.")


@strawberry.input(description="A new account.")
class CreateUserInput:
    email: str = strawberry.field(description="E-mail address, unique; it counts as confirmed.")
    username: str = strawberry.field(description="Name to sign in with, unique.")
    password: str = strawberry.field(
        description="12 to 128 characters; common passwords are rejected."
    )
    full_name: str | None = strawberry.field(default=UNSET, description="Name to show.")
    role: Role | None = strawberry.field(default=UNSET, description="USER unless given.")


UserId = Annotated[uuid.UUID, strawberry.argument(description="Id of the account.")]
NewUser = Annotated[CreateUserInput, strawberry.argument(description="The fields of the account.")]


async def find_public_user(context: CallerContext, user_id: uuid.UUID) -> PublicUser | None:
    row = await context.loader(users.find_public).load(user_id)
    return from_row(PublicUser, row) if row else None


@strawberry.type
class UserQueries:
    @strawberry.field(description="Your own account.")
    async def me(self, info: Info) -> User | None:
        info.context.require(USERS_READ)
        return from_row(User, await users.get(info.context.reads, info.context.principal.id))

    @strawberry.field(description="Your own account or, for administrators, any account.")
    async def user(self, info: Info, id: UserId) -> User | None:
        info.context.require(USERS_READ)
        if not info.context.principal.may_change(id):
            raise NotPermitted("Only administrators read the accounts of others.")
        return from_row(User, await users.get(info.context.reads, id))

    @strawberry.field(description="The accounts, for administrators, newest first.")
    async def users(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[User] | None:
        info.context.require(ADMINISTRATION)
        fetch = partial(users.list_page, info.context.reads, filters={})
        make = partial(from_row, User)
        return await connection(info.context, users.LISTING, fetch, make, first=first, after=after)


@strawberry.type
class UserMutations:
    @strawberry.mutation(description="Create an account, for administrators.")
    async def create_user(self, info: MutationInfo, input: NewUser) -> User | None:
        info.context.require(ADMINISTRATION)
        data = validated(UserCreate, input)
        permit_role(info.context.principal, data.role)
        password = data.password.get_secret_value()
        reject_weak(password, email=data.email, username=data.username, field="password")
        password_hash = await info.context.resources[UserResources].passwords.hash(password)
        async with info.context.uow.session.begin_nested():
            row = await users.create(
                info.context.uow,
                data,
                password_hash=password_hash,
                role=data.role,
                email_verified=True,
            )
        return from_row(User, UserRead.model_validate(row).model_dump())


extension = GraphQLTypes(query=UserQueries, mutation=UserMutations)
