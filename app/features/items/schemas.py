"""Schemas of items."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    MISSING,
    Field,
    SkipValidation,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from app.features.items.models import MAX_GROSS_PRICE, broken_price_rule
from app.features.items.money import AMOUNT, PLAIN, TWO_PLACES, Money, MoneyRead
from app.http.problem_schema import Problem
from app.http.schemas import (
    LINE,
    PARAGRAPH,
    Id,
    In,
    Out,
    Question,
    Storable,
    Stored,
)

MAX_BATCH = 1000
UNKNOWN_CATEGORY = ErrorDetails(
    type="unknown_category", loc=("category_id",), msg="There is no such category", input=None
)

UNLISTED = ErrorDetails(
    type="too_many_errors", loc=(), msg="The batch breaks too many rules to list", input=None
)

Name = Annotated[Storable, Field(min_length=1, max_length=100, examples=["Walnut desk"]), LINE]
Description = Annotated[Storable, Field(max_length=500, examples=["Solid wood, oiled."]), PARAGRAPH]
Price = Annotated[Money, Field(gt=0, le=MAX_GROSS_PRICE), PLAIN, TWO_PLACES]
Tax = Annotated[Money, Field(ge=0, le=100, examples=["19.00"]), PLAIN, TWO_PLACES]
Bound = Annotated[Money, Field(ge=0, le=MAX_GROSS_PRICE), PLAIN, TWO_PLACES]
# In a URL everything is text, so that more spellings of a number are accepted.
QueryBound = Annotated[Decimal, Field(ge=0, le=MAX_GROSS_PRICE, decimal_places=2), AMOUNT]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,30}$", min_length=1, max_length=30)]
Tags = Annotated[list[Tag], Field(max_length=20, examples=[["furniture", "wood"]])]


class ItemCreate(In):
    name: Name
    description: Description | None = None
    price: Price
    tax: Tax = Decimal("0.00")
    tags: Tags = Field(default_factory=list)
    category_id: Id | None = None

    @field_validator("tax")
    @classmethod
    def gross_price_is_bounded(cls, tax: Decimal, info: ValidationInfo) -> Decimal:
        price = info.data.get("price")
        broken = price is not None and broken_price_rule(price, tax)
        if broken:
            raise PydanticCustomError(*broken)
        return tax


class ItemUpdate(In):
    """An omitted field stays as it is; null is rejected where the item needs a value."""

    name: Name | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    price: Price | MISSING = MISSING
    tax: Tax | MISSING = MISSING
    tags: Tags | MISSING = MISSING
    category_id: Id | MISSING | None = MISSING


class ItemQuery(In):
    """Filters of a list of items, outside of a URL."""

    q: Question | None = None
    tag: Tags | None = None
    category_id: Id | None = None
    owner_id: Id | None = None
    min_price: Bound | None = None
    max_price: Bound | None = None


class ItemRead(Stored):
    name: str = Field(max_length=100)
    description: str | None = Field(max_length=500)
    price: MoneyRead
    tax: MoneyRead
    tags: list[Tag] = Field(max_length=20)
    category_id: uuid.UUID | None
    owner_id: uuid.UUID
    processed_at: datetime | None


class ItemBatch(In):
    """Up to 1,000 items; each is validated on its own unless the batch is atomic."""

    items: Annotated[
        list[SkipValidation[ItemCreate]],
        Field(
            min_length=1,
            max_length=MAX_BATCH,
            examples=[[{"name": "Walnut desk", "price": "999.99", "tax": "19.00"}]],
        ),
    ]
    atomic: bool = False

    def checked(self) -> "CheckedBatch":
        """Validate each item on its own, and list at most `MAX_BATCH` errors."""
        checked, left = CheckedBatch(), MAX_BATCH
        for index, raw in enumerate(self.items):
            try:
                checked.valid[index] = ItemCreate.model_validate(raw)
            except ValidationError as error:
                left -= error.error_count()
                checked.invalid[index] = listed(error) if left >= 0 else [UNLISTED]
        return checked


def listed(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False)


@dataclass
class CheckedBatch:
    """By index in the batch: the valid items, and the errors of the others."""

    valid: dict[int, ItemCreate] = field(default_factory=dict)
    invalid: dict[int, list[ErrorDetails]] = field(default_factory=dict)

    def category_ids(self) -> set[uuid.UUID]:
        return {item.category_id for item in self.valid.values() if item.category_id}

    def refuse_categories(self, unknown: Collection[uuid.UUID]) -> None:
        """Move the items with an unknown category to the invalid ones."""
        for index in [index for index, item in self.valid.items() if item.category_id in unknown]:
            del self.valid[index]
            self.invalid[index] = [UNKNOWN_CATEGORY]


class ItemBatchResult(Out):
    """The result of the item at `index` of the batch."""

    index: Annotated[int, Field(ge=0, lt=MAX_BATCH)]
    status: Literal[201, 422]
    item: ItemRead | None = None
    problem: Problem | None = None


class ItemBatchRead(Out):
    results: Annotated[list[ItemBatchResult], Field(max_length=MAX_BATCH)]
    created: Annotated[int, Field(ge=0, le=MAX_BATCH)]
    failed: Annotated[int, Field(ge=0, le=MAX_BATCH)]
