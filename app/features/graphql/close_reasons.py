"""Close codes of GraphQL WebSockets, with the meanings that graphql-ws gives them.

Its clients connect again after 4403 and 1013, with new `connectionParams`, and report all others
as errors: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import enum
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import AppError, BadRequest, NotPermitted, Unauthenticated
from app.features.streams.websocket import CloseReason


class GraphQLCloseCode(enum.IntEnum):
    TRY_AGAIN_LATER = 1013  # In the registry of RFC 6455, section 11.7.
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    NOT_INITIALISED = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITIALISATIONS = 4429


class Closed(Exception):
    """The connection has ended, or has to be closed for the reason."""

    def __init__(self, reason: CloseReason | None) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def closing_on_error() -> Iterator[None]:
    """Raise `Closed` for an error of the application: an open WebSocket has no HTTP response."""
    try:
        yield
    except AppError as error:
        raise Closed((close_code_of(error), error.title)) from error


def close_code_of(error: AppError) -> GraphQLCloseCode:
    """Return the close code for an error.

    An invalid credential is 4403: mostly the access token has expired, and graphql-ws then asks
    for a new one. Without any credential, another attempt would end in the same way.
    """
    if error.status == BadRequest.status:
        return GraphQLCloseCode.BAD_REQUEST
    if error.code == Unauthenticated.code:
        return GraphQLCloseCode.UNAUTHORIZED
    if error.status in {Unauthenticated.status, NotPermitted.status}:
        return GraphQLCloseCode.FORBIDDEN
    return GraphQLCloseCode.TRY_AGAIN_LATER
