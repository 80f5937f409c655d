"""Schemas of items."""

import asyncio
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
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from app.features.items.models import MAX_GROSS_PRICE, ItemRow, broken_price_rule
from app.features.items.money import PLAIN, TWO_PLACES, Money, MoneyRead, amount
from app.http.problem_details import MESSAGES
from app.http.problem_schema import Problem
from app.http.schemas import (
    LINE,
    PARAGRAPH,
    Id,
    RequestModel,
    ResponseModel,
    SearchText,
    Storable,
    Stored,
)

MAX_BATCH = 1000
# Of a batch, between which other requests run. Validating an item takes 10 to 20 us.
ITEMS_PER_SLICE = 100
# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000002001"
EXAMPLE_ID_V2 = "01900000-0000-7000-8000-000000002002"
DELETED_EXAMPLE_ID = "01900000-0000-7000-8000-000000002003"
UNKNOWN_CATEGORY = ErrorDetails(
    type="unknown_category", loc=("category_id",), msg="There is no such category", input=None
)

UNLISTED = ErrorDetails(
    type="too_many_errors", loc=(), msg="The batch breaks too many rules to list", input=None
)

Name = Annotated[Storable, Field(min_length=1, max_length=100, examples=["Walnut desk"]), LINE]
Description = Annotated[Storable, Field(max_length=500, examples=["Solid wood, oiled."]), PARAGRAPH]
Price = Annotated[Money, Field(gt=0, le=MAX_GROSS_PRICE), amount("999.99"), PLAIN, TWO_PLACES]
Tax = Annotated[Money, Field(ge=0, le=100), amount("19.00"), PLAIN, TWO_PLACES]
Bound = Annotated[Money, Field(ge=0, le=MAX_GROSS_PRICE), PLAIN, TWO_PLACES]
QueryBound = Annotated[
    Decimal, Field(ge=0, le=MAX_GROSS_PRICE, decimal_places=2), amount("999.99"), PLAIN
]
TAG = "^[a-z0-9-]{1,30}$"
Tag = Annotated[str, StringConstraints(pattern=TAG, min_length=1, max_length=30)]
MESSAGES[TAG] = "Use lowercase letters, digits and hyphens"
Tags = Annotated[list[Tag], Field(max_length=20, examples=[["furniture", "wood"]])]


class ItemCreate(RequestModel):
    name: Name
    """Name of the item, 1 to 100 characters on one line after trimming."""
    description: Description | None = None
    """Text about the item, or null; up to 500 characters."""
    price: Price
    """Net price in euros with up to two decimal places: above 0, at most 10000 with the tax.
    Numbers are accepted as well.
    """
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
        price = info.data.get("price")
        broken = price is not None and broken_price_rule(price, tax)
        if broken:
            raise PydanticCustomError(*broken)
        return tax


class ItemUpdate(RequestModel):
    """An omitted field stays as it is; null is rejected where the item needs a value."""

    name: Name | MISSING = MISSING
    """Name of the item, 1 to 100 characters on one line after trimming."""
    description: Description | MISSING | None = MISSING
    """Text about the item, or null; up to 500 characters."""
    price: Price | MISSING = MISSING
    """Net price in euros with up to two decimal places: above 0, at most 10000 with the tax.
    Numbers are accepted as well.
    """
    tax: Tax | MISSING = MISSING
    """Tax in euros with up to two decimal places: 0 to 100 and not above the price. Numbers are
    accepted as well.
    """
    tags: Tags | MISSING = MISSING
    """Up to 20 tags of lowercase letters, digits and hyphens."""
    category_id: Id | MISSING | None = MISSING
    """Id of the category that contains the item, or null."""


class ItemQuery(RequestModel):
    """Filters of a list of items, outside of a URL."""

    q: SearchText | None = None
    tag: Tags | None = None
    category_id: Id | None = None
    owner_id: Id | None = None
    min_price: Bound | None = None
    """Lowest net price in euros, inclusive."""
    max_price: Bound | None = None
    """Highest net price in euros, inclusive."""


class ItemRead(Stored):
    name: str = Field(max_length=100, examples=["Walnut desk"])
    """Name of the item."""
    description: str | None = Field(max_length=500, examples=["Solid wood, oiled."])
    """Text about the item, or null."""
    price: MoneyRead
    """Net price in euros, with two decimal places."""
    tax: Annotated[MoneyRead, Field(examples=["19.00"])]
    """Tax in euros, with two decimal places."""
    tags: list[Tag] = Field(max_length=20, examples=[["furniture", "wood"]])
    """Tags of the item, in the order in which they were sent."""
    category_id: uuid.UUID | None
    """Id of the category that contains the item, or null."""
    owner_id: uuid.UUID
    """Id of the user who created the item."""
    processed_at: datetime | None
    """Time of the last `POST /items/{item_id}/process` that ended, or null."""


class ItemBatch(RequestModel):
    """Up to 1,000 items; each is validated on its own unless the batch is atomic."""

    items: Annotated[
        list[SkipValidation[ItemCreate]],
        Field(
            min_length=1,
            max_length=MAX_BATCH,
            examples=[[{"name": "Walnut desk", "price": "999.99", "tax": "19.00"}]],
        ),
    ]
    """The items to create, 1 to 1,000."""
    atomic: bool = False
    """Creates all items or none: one that breaks a rule rejects the batch with 422."""

    async def checked(self) -> "CheckedBatch":
        """Validate each item on its own, and list at most `MAX_BATCH` errors.

        Other requests run between slices: a thousand items with texts of combining marks take
        0.1 s.
        """
        checked, left = CheckedBatch(), MAX_BATCH
        for index, raw in enumerate(self.items):
            if index % ITEMS_PER_SLICE == 0:
                await asyncio.sleep(0)
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

    def reject_categories(self, unknown: Collection[uuid.UUID]) -> None:
        """Move the items with an unknown category to the invalid ones."""
        for index in [index for index, item in self.valid.items() if item.category_id in unknown]:
            del self.valid[index]
            self.invalid[index] = [UNKNOWN_CATEGORY]


class ItemBatchResult(ResponseModel):
    """The result of the item at `index` of the batch."""

    index: Annotated[int, Field(ge=0, lt=MAX_BATCH)]
    """Position of the item in the batch, from 0."""
    status: Literal[201, 422]
    """201 if the item was created, 422 if it broke a rule."""
    item: ItemRead | None = None
    """The created item; null with status 422."""
    problem: Problem | None = None
    """The reason of the rejection; null with status 201."""


class ItemBatchRead(ResponseModel):
    results: Annotated[list[ItemBatchResult], Field(max_length=MAX_BATCH)]
    """One result for each item, in the order of the batch."""
    created: Annotated[int, Field(ge=0, le=MAX_BATCH)]
    """Number of items that were created."""
    failed: Annotated[int, Field(ge=0, le=MAX_BATCH)]
    """Number of items that were rejected."""


class ItemBatchRow(TypedDict):
    """The fields of `ItemBatchResult`, with a row in place of a model."""

    index: int
    status: int
    item: ItemRow | None
    problem: Problem | None


# Validating an item for the response takes three times as long as serializing its row.
BATCH_ROW = TypeAdapter(ItemBatchRow).serializer
