"""Idempotency-Key for uploads, whose bodies are consumed before their rows are written.

Differs from other endpoints in two points: the request is identified by the hashes of its
files, and the transaction begins when they have arrived.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from app.config.settings import Settings
from app.db.dependencies import OpenTransaction
from app.db.unit_of_work import UnitOfWork
from app.features.files.form_parser import Upload
from app.http.idempotency import crud as idempotency_keys
from app.http.idempotency.route import check_key, client_key, replay, stored
from app.resources import resources
from app.security.resources import SecurityResources

Answer = Callable[[UnitOfWork], Awaitable[Response]]


async def answer_upload_once(
    request: Request, open_transaction: OpenTransaction, upload: Upload, answer: Answer
) -> Response:
    """Write the rows and commit, or replay the response of a committed upload with the key.

    Raises:
        IdempotencyKeyReused: the key was used with other files or fields.
        IdempotencyKeyInProgress: the first request is writing its rows.
    """
    key = request.headers.get("idempotency-key")
    async with open_transaction() as uow:
        if key is None:
            return await answer(uow)
        return await answer_key_once(request, uow, key, upload, answer)


async def answer_key_once(
    request: Request, uow: UnitOfWork, key: str, upload: Upload, answer: Answer
) -> Response:
    check_key(key)
    caller, encryptor = client_key(request), resources(request)[SecurityResources].encryptor
    fingerprint = upload.fingerprint(request.url.path)
    most = resources(request)[Settings].idempotency_keys_per_caller
    await idempotency_keys.lock(uow, caller, key, most=most)
    first = await idempotency_keys.find(uow, caller, key)
    if first is not None:
        return replay(first, fingerprint, encryptor)
    response = await answer(uow)
    await idempotency_keys.create(uow, stored(response, caller, key, fingerprint, encryptor))
    return response
