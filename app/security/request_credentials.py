"""Request credentials: the token, API key or ticket of a request (RFC 6750, section 2).

Used by REST, GraphQL, event streams and WebSocket handshakes. Cookies carry no credentials.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from fastapi.requests import HTTPConnection

from app.errors import InvalidRequest, InvalidToken, Unauthenticated
from app.security.principals import CredentialKind

CREDENTIAL_FIELDS = frozenset({b"authorization", b"x-api-key"})
TICKET_PARAMETER = "ticket"
# Query strings end up in logs and in the history of browsers (RFC 9700, section 4.3.2).
TOKEN_PARAMETERS = frozenset({"access_token", "token", "authorization", "api_key"})
API_KEY_PREFIX = "rk_"
# RFC 9110, section 11.2; neither our tokens nor our keys have any other character.
TOKEN68 = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
WHITESPACE = b" \t"  # RFC 9110, section 5.5: not a part of the value.


class AmbiguousCredentials(InvalidRequest):
    """More than one credential: components could disagree about which of them counts."""

    def __init__(self) -> None:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_request"'}
        super().__init__("The request carries more than one credential.", headers=challenge)


@dataclass(frozen=True, slots=True)
class RequestCredential:
    kind: CredentialKind
    text: str


def read_credential(
    connection: HTTPConnection, *, accepts_ticket: bool = False
) -> RequestCredential:
    """Return the credential of the request.

    Raises:
        AmbiguousCredentials: there are two or more, of one kind or of several.
        Unauthenticated: there is none, or it is in the wrong place or scheme.
        InvalidToken: it has characters that no credential has.
    """
    fields = credential_fields(connection)
    tickets = parameters(connection, frozenset({TICKET_PARAMETER})) if accepts_ticket else []
    misplaced = parameters(connection, TOKEN_PARAMETERS)
    if len(fields) + len(tickets) + len(misplaced) > 1:
        raise AmbiguousCredentials
    if misplaced:
        raise Unauthenticated("A token has no place in a URL: send it as a header, or a ticket.")
    if tickets:
        return RequestCredential(CredentialKind.TICKET, tickets[0])
    return credential_of(*fields[0]) if fields else reject_anonymous()


def credential_fields(connection: HTTPConnection) -> list[tuple[bytes, bytes]]:
    return [field for field in connection.scope["headers"] if field[0] in CREDENTIAL_FIELDS]


def parameters(connection: HTTPConnection, names: frozenset[str]) -> list[str]:
    """Return the values of all query parameters with one of the names."""
    if not connection.scope["query_string"]:
        return []
    return [value for name, value in connection.query_params.multi_items() if name in names]


def credential_of(name: bytes, value: bytes) -> RequestCredential:
    """Return the credential in a header field: an API key, or in `Authorization` also a token.

    Raises:
        Unauthenticated: the value is empty or has another scheme.
        InvalidToken: the value has other characters, or is a token in `X-API-Key`.
    """
    text = bearer_token(value) if name == b"authorization" else value.strip(WHITESPACE)
    if not text:
        reject_anonymous()
    if not TOKEN68.fullmatch(text):
        raise InvalidToken("The credential has characters that no credential of ours has.")
    credential = text.decode("ascii")
    if credential.startswith(API_KEY_PREFIX):
        return RequestCredential(CredentialKind.API_KEY, credential)
    if name != b"authorization":
        raise InvalidToken("This is no API key; send access tokens as Bearer tokens.")
    return RequestCredential(CredentialKind.ACCESS_TOKEN, credential)


def bearer_token(value: bytes) -> bytes:
    """Return the token after the scheme `Bearer`, or nothing for other schemes.

    RFC 9110, section 11.4: the scheme is case-insensitive, and one or more blanks follow it.
    """
    scheme, _, token = value.strip(WHITESPACE).partition(b" ")
    return token.lstrip(b" ") if scheme.lower() == b"bearer" else b""


def reject_anonymous() -> NoReturn:
    """Reject a request without a credential.

    Raises:
        Unauthenticated: always.
    """
    raise Unauthenticated("Send an access token as a Bearer token, or an API key as X-API-Key.")
