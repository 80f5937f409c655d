"""Scalars that replace those of strawberry."""

import dataclasses
import uuid
from datetime import datetime
from functools import partial

from graphql import GraphQLScalarType
from pydantic import TypeAdapter
from strawberry.schema.types.base_scalars import DateTimeDefinition, UUIDDefinition
from strawberry.types.scalar import ScalarDefinition

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

SCALARS: dict[object, ScalarDefinition] = {datetime: DATE_TIME, uuid.UUID: ID}
