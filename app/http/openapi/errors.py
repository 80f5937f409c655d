"""OpenAPI of errors: the problems that an operation may respond with."""

from typing import Any

from app.errors import (
    AppError,
    BadRequest,
    ContentTooLarge,
    DeadlineExceeded,
    EmailNotVerified,
    InsufficientScope,
    InvalidToken,
    PreconditionFailed,
    PreconditionRequired,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from app.http.cursors import InvalidCursor
from app.http.idempotency.models import (
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    TooManyIdempotencyKeys,
)
from app.http.problem_details import BY_STATUS, MEDIA_TYPE
from app.http.problem_types import Kind, example, problem_types
from app.http.request_errors import (
    HeadersTooLarge,
    NestedTooDeeply,
    TooManyParameters,
    TooManyValues,
    UnsupportedContentCoding,
    UriTooLong,
)
from app.security.request_credentials import AmbiguousCredentials

Node = dict[str, Any]

AUTHENTICATION: tuple[Kind, ...] = (
    Unauthenticated,
    InvalidToken,
    InsufficientScope,
    EmailNotVerified,
)
PROBLEM = {"$ref": "#/components/schemas/Problem"}
RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before the request is worth repeating.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 86_400},
    }
}
HEADERS: dict[int, Node] = {
    Unauthenticated.status: {
        "WWW-Authenticate": {
            "description": "How to authenticate (RFC 6750, section 3).",
            "schema": {"type": "string", "maxLength": 200},
        }
    },
    TooManyRequests.status: RETRY_AFTER,
    Unavailable.status: RETRY_AFTER,
}


def error_references(operation: Node) -> Node:
    """Return the error responses of an operation as references to shared responses."""
    return {
        str(status): {"$ref": f"#/components/responses/{response_name(kinds)}"}
        for status, kinds in kinds_by_status(operation).items()
    }


def shared_responses(operations: list[Node]) -> Node:
    """Return the shared responses that `error_references` of all operations refer to."""
    responses = {
        response_name(kinds): shared_response(kinds)
        for operation in operations
        for kinds in kinds_by_status(operation).values()
    }
    return dict(sorted(responses.items()))


def kinds_by_status(operation: Node) -> dict[int, list[Kind]]:
    by_status: dict[int, list[Kind]] = {}
    kinds = {*declared(operation), *implied(operation)}
    for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code)):
        by_status.setdefault(kind.status, []).append(kind)
    return by_status


def declared(operation: Node) -> list[Kind]:
    """Return the problems that the endpoint declares, by the codes of its examples."""
    known = problem_types()
    kinds: list[Kind] = []
    for status, response in operation["responses"].items():
        if is_error(status):
            examples = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
            kinds.extend(known[code] for code in examples)
            if not examples and int(status) in BY_STATUS:
                kinds.append(BY_STATUS[int(status)])
    return kinds


def implied(operation: Node) -> list[Kind]:
    """Return the problems that follow from the parameters, body and security of an operation."""
    names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    has_body, is_post = "requestBody" in operation, "idempotency-key" in names
    has_json = "application/json" in operation.get("requestBody", {}).get("content", {})
    is_system = "system" in operation["tags"]
    rules: list[tuple[object, tuple[Kind, ...]]] = [
        (operation.get("security"), (AmbiguousCredentials, *AUTHENTICATION)),
        ("cursor" in names, (InvalidCursor,)),
        ("if-match" in names, (PreconditionFailed,)),
        ("if-match" in names and "304" not in operation["responses"], (PreconditionRequired,)),
        (is_post, (IdempotencyKeyInProgress, IdempotencyKeyReused, TooManyIdempotencyKeys)),
        # The body of a POST is always read: it is part of the fingerprint of the key.
        (has_body or is_post, (ContentTooLarge,)),
        (has_body, (UnsupportedMediaType, UnsupportedContentCoding)),
        (has_json, (NestedTooDeeply, TooManyValues)),
        (True, (BadRequest, UriTooLong, HeadersTooLarge)),
        (names, (TooManyParameters,)),
        (not is_system, (TooManyRequests, Unavailable, DeadlineExceeded)),
        # Every operation rejects unknown query parameters.
        (True, (Unprocessable, AppError)),
    ]
    return [kind for applies, kinds in rules if applies for kind in kinds]


def is_error(status: str) -> bool:
    return status.startswith(("4", "5"))


def response_name(kinds: list[Kind]) -> str:
    return "Or".join(kind.__name__ for kind in kinds)


def shared_response(kinds: list[Kind]) -> Node:
    examples = {kind.code: {"summary": kind.title, "value": example(kind)} for kind in kinds}
    described = {
        "description": "; or: ".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": PROBLEM, "examples": examples}},
    }
    headers = HEADERS.get(kinds[0].status)
    return {**described, "headers": headers} if headers else described
