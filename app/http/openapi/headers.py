"""OpenAPI of headers that routes and middleware read, which FastAPI does not know."""

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A unique value for each new request: repeated requests with it are executed "
    "once, and the response is stored for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The `ETag` that you read: if the resource has changed, the response is 412 "
    "and nothing happens.",
    "schema": {"type": "string", "maxLength": 4096},
}
IF_UNMODIFIED_SINCE = {
    "name": "If-Unmodified-Since",
    "in": "header",
    "description": "The `Last-Modified` that you read, in whole seconds; ignored together with "
    "`If-Match`, which is exact.",
    "schema": {"type": "string", "maxLength": 40},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of your copy: if it is current, the response is 304, or 412 to a "
    "write.",
    "schema": {"type": "string", "maxLength": 4096},
}
IF_MODIFIED_SINCE = {
    "name": "If-Modified-Since",
    "in": "header",
    "description": "The `Last-Modified` of your copy; ignored together with `If-None-Match`.",
    "schema": {"type": "string", "maxLength": 40},
}
WRITE_CONDITIONS = (IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH)
READ_CONDITIONS = (IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE)
NOT_MODIFIED: dict[int | str, Node] = {304: {"description": "Your copy is current."}}


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
