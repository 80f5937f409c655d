"""Errors of GraphQL documents."""

from app.errors import BadRequest


class InvalidQuery(BadRequest):
    code = "invalid_query"
    title = "Invalid GraphQL query"
    remedy = "Correct the query according to the schema."


class PersistedQueryNotSupported(InvalidQuery):
    """The hash of a query instead of the query; the detail is what clients recognize it by."""

    code = "persisted_query_not_supported"
    title = "Persisted queries are not supported"
    remedy = "Send the query itself, as the links of Apollo Client and urql then do."

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class QueryTooComplex(BadRequest):
    code = "query_too_complex"
    title = "GraphQL query too complex"
    remedy = "Request less at once: fewer levels, aliases or repeated fields."
