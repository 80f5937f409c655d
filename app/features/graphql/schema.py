"""Assembly of the schema from the parts of each feature, and translation of errors to problems."""

import re
from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLObjectType
from strawberry.extensions import DisableIntrospection
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from app.errors import AppError
from app.features.graphql.errors import InvalidQuery
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.scalars import SCALARS
from app.features.graphql.validation import LimitedValidation
from app.http.problem_details import problem
from app.observability import metrics
from app.observability.logging import get_logger

ABOUT_NAMES = re.compile(
    r"Cannot query field|Unknown (argument|fragment|type|directive)|Fields? '|Fragment |The '\w+' "
    r"|The \w+ operation is not supported by "
    r"|GraphQL introspection|There can be only one|(This a|A)nonymous |Argument '[^']+' of type "
    r"|Too many validation errors"
    r"|(Variable '\$\w+' has invalid value( at [\w.\[\]]+)?: )?Expected (a )?value of "
    r"|Variable '\$\w+' (is|of|cannot) |Directive '@\w+' "
)
ABOUT_VALUE = re.compile(r"(Variable|Argument) '\$?\w+' has invalid value( at [\w.\[\]]+)?")
# What follows repeats a value. After a suggestion graphql-core begins a new sentence.
VALUE = re.compile(r"[,.;]? found: |, but encountered error ", re.IGNORECASE)

log = get_logger("graphql")


class Schema(strawberry.Schema):
    """The schema and the names of its fields that return a page."""

    def __init__(self, query: type, **parts: Any) -> None:
        super().__init__(query, **parts)
        types = (each.implementation for each in self.schema_converter.type_map.values())
        objects = (each for each in types if isinstance(each, GraphQLObjectType))
        fields = (field for each in objects for field in each.fields.items())
        # A field that returns a connection takes `first` (Relay Cursor Connections, section 4).
        self.connections = frozenset(name for name, field in fields if "first" in field.args)

    def process_errors(self, errors: list[GraphQLError], _: ExecutionContext | None = None) -> None:
        """Log internal errors only; strawberry would log every error of every client."""
        for error in errors:
            if is_internal(error):
                log.error("resolver failed", path=error.path, exc_info=error.original_error)


def create_schema(parts: Sequence[GraphQLTypes], *, is_open: bool) -> Schema:
    """Assemble the schema.

    Args:
        is_open: introspection is allowed.
    """
    return Schema(
        merge("Query", "Reads.", tuple(part.query for part in parts if part.query)),
        mutation=merged("Mutation", "Changes, in order.", [part.mutation for part in parts]),
        subscription=merged("Subscription", "Events.", [part.subscription for part in parts]),
        extensions=[LimitedValidation] if is_open else [LimitedValidation, DisableIntrospection],
        config=StrawberryConfig(
            disable_field_suggestions=not is_open,
            scalar_map=SCALARS,
        ),
    )


def merged(name: str, description: str, types: Sequence[type | None]) -> type | None:
    """Return the root type, or None if no feature adds a field to it."""
    present = tuple(each for each in types if each)
    return merge(name, description, present) if present else None


def merge(name: str, description: str, types: tuple[type, ...]) -> type:
    return strawberry.type(type(name, types, {}), description=description)


def error_of(error: GraphQLError, scope: Any) -> dict[str, Any]:
    """Return the error with its problem as extensions (GraphQL, section 7.1.2)."""
    known = problem_of(error)
    located: dict[str, Any] = {"message": known.detail}
    if error.locations:
        located["locations"] = [each.formatted for each in error.locations]
    if error.path:
        located["path"] = error.path
    return {**located, "extensions": extensions_of(known, scope)}


def extensions_of(error: AppError, scope: Any) -> dict[str, Any]:
    """Return the problem, with pointers into `/input` where REST has `/body`."""
    metrics.PROBLEMS.labels(error.code).inc()
    extensions = problem(scope, error)
    for each in extensions.get("errors", []):
        pointer = re.sub(r"^/body(?=/)", "/input", each["pointer"])
        each["pointer"] = re.sub(r"_([a-z])", lambda found: found[1].upper(), pointer)
    return extensions


def problem_of(error: GraphQLError) -> AppError:
    """Return the error of the application, or InvalidQuery for an error in the query.

    Messages of graphql-core are kept only where they are about names: others repeat values,
    which may be passwords.
    """
    cause = error.original_error
    if isinstance(cause, AppError):
        return cause
    return AppError() if is_internal(error) else InvalidQuery(without_values(error.message))


def is_internal(error: GraphQLError) -> bool:
    """Return whether the error is a fault of the service.

    Not a value that a scalar cannot parse, such as an integer of 5,000 digits: such an error has no
    path, because it is found before execution.
    """
    cause = error.original_error
    is_about_value = isinstance(cause, ValueError) and error.path is None
    return (
        cause is not None and not is_about_value and not isinstance(cause, AppError | GraphQLError)
    )


def without_values(message: str) -> str:
    """Return the part of the message that repeats no value."""
    text = VALUE.split(message, maxsplit=1)[0]
    if ABOUT_NAMES.match(text):
        return text[:200]
    place = ABOUT_VALUE.match(text)
    return f"{place[0]}." if place else "A value does not fit its type."
