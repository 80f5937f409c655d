"""OpenAPI of headers that routes and middleware read, which FastAPI does not know."""

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


def condition(name: str, description: str, max_length: int) -> Node:
    schema = {"type": "string", "maxLength": max_length}
    return {"name": name, "in": "header", "description": description, "schema": schema}


IF_MATCH = condition(
    "If-Match",
    "The `ETag` that you read: when the resource is another by now, the answer is "
    "412 and nothing happens.",
    4096,
)
IF_UNMODIFIED_SINCE = condition(
    "If-Unmodified-Since",
    "The `Last-Modified` that you read, in whole seconds; does not count beside "
    "`If-Match`, which is exact.",
    40,
)
IF_NONE_MATCH = condition(
    "If-None-Match",
    "The `ETag` of what you have: when it is still the same, the answer is 304, or 412 to a write.",
    4096,
)
IF_MODIFIED_SINCE = condition(
    "If-Modified-Since",
    "The `Last-Modified` of what you have; does not count beside `If-None-Match`.",
    40,
)
WRITE_CONDITIONS = (IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH)
READ_CONDITIONS = (IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE)
NOT_MODIFIED: dict[int | str, Node] = {304: {"description": "What you have is still the same."}}


def with_headers(method: str, operation: Node, schemas: Node) -> Node:
    """Return the operation with conditional headers, Idempotency-Key and the response 304."""
    if method != "get":
        keys = (IDEMPOTENCY_KEY,) if method == "post" else ()
        conditions = WRITE_CONDITIONS if "412" in operation["responses"] else ()
        return with_parameters(operation, *keys, *conditions)
    has_version = any("version" in schema for schema in response_properties(operation, schemas))
    if has_version:
        responses = operation["responses"] | {"304": NOT_MODIFIED[304]}
        operation = {**operation, "responses": responses}
    if "304" in operation["responses"]:
        return with_parameters(operation, *READ_CONDITIONS)
    return operation


def with_parameters(operation: Node, *parameters: Node) -> Node:
    if not parameters:
        return operation
    return {**operation, "parameters": [*operation.get("parameters", ()), *parameters]}


def response_properties(operation: Node, schemas: Node) -> Iterator[Node]:
    """Yield the properties of each model that a 200 may consist of."""
    content = operation["responses"].get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for each in (schema, *schema.get("anyOf", ())):
        yield schemas.get(each.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
