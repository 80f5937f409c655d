"""GraphQL requests, by POST and over a WebSocket."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.http.schemas import OPAQUE, In

MAX_QUERY = 20_000
# graphql-core takes time for each value, and again for each error among them.
MAX_VARIABLE_VALUES = 1_000


def bounded(variables: dict[str, Any]) -> dict[str, Any]:
    pending: list[Any] = [variables]
    count = 0
    while pending:
        each = pending.pop()
        values = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        count += len(values)
        if count > MAX_VARIABLE_VALUES:
            message = "The variables have more than {limit} values"
            raise PydanticCustomError("too_many_values", message, {"limit": MAX_VARIABLE_VALUES})
        pending.extend(values)
    return variables


Variables = Annotated[dict[str, Any], Field(max_length=100), AfterValidator(bounded)]


class GraphQLRequest(In):
    """One operation; a list of several is refused."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUERY,
            examples=["{ items(first: 3) { edges { node { name price owner { username } } } } }"],
        ),
        OPAQUE,
    ]
    variables: Variables | None = Field(default=None, examples=[{}])
    operationName: Annotated[str, Field(max_length=100), OPAQUE] | None = None  # noqa: N815  (the standard's)
    extensions: dict[str, Any] | None = Field(default=None, max_length=10, examples=[{}])
