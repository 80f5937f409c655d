"""Headers that layers around the endpoints read, where FastAPI does not see them."""

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Yours to choose, new for each new request: however often the request is "
    "repeated with it, it is carried out once, and its answer kept for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what you have: when it is still the same, 304 says so.",
    "schema": {"type": "string", "maxLength": 4096},
}
NOT_MODIFIED: dict[int | str, Node] = {304: {"description": "What you have is still the same."}}


def with_headers(method: str, operation: Node, schemas: Node) -> Node:
    """The operation with the headers that such a one takes, and what they lead to."""
    if method == "post":
        return with_parameter(operation, IDEMPOTENCY_KEY)
    has_version = any("version" in schema for schema in answered(operation, schemas))
    if method == "get" and has_version:
        answers = operation["responses"] | {"304": NOT_MODIFIED[304]}
        operation = {**operation, "responses": answers}
    if "304" in operation["responses"]:
        return with_parameter(operation, IF_NONE_MATCH)
    return operation


def with_parameter(operation: Node, parameter: Node) -> Node:
    return {**operation, "parameters": [*operation.get("parameters", ()), parameter]}


def answered(operation: Node, schemas: Node) -> Iterator[Node]:
    """The properties of each model that a 200 may carry by itself."""
    content = operation["responses"].get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for each in (schema, *schema.get("anyOf", ())):
        yield schemas.get(each.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
