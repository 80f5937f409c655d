"""GraphQL requests: by POST, by GET and over a WebSocket."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from app.errors import Unprocessable, Violation
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


# A document without an operation, for a request that contains only the hash of one (automatic
# persisted queries). Clients need a response of GraphQL to then send the query itself.
NOT_SENT = "#"
MISSING_QUERY = Violation("/query/query", "Field required", "missing")
EXAMPLE = "{ items(first: 3) { edges { node { name price owner { username } } } } }"


class GraphQLRequest(RequestModel):
    """One operation; a list of several is rejected."""

    @model_validator(mode="before")
    @classmethod
    def without_batches(cls, data: Any) -> Any:
        """Explain that batches are not supported, and accept the hash of a query."""
        if isinstance(data, list):
            message = "Send each operation in a request of its own: there are no batches"
            raise PydanticCustomError("batch_not_supported", message)
        if isinstance(data, dict) and "query" not in data and is_hash(data.get("extensions")):
            return {**data, "query": NOT_SENT}
        return data

    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY, examples=[EXAMPLE]), OPAQUE]
    """The document, with at most 1,000 tokens."""
    variables: Variables | None = Field(default=None, examples=[{}])
    """Values of its variables, by name."""
    operationName: Annotated[str, Field(max_length=100), OPAQUE] | None = None  # noqa: N815  (the standard's)
    """The operation to execute, where the document has several."""
    extensions: dict[str, Any] | None = Field(default=None, max_length=10, examples=[{}])
    """Extensions of the protocol; none is supported, and all are ignored."""


def is_hash(extensions: Any) -> bool:
    return isinstance(extensions, dict) and "persistedQuery" in extensions


VARIABLES: TypeAdapter[dict[str, Any] | None] = TypeAdapter(Variables | None)
# Of the protocol; the service has none.
EXTENSIONS = IgnoredParameters("extensions")


async def get_query(
    _: Annotated[None, Depends(EXTENSIONS)],
    request: Request,
    query: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=MAX_QUERY,
            description="One document; required.",
            openapi_examples={"me": {"value": "{ me { username } }"}},
        ),
        OPAQUE,
    ] = None,
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
    """Return the request in the parameters of a URL (GraphQL over HTTP, section 4.2).

    Raises:
        Unprocessable: there is no query, nor the hash of one.
    """
    if query is None:
        if "persistedQuery" not in request.query_params.get("extensions", ""):
            raise Unprocessable(violations=[MISSING_QUERY])
        query = NOT_SENT
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
