"""Scalars that replace those of strawberry."""

import dataclasses
import re
import uuid
from datetime import datetime
from decimal import Decimal
from functools import partial

from graphql import GraphQLScalarType
from pydantic import TypeAdapter
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.types.base_scalars import (
    DateTimeDefinition,
    DecimalDefinition,
    UUIDDefinition,
)
from strawberry.types.scalar import ScalarDefinition

# As in the bodies of the REST API: Python would also accept exponents, underscores, blanks and
# digits of other scripts.
PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,8})?")


def parse_decimal(value: object) -> Decimal:
    """Parse a number, or a text of plain digits.

    Raises:
        StrawberryInputCoercionError: the value is neither.
    """
    text = str(value)
    if not PLAIN_DECIMAL.fullmatch(text):
        raise StrawberryInputCoercionError("The value is no decimal.")
    return Decimal(text)


DECIMAL = dataclasses.replace(DecimalDefinition, parse_value=parse_decimal)
# The format of the REST API, ending in Z.
DATE_TIME = dataclasses.replace(
    DateTimeDefinition, serialize=partial(TypeAdapter(datetime).dump_python, mode="json")
)


class UUIDScalar(GraphQLScalarType):
    """The standard scalar ID, restricted to UUIDs.

    graphql-core reserves the name for its own scalar, which accepts any text.
    """

    reserved_types = {}  # noqa: RUF012  (overrides one that is no ClassVar either)


ID = dataclasses.replace(
    UUIDDefinition,
    name="ID",
    implementation=UUIDScalar(
        "ID",
        description="A UUID.",
        serialize=UUIDDefinition.serialize,
        parse_value=UUIDDefinition.parse_value,
    ),
)

SCALARS: dict[object, ScalarDefinition] = {Decimal: DECIMAL, datetime: DATE_TIME, uuid.UUID: ID}
