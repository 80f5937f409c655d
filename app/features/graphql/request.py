"""GraphQL requests: by POST, by GET and over a WebSocket."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from app.errors import Unprocessable
from app.http.json_bounds import check_structure
from app.http.problem_details import violations
from app.http.query_parameters import IgnoredParameters
from app.http.schemas import OPAQUE, RequestModel

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


EXAMPLE = "{ items(first: 3) { edges { node { name price owner { username } } } } }"


class GraphQLRequest(RequestModel):
    """One operation; a list of several is rejected."""

    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY, examples=[EXAMPLE]), OPAQUE]
    """The document, with at most 1,000 tokens."""
    variables: Variables | None = Field(default=None, examples=[{}])
    """Values of its variables, by name."""
    operationName: Annotated[str, Field(max_length=100), OPAQUE] | None = None  # noqa: N815  (the standard's)
    """The operation to execute, where the document has several."""
    extensions: dict[str, Any] | None = Field(default=None, max_length=10, examples=[{}])
    """Extensions of the protocol; none is supported, and all are ignored."""


VARIABLES: TypeAdapter[dict[str, Any] | None] = TypeAdapter(Variables | None)
# Of the protocol; the service has none.
EXTENSIONS = IgnoredParameters("extensions")


async def get_query(
    _: Annotated[None, Depends(EXTENSIONS)],
    query: Annotated[
        str,
        Query(
            min_length=1,
            max_length=MAX_QUERY,
            description="One document.",
            examples=["{ me { username } }"],
        ),
        OPAQUE,
    ],
    variables: Annotated[
        str | None,
        Query(max_length=MAX_QUERY, description="The variables as a JSON object."),
        OPAQUE,
    ] = None,
    operation_name: Annotated[
        str | None,
        Query(
            alias="operationName",
            max_length=100,
            description="The operation to execute, if the document has several.",
        ),
        OPAQUE,
    ] = None,
) -> GraphQLRequest:
    """Return the request in the parameters of a URL (GraphQL over HTTP, section 4.2)."""
    values = parse_variables(variables) if variables is not None else None
    return GraphQLRequest(query=query, variables=values, operationName=operation_name)


def parse_variables(text: str) -> dict[str, Any] | None:
    """Parse the variables of a URL.

    Raises:
        Unprocessable: they are no JSON object, or have too many values.
        TooManyValues, NestedTooDeeply: as for the body of a request.
    """
    document = text.encode(errors="replace")
    check_structure(document, max_values=MAX_VARIABLE_VALUES)
    try:
        return VARIABLES.validate_json(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        located = [{**each, "loc": ("query", "variables", *each["loc"])} for each in details]
        raise Unprocessable(violations=violations(located)) from None


GraphQLQuery = Annotated[GraphQLRequest, Depends(get_query)]
