"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): replay of stored responses.

A replay passes the same checks as the request itself: credential, scopes and rate limit.
See docs/adr/0025-one-credential-one-client.md.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from fastapi import Request, Response

from app.db.unit_of_work import UnitOfWork
from app.errors import Unprocessable, Violation
from app.features.idempotency import crud as idempotency_keys
from app.features.idempotency.models import IdempotencyKeyReused, StoredResponse
from app.features.idempotency.settings import IdempotencySettings
from app.http.dependency_tree import Guard
from app.network.client_address import client_network
from app.resources import resources_of
from app.security.authentication import client_address, count_address
from app.security.encryption import Encryptor
from app.security.principals import Principal
from app.security.resources import SecurityResources

MAX_KEY = 255
STORED_HEADERS = ("content-type", "location", "etag", "last-modified", "cache-control", "pragma")


async def respond_idempotently(
    request: Request, handler: Callable[[Request], Awaitable[Response]], guards: Sequence[Guard]
) -> Response:
    """Return the stored response for the key, else call the handler and store its response.

    Raises:
        Unauthenticated, InsufficientScope, TooManyRequests: as the endpoint itself raises them,
            before the database is queried for the key.
        Unprocessable: the key is malformed.
        IdempotencyKeyReused: the key was sent with a different request before.
        IdempotencyKeyInProgress: the first request is still running.
        TooManyIdempotencyKeys: the caller has too many stored responses.
    """
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return await handler(request)
    # Reads the body first: its credential may have been revoked while it arrived.
    fingerprint = await fingerprint_of(request)
    await pass_guards(request, guards)
    check_key(key)
    return await execute_once(
        request, request.state.unit_of_work, key, fingerprint, partial(handler, request)
    )


async def execute_once(
    request: Request,
    uow: UnitOfWork,
    key: str,
    fingerprint: bytes,
    respond: Callable[[], Awaitable[Response]],
) -> Response:
    """Return the stored response for the key, else a new one, which is stored.

    Raises:
        IdempotencyKeyReused, IdempotencyKeyInProgress, TooManyIdempotencyKeys: as above.
    """
    caller, encryptor = client_key(request), resources_of(request)[SecurityResources].encryptor
    limit = resources_of(request)[IdempotencySettings].idempotency_keys_per_caller
    await idempotency_keys.lock(uow, caller, key, limit=limit)
    first = await idempotency_keys.find(uow, caller, key)
    if first is not None:
        return replay(first, fingerprint, encryptor)
    response = await respond()
    stored = stored_response(response, fingerprint, encryptor)
    await idempotency_keys.create(uow, caller, key, stored)
    return response


async def pass_guards(request: Request, guards: Sequence[Guard]) -> None:
    """Authenticate the caller; a public endpoint counts the client address instead."""
    for authentication, scopes in guards:
        await authentication(request, scopes)
    if not guards:
        await count_address(request)


def check_key(key: str) -> None:
    """Validate an Idempotency-Key.

    Raises:
        Unprocessable: the key is empty, too long or not printable.
    """
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        message = f"An Idempotency-Key has 1 to {MAX_KEY} printable characters"
        violation = Violation("/header/idempotency-key", message, "idempotency_key_malformed")
        raise Unprocessable(violations=[violation])


def client_key(request: Request) -> str:
    """Return the namespace of idempotency keys: keys of different callers are unrelated.

    The same user with a credential of fewer scopes is another caller: a stored response may
    contain a secret that requires the scopes of the first credential.
    """
    principal: Principal | None = request.scope.get("principal")
    if principal is None:
        return f"address:{client_network(client_address(request))}"
    scopes = hashlib.sha256(" ".join(sorted(principal.scopes)).encode()).hexdigest()[:16]
    # A session may refresh its token between two attempts, an API key stays the same.
    return f"{principal.id}:{principal.api_key_id or 'session'}:{scopes}"


async def fingerprint_of(request: Request) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.digest()


def stored_response(response: Response, fingerprint: bytes, encryptor: Encryptor) -> StoredResponse:
    headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
    return {
        # A request may contain a password, which could be guessed from a plain digest.
        "fingerprint": encryptor.mac(fingerprint),
        "status": response.status_code,
        "headers": headers,
        "body": encryptor.encrypt(bytes(response.body)),
    }


def replay(first: StoredResponse, fingerprint: bytes, encryptor: Encryptor) -> Response:
    """Return the stored response of the first request.

    Raises:
        IdempotencyKeyReused: the fingerprint belongs to another request.
    """
    if first["fingerprint"] != encryptor.mac(fingerprint):
        raise IdempotencyKeyReused("This Idempotency-Key was sent with another request before.")
    headers = {**first["headers"], "idempotency-replayed": "true"}
    return Response(encryptor.decrypt(first["body"]), first["status"], headers)
