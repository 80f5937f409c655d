"""Schemas of items in version 2: a price has a currency."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import MISSING, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.features.items.models import broken_price_rule
from app.features.items.money import MoneyRead
from app.features.items.schemas import (
    Description,
    ItemCreate,
    ItemUpdate,
    Name,
    Price,
    Tag,
    Tags,
    Tax,
)
from app.http.schemas import Id, In, Out, Stored

Currency = Annotated[Literal["EUR"], Field(examples=["EUR"])]


class Amount(In):
    amount: Price
    currency: Currency


class AmountRead(Out):
    amount: MoneyRead
    currency: Currency


def in_euros(value: Any) -> Any:
    """Add the currency, which is not stored because there is only one."""
    return {"amount": value, "currency": "EUR"} if isinstance(value, Decimal) else value


class ItemCreateV2(In):
    name: Name
    description: Description | None = None
    price: Amount
    tax: Tax = Decimal("0.00")
    tags: Tags = Field(default_factory=list)
    category_id: Id | None = None

    @field_validator("tax")
    @classmethod
    def gross_price_is_bounded(cls, tax: Decimal, info: ValidationInfo) -> Decimal:
        price: Amount | None = info.data.get("price")
        broken = price is not None and broken_price_rule(price.amount, tax)
        if broken:
            raise PydanticCustomError(*broken)
        return tax

    def to_v1(self) -> ItemCreate:
        return ItemCreate(**{**self.model_dump(), "price": self.price.amount})


class ItemUpdateV2(In):
    """An omitted field stays as it is; null is rejected where the item needs a value."""

    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Amount | MISSING = MISSING
    tax: Tax | MISSING = MISSING
    tags: Tags | MISSING = MISSING
    category_id: Id | MISSING | None = MISSING

    def to_v1(self) -> ItemUpdate:
        fields = self.model_dump()
        if "price" in fields:
            fields["price"] = fields["price"]["amount"]
        return ItemUpdate(**fields)


class ItemReadV2(Stored):
    name: str = Field(max_length=100)
    description: str | None = Field(max_length=500)
    price: Annotated[AmountRead, BeforeValidator(in_euros)]
    tax: MoneyRead
    tags: list[Tag] = Field(max_length=20)
    category_id: uuid.UUID | None
    owner_id: uuid.UUID
    processed_at: datetime | None
