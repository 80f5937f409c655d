"""Who opens a stream: WebSocket and Server-Sent Events, by header or by ticket.

Browsers send no header of ours with either; a token in the URL would end up in logs.
"""

import math
from typing import Annotated

from fastapi import Security
from fastapi.requests import HTTPConnection

from app.db.executor import ReadPool, Row
from app.db.resources import DatabaseResources
from app.db.session import transaction
from app.features.api_keys import crud as api_keys
from app.features.streams.crud import tickets
from app.features.streams.models.ticket import InvalidTicket, Ticket
from app.features.users.crud import sessions
from app.observability.request_context import bind_actor
from app.resources import Resources, resources
from app.security.authentication import TOKEN_URL, Authentication
from app.security.credential_verification import principal_of
from app.security.principals import Principal, Scope
from app.security.request_credentials import TICKET_PARAMETER, CredentialKind, read_credential


async def authenticate_stream(connection: HTTPConnection) -> Principal:
    """The caller behind the `ticket` of the URL, or behind the credential of the headers.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        Unauthenticated: there is none, or a token is in the URL (RFC 9700, section 4.3.2).
        InvalidTicket, InvalidToken: it does not hold.
    """
    credential = read_credential(connection, accepts_ticket=True)
    if credential.kind is CredentialKind.TICKET:
        return await redeem(resources(connection), credential.text)
    return await principal_of(resources(connection), credential)


async def redeem(opened: Resources, secret: str) -> Principal:
    async with transaction(opened[DatabaseResources].sessions) as session:
        ticket = await tickets.redeem(session, secret)
    standing = await standing_of(opened[DatabaseResources].reads, ticket)
    if standing is None:
        raise InvalidTicket("What the ticket came from has ended.")
    bind_actor(ticket.user_id)
    ends = ticket.credential_expires_at
    return Principal.granted(
        ticket.user_id,
        standing["role"],
        frozenset(ticket.scopes),
        email_verified=standing["email_verified"],
        session_id=ticket.session_id,
        api_key_id=ticket.api_key_id,
        expires_at=ends.timestamp() if ends else math.inf,
    )


async def standing_of(reads: ReadPool, ticket: Ticket) -> Row | None:
    if ticket.session_id:
        known = await sessions.find_status(reads, [ticket.session_id])
        return known.get(ticket.session_id)
    if ticket.api_key_id:
        known = await api_keys.find_status(reads, [ticket.api_key_id])
        return known.get(ticket.api_key_id)
    return None


stream_authentication = Authentication(
    TOKEN_URL, authenticate_stream, query_parameters=frozenset({TICKET_PARAMETER})
)

# Any scope; what the listener then hears is up to the scopes.
Listening = Annotated[Principal, Security(stream_authentication)]
# What people write in a room is read like their posts.
RoomReader = Annotated[Principal, Security(stream_authentication, scopes=[Scope.POSTS_READ])]
