"""Registry of the problem types that the service responds with."""

from collections.abc import Iterator
from typing import Any

from app.errors import AppError, Unprocessable

Kind = type[AppError]

EXAMPLE_INSTANCE = "/api/v1/items"
EXAMPLE_REQUEST_ID = "5f0c6f1e8f7b4a1c9d3e2b7a6c5d4e3f"
EXAMPLE_VIOLATION = {
    "pointer": "/body/price",
    "message": "Input should be greater than 0",
    "code": "greater_than",
}


def problem_types() -> dict[str, Kind]:
    """Return the problem types by code, in the order of status and code.

    The class that declares a code also represents the classes that inherit it.
    """
    kinds = [kind for kind in descendants(AppError) if "code" in vars(kind)]
    return {kind.code: kind for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))}


def descendants(kind: Kind) -> Iterator[Kind]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


def example(kind: Kind) -> dict[str, Any]:
    """Return an example body of this type for the documentation."""
    body: dict[str, Any] = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": f"{kind.title}.",
        "instance": EXAMPLE_INSTANCE,
        "code": kind.code,
        "request_id": EXAMPLE_REQUEST_ID,
    }
    return body | {"errors": [EXAMPLE_VIOLATION]} if issubclass(kind, Unprocessable) else body
