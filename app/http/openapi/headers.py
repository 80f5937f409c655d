"""OpenAPI of headers that routes and middleware read, which FastAPI does not know."""

from typing import Any

Node = dict[str, Any]


def header(name: str, description: str, **schema: Any) -> Node:
    return {
        "name": name,
        "in": "header",
        "description": description,
        "schema": {"type": "string", **schema},
    }


IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "A unique value for each new request: repeated requests with it are executed "
    "once, and the response is stored for a day.",
    minLength=1,
    maxLength=255,
)
IF_MATCH = header(
    "If-Match",
    "The `ETag` that you read: if the resource has changed, the response is 412 "
    "and nothing happens.",
    maxLength=4096,
)
IF_UNMODIFIED_SINCE = header(
    "If-Unmodified-Since",
    "The `Last-Modified` that you read, in whole seconds; ignored together with "
    "`If-Match`, which is exact.",
    maxLength=40,
)
IF_NONE_MATCH = header(
    "If-None-Match",
    "The `ETag` of your copy: if it is current, the response is 304, or 412 to a write.",
    maxLength=4096,
)
IF_MODIFIED_SINCE = header(
    "If-Modified-Since",
    "The `Last-Modified` of your copy; ignored together with `If-None-Match`.",
    maxLength=40,
)
WRITE_CONDITIONS = (IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH)
READ_CONDITIONS = (IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE)
NOT_MODIFIED: dict[int | str, Node] = {304: {"description": "Your copy is current."}}


def with_headers(method: str, operation: Node, schemas: Node) -> Node:
    """Return the operation with conditional headers, Idempotency-Key and the response 304."""
    responses = operation["responses"]
    if method == "get" and has_version(responses, schemas):
        responses = responses | {"304": NOT_MODIFIED[304]}
    keys = (IDEMPOTENCY_KEY,) if method == "post" else ()
    is_read, is_write = "304" in responses, method != "get" and "412" in responses
    conditions = READ_CONDITIONS if is_read else WRITE_CONDITIONS if is_write else ()
    parameters = [*operation.get("parameters", ()), *keys, *conditions]
    headers = {"parameters": parameters} if parameters else {}
    return {**operation, "responses": responses, **headers}


def has_version(responses: Node, schemas: Node) -> bool:
    """Return whether one of the models that a 200 may consist of has a version."""
    content = responses.get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    names = [each.get("$ref", "").rpartition("/")[2] for each in (schema, *schema.get("anyOf", ()))]
    found = (schemas.get(name, {}).get("properties", {}) for name in names)
    return any({"version", "updated_at"} <= fields.keys() for fields in found)
