"""Conditional requests (RFC 9110, section 13), from row versions."""

from typing import Annotated

from fastapi import Depends, Header, Request

from app.core.errors import PreconditionFailed, PreconditionRequired
from app.schemas.base import OpaqueText


class Precondition:
    """What If-Match asks of the row that is about to change."""

    def __init__(self, if_match: str | None, *, is_required: bool) -> None:
        self.if_match = if_match
        self.is_required = is_required

    def check(self, version: int) -> None:
        """Compare with the version of the locked row.

        Raises:
            PreconditionFailed: the row is not the one that the client read.
            PreconditionRequired: the client named none, and the service insists.
        """
        if self.if_match is None:
            if self.is_required:
                raise PreconditionRequired
        elif not names_tag(self.if_match, etag(version)):
            raise PreconditionFailed


async def get_precondition(
    request: Request,
    if_match: Annotated[
        OpaqueText | None, Header(max_length=1000, description="The ETag that you read.")
    ] = None,
) -> Precondition:
    return Precondition(if_match, is_required=request.app.state.settings.require_if_match)


PreconditionDep = Annotated[Precondition, Depends(get_precondition)]


def etag(version: int) -> str:
    """A strong validator: each change of a row gives it a new version."""
    return f'"{version}"'


def names_tag(header: str, tag: str, *, weakly: bool = False) -> bool:
    """Whether a list of entity tags, or `*`, covers `tag`; If-None-Match compares weakly."""
    candidates = {part.strip() for part in header.split(",")}
    if weakly:
        candidates = {candidate.removeprefix("W/") for candidate in candidates}
    return tag in candidates or "*" in candidates
