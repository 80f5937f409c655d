"""Dependency for preconditions of writes, evaluated against the locked row."""

from typing import Annotated

from fastapi import Depends, Request

from app.config.settings import Settings
from app.db.base import Versioned
from app.errors import PreconditionRequired
from app.http.preconditions import Validators, evaluate_preconditions
from app.resources import resources_of


class Precondition:
    """Preconditions of a request on the row that it changes."""

    def __init__(self, request: Request, *, is_required: bool) -> None:
        self._request = request
        self._is_required = is_required

    def check(self, row: Versioned) -> None:
        """Evaluate the preconditions against the locked row.

        Raises:
            PreconditionFailed: a precondition does not hold.
            PreconditionRequired: REQUIRE_IF_MATCH is set, and If-Match is missing.
            BadRequest: If-None-Match is malformed.
        """
        if self._is_required and "if-match" not in self._request.headers:
            raise PreconditionRequired
        self.check_if_sent(row)

    def check_if_sent(self, row: Versioned) -> None:
        """Evaluate them for a row that the client cannot read, such as a deleted one: If-Match is
        not required.

        Raises:
            PreconditionFailed, BadRequest: as `check`.
        """
        current = Validators(etag(row.version), row.updated_at)
        headers = self._request.scope["headers"]
        evaluate_preconditions(self._request.method, headers, current)


async def get_precondition(request: Request) -> Precondition:
    return Precondition(request, is_required=resources_of(request)[Settings].require_if_match)


PreconditionDep = Annotated[Precondition, Depends(get_precondition)]


def etag(version: int) -> str:
    """Return a strong validator: each change of a row increments its version."""
    return f'"{version}"'
