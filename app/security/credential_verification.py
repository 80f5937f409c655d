"""Credential verification: resolves the credential of a request to its principal."""

from functools import partial

from fastapi.requests import HTTPConnection

from app.errors import InvalidToken
from app.observability.request_context import bind_actor
from app.resources import Resources, resources_of
from app.security.principal_cache import lifetime
from app.security.principals import Principal
from app.security.request_credentials import RequestCredential, read_credential
from app.security.resources import SecurityResources


async def authenticate(connection: HTTPConnection) -> Principal:
    """Return the principal of the credential in the header fields.

    Raises:
        AmbiguousCredentials: there is more than one credential.
        Unauthenticated: there is no credential.
        InvalidToken: it is malformed, expired, revoked or of a disabled user.
    """
    return await principal_of(resources_of(connection), read_credential(connection))


async def principal_of(resources: Resources, credential: RequestCredential) -> Principal:
    """Return the principal of a credential other than a ticket, and bind it as the actor.

    Raises:
        InvalidToken: it is malformed, expired, revoked or of a disabled user.
    """
    principals = resources[SecurityResources].principals
    principal = await principals.get(credential.text, partial(verify, resources, credential))
    bind_actor(principal.id)
    return principal


async def verify(resources: Resources, credential: RequestCredential) -> tuple[Principal, float]:
    """Verify a credential with the authenticator of its kind.

    Raises:
        InvalidToken: no feature accepts this kind.
    """
    authenticator = resources[SecurityResources].authenticators.by_kind.get(credential.kind)
    if authenticator is None:
        raise InvalidToken("The service does not accept credentials of this kind.")
    principal, expires_at = await authenticator.verify(resources, credential.text)
    return principal, lifetime(expires_at)
