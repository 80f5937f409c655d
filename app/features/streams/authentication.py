"""Authentication of WebSockets and Server-Sent Events, by header or by ticket.

Browsers cannot set an Authorization header on either; a token in the URL would end up in logs.
"""

import math
from typing import Annotated

from fastapi import Security
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyQuery

from app.db.resources import DatabaseResources
from app.feature import load_features
from app.features.streams.crud import tickets
from app.features.streams.models.ticket import InvalidTicket
from app.observability.request_context import bind_actor
from app.resources import Resources, resources_of
from app.security.authentication import TOKEN_URL, Authentication
from app.security.credential_verification import principal_of
from app.security.principals import CredentialKind, Principal
from app.security.request_credentials import TICKET_PARAMETER, read_credential
from app.security.resources import SecurityResources


async def authenticate_stream(connection: HTTPConnection) -> Principal:
    """Return the principal of the `ticket` in the URL, or of the credential in the headers.

    Raises:
        AmbiguousCredentials: the request has more than one credential.
        Unauthenticated: it has none, or a token in the URL (RFC 9700, section 4.3.2).
        InvalidTicket, InvalidToken: the credential is unknown, expired or revoked.
    """
    credential = read_credential(connection, accepts_ticket=True)
    if credential.kind is CredentialKind.TICKET:
        return await redeem(resources_of(connection), credential.text)
    return await principal_of(resources_of(connection), credential)


async def redeem(resources: Resources, secret: str) -> Principal:
    """Use up the ticket and return the principal of the credential that requested it.

    Raises:
        InvalidTicket: the ticket is unknown, expired or used, or its credential is revoked.
    """
    async with resources[DatabaseResources].units_of_work.begin() as uow:
        ticket = await tickets.redeem(uow, secret)
    authenticators = resources[SecurityResources].authenticators
    credential = ticket.credential
    live = await authenticators.find_live(resources[DatabaseResources].reads, {credential})
    if credential not in live:
        raise InvalidTicket("The credential of the ticket has ended.")
    bind_actor(ticket.user_id)
    expires_at = ticket.credential_expires_at
    return load_features().permissions.principal(
        ticket.user_id,
        live[credential]["role"],
        frozenset(ticket.scopes),
        email_verified=live[credential]["email_verified"],
        credential=credential,
        expires_at=expires_at.timestamp() if expires_at else math.inf,
    )


stream_authentication = Authentication(
    TOKEN_URL, authenticate_stream, query_parameters=frozenset({TICKET_PARAMETER})
)

# Documents the parameter, which `authenticate_stream` reads.
TICKET = APIKeyQuery(
    name=TICKET_PARAMETER,
    scheme_name="Ticket",
    description="For browsers, which cannot send headers here: a ticket of "
    "`POST /api/v1/auth/ws-ticket`, good for one connection within 30 seconds.",
    auto_error=False,
)

# Requires no scope: the scopes decide which events the caller receives.
StreamCaller = Annotated[Principal, Security(stream_authentication)]
