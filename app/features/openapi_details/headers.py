"""OpenAPI of headers that routes and middleware read and send, which FastAPI does not know."""

from app.http.openapi import COPY_IS_CURRENT, HEADERS, VALIDATORS, Node


def header(description: str, max_length: int = 40) -> Node:
    return {"description": description, "schema": {"type": "string", "maxLength": max_length}}


SECONDS: Node = {"type": "integer", "minimum": 0, "maximum": 86_400}
RECEIVED = {
    "Idempotency-Key": header("Unique for each new request; a retry is not executed again.", 255),
    "If-Match": header("The `ETag` that you read: if it is not the current one, 412.", 4096),
    "If-Modified-Since": header("The `Last-Modified` of your copy; `If-None-Match` precedes it."),
    "If-None-Match": header("The `ETag` of your copy: if current, 304, or 412 to a write.", 4096),
    "If-Unmodified-Since": header("The `Last-Modified` that you read; `If-Match` precedes it."),
}
SENT = {
    "Deprecation": header("With `skip` above 0: since when it is deprecated (RFC 9745)."),
    "ETag": header("Entity tag of this state, for `If-Match` and `If-None-Match`.", 100),
    "Idempotency-Replayed": header(
        "`true` if the response is that of an earlier request; its resource may be deleted by now."
    ),
    "Last-Modified": header("Time of the last change, in whole seconds."),
    "Link": header("URLs of the first and the next page (RFC 8288).", 20_000),
    "Location": header("URL of the resource, or of the task that will end later.", 4096),
    "RateLimit": header("Requests left, and seconds until there are more.", 100),
    "RateLimit-Policy": header("Number of requests in a window, and its length in seconds.", 100),
    "Retry-After": header("Seconds to wait before a retry.") | {"schema": SECONDS},
    "Sunset": header("With `Deprecation`: when `skip` ends (RFC 8594)."),
    "WWW-Authenticate": header("How to authenticate (RFC 6750, section 3).", 200),
}
RATE_LIMIT = ("RateLimit", "RateLimit-Policy")
WRITE_CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match")
READ_CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since")
VERSIONED = {"version", "updated_at"}


def references(*names: str) -> Node:
    """Return the headers of a response, as references to `components/headers`."""
    found = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"headers": found} if names else {}


def with_headers(method: str, operation: Node, schemas: Node) -> Node:
    """Return the operation with the headers of request and responses, and the response 304."""
    responses: Node = operation["responses"]
    fields = fields_of(responses.get("200", {}), schemas)
    if method == "get" and fields >= VERSIONED:
        responses = {**responses, "304": COPY_IS_CURRENT}
    names = request_headers(method, responses)
    received = [{"name": name, "in": "header", **RECEIVED[name]} for name in names]
    parameters = [*operation.get("parameters", ()), *received]
    operation = {**operation, "parameters": parameters}
    finished = {
        status: with_sent(operation, status, response, fields_of(response, schemas) or fields)
        for status, response in responses.items()
    }
    return {**operation, "responses": finished}


def request_headers(method: str, responses: Node) -> list[str]:
    keys = ("Idempotency-Key",) if method == "post" else ()
    is_read, is_write = "304" in responses, method != "get" and "412" in responses
    return [*keys, *(READ_CONDITIONS if is_read else WRITE_CONDITIONS if is_write else ())]


def with_sent(operation: Node, status: str, response: Node, fields: set[str]) -> Node:
    """Return the response with the headers that follow from the operation and from its fields."""
    parameters = {each["name"] for each in operation["parameters"]}
    is_page, is_resource = "next_cursor" in fields, fields >= VERSIONED
    is_keyed = "Idempotency-Key" in parameters
    rules: list[tuple[object, tuple[str, ...]]] = [
        (is_resource, VALIDATORS),
        (is_resource and status in {"201", "202"}, ("Location",)),
        (is_page, ("Link",)),
        (is_page and "skip" in parameters, ("Deprecation", "Sunset")),
        (is_keyed, ("Idempotency-Replayed",)),
        # Requests of anonymous clients are counted if they have a key.
        (is_keyed or operation.get("security"), RATE_LIMIT),
    ]
    names = [name for applies, group in rules if applies for name in group]
    found = references(*names, *response.get(HEADERS, ()))
    headers = {**found.get("headers", {}), **response.get("headers", {})}
    response = {key: part for key, part in response.items() if key != HEADERS}
    return {**response, **({"headers": headers} if headers else {})}


def fields_of(response: Node, schemas: Node) -> set[str]:
    """Return the fields of the models that the JSON of a response may consist of."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    names = [each.get("$ref", "").rpartition("/")[2] for each in (schema, *schema.get("anyOf", ()))]
    return {field for name in names for field in schemas.get(name, {}).get("properties", ())}
