"""OpenAPI of errors: the problems that an operation may respond with."""

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
from app.features.idempotency.models import (
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    TooManyIdempotencyKeys,
)
from app.features.openapi_details.headers import RATE_LIMIT, references
from app.features.openapi_details.problem_types import Kind, example, problem_types
from app.http.cursors import InvalidCursor
from app.http.openapi import Node
from app.http.problem_details import CODES, MEDIA_TYPE
from app.http.request_errors import (
    HeadersTooLarge,
    NestedTooDeeply,
    TooManyParameters,
    TooManyValues,
    UnsupportedContentCoding,
    UriTooLong,
)
from app.security.request_credentials import AmbiguousCredentials

AUTHENTICATION: tuple[Kind, ...] = (
    Unauthenticated,
    InvalidToken,
    InsufficientScope,
    EmailNotVerified,
)


PROBLEM = {"$ref": "#/components/schemas/Problem"}
# By status: of at least one of the errors that have it.
HEADERS = {
    Unauthenticated.status: ("WWW-Authenticate",),
    InsufficientScope.status: ("WWW-Authenticate",),
    IdempotencyKeyInProgress.status: ("Retry-After",),
    TooManyRequests.status: ("Retry-After",),
    Unavailable.status: ("Retry-After",),
}
# Responses to requests that are rejected before they count in the rate limit.
UNCOUNTED = frozenset({UriTooLong.status, HeadersTooLarge.status})


def kinds_by_status(operation: Node) -> dict[str, list[Kind]]:
    """Return the problems that an operation may respond with, in the order of their codes."""
    by_status: dict[str, list[Kind]] = {}
    kinds = {*declared(operation), *implied(operation)}
    for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code)):
        by_status.setdefault(str(kind.status), []).append(kind)
    return by_status


def declared(operation: Node) -> list[Kind]:
    """Return the problems that the endpoint declares."""
    known, responses = problem_types(), operation["responses"].values()
    return [known[code] for response in responses for code in response.get(CODES, ())]


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


def response_name(kinds: list[Kind]) -> str:
    return "Or".join(kind.__name__ for kind in kinds)


def shared_response(kinds: list[Kind]) -> Node:
    """Return the response that all operations with these problems refer to."""
    status = kinds[0].status
    counted = () if status in UNCOUNTED else RATE_LIMIT
    examples = {kind.code: {"summary": kind.title, "value": example(kind)} for kind in kinds}
    return {
        "description": "; or: ".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": PROBLEM, "examples": examples}},
        **references(*counted, *HEADERS.get(status, ())),
    }
