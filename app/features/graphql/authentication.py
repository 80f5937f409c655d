"""Authentication of GraphQL WebSockets: in the handshake, or by the first message.

Browsers send no header fields with a handshake. Apollo Client, urql and graphql-ws therefore send
the credential in the payload of `connection_init`, where their manuals call it `connectionParams`.
"""

from typing import Annotated

from fastapi import Depends, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes

from app.errors import EmailNotVerified
from app.features.graphql.channel import PROTOCOL
from app.features.graphql.close_reasons import Closed, GraphQLCloseCode
from app.features.graphql.websocket_messages import Init
from app.features.streams.authentication import stream_authentication
from app.resources import resources_of
from app.security.authentication import authenticate_counted, count_address
from app.security.credential_verification import principal_of
from app.security.principals import Principal
from app.security.request_credentials import (
    TICKET_PARAMETER,
    TOKEN_PARAMETERS,
    AmbiguousCredentials,
    RequestCredential,
    credential_fields,
    credential_of,
    parameters,
    reject_anonymous,
)

# HTTP field names are case-insensitive, the names of a payload are not: clients use both.
NAMES = ("Authorization", "authorization")


class HandshakeAuthentication:
    """Dependency: the caller of a handshake, or None if the first message will authenticate it."""

    query_parameters = frozenset({TICKET_PARAMETER})  # For app/http/query_parameters.py.

    async def __call__(self, websocket: WebSocket) -> Principal | None:
        """Return the caller; None without a credential, if the client offers the subprotocol.

        Raises:
            TooManyRequests: the quota of the network is used up.
            Unauthenticated: or another error of `stream_authentication`.
        """
        if has_credential(websocket) or PROTOCOL not in websocket.scope["subprotocols"]:
            return await stream_authentication(websocket, SecurityScopes())
        await count_address(websocket)
        return None


def has_credential(connection: HTTPConnection) -> bool:
    """Return whether the request carries a credential, in any of its places."""
    in_url = parameters(connection, TOKEN_PARAMETERS | {TICKET_PARAMETER})
    return bool(credential_fields(connection) or in_url)


async def authenticate_init(websocket: WebSocket, init: Init) -> Principal:
    """Return the caller whose credential is in the payload of `connection_init`.

    Raises:
        AmbiguousCredentials: it has two.
        Unauthenticated: it has none.
        InvalidToken: the credential is malformed, expired, revoked or of a disabled user.
        EmailNotVerified: the e-mail address has to be confirmed first.
        TooManyRequests: the quota is used up.
    """

    async def authenticate(connection: HTTPConnection) -> Principal:
        return await principal_of(resources_of(connection), credential_in(init))

    caller = await authenticate_counted(websocket, authenticate)
    if not caller.email_verified:
        raise EmailNotVerified("Confirm your e-mail address first.")
    return caller


def credential_in(init: Init) -> RequestCredential:
    """Return the credential in the payload, an access token or an API key as a Bearer token.

    Raises:
        AmbiguousCredentials: there are two.
        Unauthenticated: there is none, or it has another scheme.
        InvalidToken: it has characters that no credential has.
    """
    given = credentials_in(init)
    if len(given) > 1:
        raise AmbiguousCredentials
    if not given or not isinstance(given[0], str):
        reject_anonymous()
    return credential_of(b"authorization", given[0].encode(errors="replace"))


def reject_second_credential(init: Init) -> None:
    """Close the connection if both the handshake and the first message carry a credential."""
    if credentials_in(init):
        raise Closed((GraphQLCloseCode.BAD_REQUEST, "More than one credential"))


def credentials_in(init: Init) -> list[object]:
    payload = init.payload or {}
    return [payload[name] for name in NAMES if name in payload]


HandshakeCaller = Annotated[Principal | None, Depends(HandshakeAuthentication())]
