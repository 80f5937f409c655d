"""What mutations take: the shapes are GraphQL's, the rules are those of the other endpoints."""

import uuid
from decimal import Decimal
from typing import Any, TypeVar

import strawberry
from pydantic import BaseModel, ValidationError
from strawberry.types.unset import UNSET

from app.errors import Unprocessable
from app.http.problem_details import violations
from app.security.principals import Role

__all__ = ["CreateItemInput", "CreateUserInput", "ItemFilter", "UpdateItemInput", "validated"]

Schema = TypeVar("Schema", bound=BaseModel)


@strawberry.input
class CreateItemInput:
    name: str
    price: Decimal
    description: str | None = UNSET
    tax: Decimal | None = UNSET
    tags: list[str] | None = UNSET
    category_id: uuid.UUID | None = UNSET


@strawberry.input(description="What you leave out stays as it is.")
class UpdateItemInput:
    name: str | None = UNSET
    price: Decimal | None = UNSET
    description: str | None = UNSET
    tax: Decimal | None = UNSET
    tags: list[str] | None = UNSET
    category_id: uuid.UUID | None = UNSET


@strawberry.input
class CreateUserInput:
    email: str
    username: str
    password: str
    full_name: str | None = UNSET
    role: Role | None = UNSET


@strawberry.input(description="All of it must hold.")
class ItemFilter:
    q: str | None = UNSET
    tag: list[str] | None = UNSET
    category_id: uuid.UUID | None = UNSET
    owner_id: uuid.UUID | None = UNSET
    min_price: Decimal | None = UNSET
    max_price: Decimal | None = UNSET


def validated(schema: type[Schema], given: Any, argument: str = "input") -> Schema:
    """The input as the schema of the other endpoints has it.

    Raises:
        Unprocessable: it breaks a rule.
    """
    try:
        return schema.model_validate(
            {name: value for name, value in vars(given).items() if value is not UNSET}
        )
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        placed = [{**each, "loc": (argument, *each["loc"])} for each in details]
        raise Unprocessable(violations=violations(placed)) from None
