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
from app.http.schemas import Id, RequestModel, ResponseModel, Stored

Currency = Annotated[Literal["EUR"], Field(examples=["EUR"])]


class Amount(RequestModel):
    amount: Price
    """Amount in units of `currency`, with up to two decimal places, above 0. Numbers are accepted
    as well.
    """
    currency: Currency
    """Currency code (ISO 4217)."""


class AmountRead(ResponseModel):
    amount: MoneyRead
    """Amount in units of `currency`, with two decimal places."""
    currency: Currency
    """Currency code (ISO 4217)."""


def in_euros(value: Any) -> Any:
    """Add the currency, which is not stored because there is only one."""
    return {"amount": value, "currency": "EUR"} if isinstance(value, Decimal) else value


class ItemCreateV2(RequestModel):
    name: Name
    """Name of the item, 1 to 100 characters on one line after trimming."""
    description: Description | None = None
    """Text about the item, or null; up to 500 characters."""
    price: Amount
    """Net price with its currency: above 0, at most 10000 with the tax."""
    tax: Tax = Decimal("0.00")
    """Tax in euros with up to two decimal places: 0 to 100 and not above the price. Numbers are
    accepted as well.
    """
    tags: Tags = Field(default_factory=list)
    """Up to 20 tags of lowercase letters, digits and hyphens."""
    category_id: Id | None = None
    """Id of the category that contains the item, or null."""

    @field_validator("tax")
    @classmethod
    def gross_price_is_bounded(cls, tax: Decimal, info: ValidationInfo) -> Decimal:
        """Check the rule that spans price and tax, both in euros."""
        price: Amount | None = info.data.get("price")
        broken = price is not None and broken_price_rule(price.amount, tax)
        if broken:
            raise PydanticCustomError(*broken)
        return tax

    def to_v1(self) -> ItemCreate:
        return ItemCreate(**{**self.model_dump(), "price": self.price.amount})


class ItemUpdateV2(RequestModel):
    """An omitted field stays as it is; null is rejected where the item needs a value."""

    name: Name | MISSING = MISSING
    """Name of the item, 1 to 100 characters on one line after trimming."""
    description: Description | MISSING | None = MISSING
    """Text about the item, or null; up to 500 characters."""
    price: Amount | MISSING = MISSING
    """Net price with its currency: above 0, at most 10000 with the tax."""
    tax: Tax | MISSING = MISSING
    """Tax in euros with up to two decimal places: 0 to 100 and not above the price. Numbers are
    accepted as well.
    """
    tags: Tags | MISSING = MISSING
    """Up to 20 tags of lowercase letters, digits and hyphens."""
    category_id: Id | MISSING | None = MISSING
    """Id of the category that contains the item, or null."""

    def to_v1(self) -> ItemUpdate:
        fields = self.model_dump()
        if "price" in fields:
            fields["price"] = fields["price"]["amount"]
        return ItemUpdate(**fields)


class ItemReadV2(Stored):
    name: str = Field(max_length=100)
    """Name of the item."""
    description: str | None = Field(max_length=500)
    """Text about the item, or null."""
    price: Annotated[AmountRead, BeforeValidator(in_euros)]
    """Net price with its currency."""
    tax: MoneyRead
    """Tax in euros, with two decimal places."""
    tags: list[Tag] = Field(max_length=20)
    """Tags of the item, in the order in which they were sent."""
    category_id: uuid.UUID | None
    """Id of the category that contains the item, or null."""
    owner_id: uuid.UUID
    """Id of the user who created the item."""
    processed_at: datetime | None
    """Time of the last `POST /items/{item_id}/process` that ended, or null."""
