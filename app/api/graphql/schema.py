"""The schema, and errors that say no more than problems do."""

import dataclasses
import re
from datetime import datetime
from functools import cache, partial
from typing import Any

import strawberry
from graphql import GraphQLError
from pydantic import TypeAdapter
from strawberry.extensions import DisableIntrospection
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateTimeDefinition
from strawberry.types import ExecutionContext

from app.api.errors import problem
from app.api.graphql.limits import InvalidQuery
from app.api.graphql.mutations import Mutation
from app.api.graphql.queries import Query
from app.api.graphql.subscriptions import Subscription
from app.core.errors import AppError
from app.core.logging import get_logger

ABOUT_NAMES = re.compile(
    r"Cannot query field|Unknown (argument|fragment|operation|type|directive)|Fields? '|Fragment "
    r"|GraphQL introspection|There can be only one|This anonymous|Must provide operation"
)

# Times look as they do everywhere else, ending in Z.
DATE_TIME = dataclasses.replace(
    DateTimeDefinition, serialize=partial(TypeAdapter(datetime).dump_python, mode="json")
)

log = get_logger("graphql")


class Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], _: ExecutionContext | None = None) -> None:
        """Log what is our own fault; strawberry would log every mistake of every client."""
        for error in errors:
            cause = error.original_error
            if cause is not None and not isinstance(cause, AppError | GraphQLError):
                log.error("resolver failed", path=error.path, exc_info=cause)


@cache
def schema(*, is_open: bool) -> Schema:
    """`is_open`: the schema may be asked about itself."""
    return Schema(
        Query,
        Mutation,
        Subscription,
        extensions=[] if is_open else [DisableIntrospection],
        config=StrawberryConfig(
            disable_field_suggestions=not is_open, scalar_map={datetime: DATE_TIME}
        ),
    )


def error_of(error: GraphQLError, scope: Any) -> dict[str, Any]:
    """The error with its problem as extensions (GraphQL, section 7.1.2)."""
    known = problem_of(error)
    located: dict[str, Any] = {"message": known.detail}
    if error.locations:
        located["locations"] = [each.formatted for each in error.locations]
    if error.path:
        located["path"] = error.path
    return {**located, "extensions": problem(scope, known)}


def problem_of(error: GraphQLError) -> AppError:
    """What went wrong; without a cause in our own code it is the query itself.

    GraphQL's words are kept where they are about names: others repeat values, which may be
    passwords.
    """
    cause = error.original_error
    if isinstance(cause, AppError):
        return cause
    if cause is not None and not isinstance(cause, GraphQLError):
        return AppError()
    is_about_names = ABOUT_NAMES.match(error.message)
    return InvalidQuery(error.message[:200] if is_about_names else "A value does not fit its type.")
