"""Errors of GraphQL documents."""

from app.errors import BadRequest


class InvalidQuery(BadRequest):
    code = "invalid_query"
    title = "Invalid GraphQL query"
    remedy = "Correct the query according to the schema."


class QueryTooComplex(BadRequest):
    code = "query_too_complex"
    title = "GraphQL query too complex"
    remedy = "Request less at once: fewer levels, aliases or repeated fields."
