"""Types of amounts of money in requests and responses: euros, as decimals with two places."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

# Decimal would also accept exponents, underscores and digits of other scripts.
DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,8})?")
CENT = Decimal("0.01")


def plain_decimal(value: Any) -> Any:
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise PydanticCustomError("decimal_parsing", "Input should be a valid decimal")
    return value


def two_places(amount: Decimal) -> Decimal:
    """Return the amount in euros, rounded to cents."""
    return amount.quantize(CENT)


def amount(example: str) -> WithJsonSchema:
    """Document an amount of money as a string, although numbers are accepted.

    Generators of typed clients turn the union of both into a class of its own, and a number in
    binary floating point is not exact.
    """
    pattern = r"^\d{1,5}(\.\d{1,2})?$"
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "maxLength": 8, "examples": [example]}
    )


# An amount of money is `Money` with its bounds, followed by `amount`, PLAIN and TWO_PLACES: bounds
# after a validator function are checked in Python, at twice the cost.
Money = Annotated[Decimal, Field(strict=False, max_digits=7, decimal_places=2)]
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
# For amounts that do not come from a column with two places.
RoundedMoney = Annotated[MoneyRead, Field(ge=0, lt=100_000), TWO_PLACES]
