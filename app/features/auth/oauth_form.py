"""OAuth 2.0 request parsing: form parameters, public clients and grants (RFC 6749, section 3.2).

Unknown parameters are ignored and empty ones count as absent, as the RFC requires; a repeated
one is an error. See docs/adr/0026-oauth-clients.md.
"""

import binascii
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from app.errors import InvalidRequest, UnsupportedMediaType
from app.feature import load_features
from app.features.auth.oauth_errors import (
    InvalidClient,
    InvalidScope,
    UnsupportedGrantType,
)
from app.http.header_fields import parameterized

MEDIA_TYPE = "application/x-www-form-urlencoded"
# Clients send fewer than ten; counted before anything is decoded.
MAX_PARAMETERS = 64
# RFC 6749 requires UTF-8; older Java clients declare and send Latin-1.
CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252"})
UNREGISTERED = "The service has no registered clients: send no client secret."


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """RFC 6749, section 4.3.2; without scopes, all scopes of the role are requested."""

    username: str
    password: str
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """RFC 6749, section 6; without scopes, those granted before are requested."""

    refresh_token: str
    scopes: frozenset[str] = frozenset()


class Parameters(dict[str, str]):
    """The parameters of one OAuth request."""

    def require(self, name: str) -> str:
        """Return a required parameter.

        Raises:
            InvalidRequest: it is absent or empty.
        """
        if name not in self:
            raise InvalidRequest(f"The parameter {name} is missing.")
        return self[name]


async def get_parameters(request: Request) -> Parameters:
    """Return the parameters of the form.

    Raises:
        UnsupportedMediaType: the body is not a urlencoded form.
        InvalidRequest: it is malformed, or a parameter is repeated.
        InvalidClient: client credentials were sent.
    """
    sent = parsed(await request.body(), charset_of(request.headers.get("content-type", "")))
    repeated = [name for name, count in Counter(name for name, _ in sent).items() if count > 1]
    if repeated:
        raise InvalidRequest("A parameter is repeated.")
    parameters = Parameters((name, value) for name, value in sent if value)
    reject_client_credentials(request.headers.getlist("authorization"), parameters)
    return parameters


def charset_of(content_type: str) -> str:
    """Return the charset of a form by its Content-Type.

    Raises:
        UnsupportedMediaType: the body is not a form, or its charset is not supported.
    """
    declared = parameterized(content_type or MEDIA_TYPE)
    if declared.value != MEDIA_TYPE:
        raise UnsupportedMediaType(headers={"Accept": MEDIA_TYPE})
    charset = declared.parameters.get("charset", "utf-8").lower()
    if charset not in CHARSETS:
        raise UnsupportedMediaType("The form must be in UTF-8.", headers={"Accept": MEDIA_TYPE})
    return charset


def parsed(body: bytes, charset: str) -> list[tuple[str, str]]:
    """Parse a form strictly.

    Raises:
        InvalidRequest: the body is not in the charset, or has too many parameters.
    """
    try:
        return parse_qsl(
            body.decode(charset),
            keep_blank_values=True,
            encoding=charset,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise InvalidRequest(
            f"The form must be in UTF-8 and have at most {MAX_PARAMETERS} parameters."
        ) from None


def reject_client_credentials(authorization: list[str], parameters: Parameters) -> None:
    """Accept only public clients (RFC 6749, section 2.1): a client id without a secret.

    Libraries send the id in the form, or with an empty password by HTTP Basic. An access token
    that a client adds to all its requests is not client authentication, and is ignored.

    Raises:
        InvalidClient: client credentials were sent.
    """
    for value in authorization:
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() == "basic" and has_password(credentials):
            raise InvalidClient(
                UNREGISTERED, headers={"WWW-Authenticate": 'Basic realm="OAuth clients"'}
            )
    if "client_secret" in parameters or "client_assertion" in parameters:
        raise InvalidClient(UNREGISTERED)


def has_password(credentials: str) -> bool:
    """Return whether Basic credentials (RFC 7617) carry a password, or are malformed."""
    try:
        _, colon, password = b64decode(credentials.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return True
    return not colon or bool(password)


ParametersDep = Annotated[Parameters, Depends(get_parameters)]


async def get_grant(parameters: ParametersDep) -> PasswordGrant | RefreshGrant:
    """Return the grant; `grant_type` may be left out for a password.

    Raises:
        UnsupportedGrantType: the service has no such grant.
        InvalidRequest: a parameter of the grant is missing.
        InvalidScope: one of the scopes does not exist.
    """
    kind = parameters.get("grant_type", "password")
    if kind == "password":
        username, password = parameters.require("username"), parameters.require("password")
        return PasswordGrant(username, password, requested_scopes(parameters))
    if kind == "refresh_token":
        return RefreshGrant(parameters.require("refresh_token"), requested_scopes(parameters))
    raise UnsupportedGrantType


def requested_scopes(parameters: Parameters) -> frozenset[str]:
    """Return the scopes of the parameter `scope`.

    Raises:
        InvalidScope: one of them does not exist.
    """
    requested = frozenset(parameters.get("scope", "").split(" ")) - {""}
    if not requested <= load_features().permissions.descriptions.keys():
        raise InvalidScope("One of the requested scopes does not exist.")
    return requested


GrantDep = Annotated[PasswordGrant | RefreshGrant, Depends(get_grant)]
