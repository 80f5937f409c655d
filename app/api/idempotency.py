"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the first answer again."""

import hashlib
from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from app.core.errors import Unauthenticated, Unprocessable, Violation
from app.core.sealing import Sealer
from app.crud import idempotency_keys
from app.db.reads import Row
from app.dependencies.auth import authenticate
from app.models.idempotency_key import IdempotencyKeyReused

MAX_KEY = 255
KEPT_HEADERS = ("content-type", "location", "etag", "last-modified", "cache-control")


async def answer_once(
    request: Request, handler: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Carry out the request, unless its key belongs to one that was carried out.

    Raises:
        IdempotencyKeyReused: the key came with another request before.
        IdempotencyKeyInProgress: the first request is still running.
    """
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return await handler(request)
    refuse_malformed(key)
    caller, fingerprint = await caller_of(request), await fingerprint_of(request)
    session = request.state.session
    most = request.app.state.settings.idempotency_keys_per_caller
    await idempotency_keys.lock(session, caller, key, most=most)
    first = await idempotency_keys.find(session, caller, key)
    if first is not None:
        return replay(first, fingerprint, request.app.state.sealer)
    response = await handler(request)
    await idempotency_keys.create(
        session, stored(response, caller, key, fingerprint, request.app.state.sealer)
    )
    return response


def refuse_malformed(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        message = f"An Idempotency-Key has 1 to {MAX_KEY} printable characters"
        violation = Violation("/header/idempotency-key", message, "idempotency_key_malformed")
        raise Unprocessable(violations=[violation])


async def caller_of(request: Request) -> str:
    """Keys of different callers have nothing to do with one another."""
    try:
        return str((await authenticate(request)).id)
    except Unauthenticated:
        return f"address:{request.client.host if request.client else 'unknown'}"


async def fingerprint_of(request: Request) -> bytes:
    whole = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    whole.update(await request.body())
    return whole.digest()


def stored(response: Response, caller: str, key: str, fingerprint: bytes, sealer: Sealer) -> Row:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return {
        "caller": caller,
        "key": key,
        # A request may hold a password, which a plain digest would let one guess.
        "fingerprint": sealer.mac(fingerprint),
        "status": response.status_code,
        "headers": kept,
        "body": sealer.seal(bytes(response.body)),
    }


def replay(first: Row, fingerprint: bytes, sealer: Sealer) -> Response:
    if first["fingerprint"] != sealer.mac(fingerprint):
        raise IdempotencyKeyReused("This Idempotency-Key came with another request before.")
    headers = {**first["headers"], "idempotency-replayed": "true"}
    return Response(sealer.unseal(first["body"]), first["status"], headers)
