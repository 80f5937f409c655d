"""The parents of every schema: what we accept and what we return."""

import re
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")

# RFC 3339, section 5.6. Pydantic alone would also take Unix seconds and bare dates.
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
# Decimal alone would also take exponents, underscores and the digits of other scripts.
DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,8})?")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# PostgreSQL cannot store NUL; surrogates never get past Pydantic's own check of a string.
STORABLE = r"^[^\x00]*$"
CENT = Decimal("0.01")


def rfc_3339(value: Any) -> Any:
    if isinstance(value, str) and not RFC_3339.fullmatch(value):
        raise PydanticCustomError("datetime_format", "Times are written as in RFC 3339")
    if isinstance(value, int | float):
        raise PydanticCustomError("datetime_type", "Times are written as in RFC 3339")
    return value


def plain_decimal(value: Any) -> Any:
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise PydanticCustomError("decimal_parsing", "Input should be a valid decimal")
    return value


def two_places(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)


Text = Annotated[str, StringConstraints(pattern=STORABLE)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=STORABLE)]
Id = Annotated[uuid.UUID, Field(strict=False)]
Timestamp = Annotated[AwareDatetime, BeforeValidator(rfc_3339), Field(strict=False)]
# An amount of money is `Money` with its bounds, and then both of these: bounds that stand
# behind a function of ours are checked in Python, at twice the cost.
Money = Annotated[Decimal, Field(strict=False, max_digits=7, decimal_places=2, examples=["999.99"])]
PLAIN = BeforeValidator(plain_decimal)
TWO_PLACES = AfterValidator(two_places)

MoneyRead = Annotated[
    Decimal,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{1,5}\.\d{2}$",
            "maxLength": 8,
            "examples": ["999.99"],
        }
    ),
]


class In(BaseModel):
    """A request body: strict types, and unknown fields are refused, so typos fail loudly."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class Out(BaseModel):
    """A response body, read from a row or from a model's attributes."""

    model_config = ConfigDict(from_attributes=True)


class Page(Out, Generic[T]):
    """One page of a list; `total` is counted only when `include_total` asks for it."""

    items: Annotated[list[T], Field(max_length=100)]
    next_cursor: Annotated[str, Field(max_length=2000)] | None = None
    total: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None


class Stored(Out):
    """What every stored resource carries."""

    # Whether there are fields that change while the row, and so its version, stays.
    has_unversioned_fields: ClassVar[bool] = False

    id: uuid.UUID
    created_at: datetime
    updated_at: datetime
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
