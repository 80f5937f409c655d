"""Idempotency-Key for uploads, whose bodies are consumed before their rows are written.

Differs from other endpoints in three points: the request is identified by the hashes of its
files, the transaction begins when they have arrived, and then the credential is checked again: an
upload may take many minutes.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from fastapi import Request, Response

from app.db.dependencies import OpenTransaction
from app.db.unit_of_work import UnitOfWork
from app.features.files.form_parser import Upload
from app.features.idempotency.replay import check_key, execute_once
from app.features.users.crud import credentials
from app.security.principals import Principal

Respond = Callable[[UnitOfWork], Awaitable[Response]]


async def respond_to_upload_once(
    request: Request,
    open_transaction: OpenTransaction,
    principal: Principal,
    upload: Upload,
    respond: Respond,
) -> Response:
    """Write the rows and commit, or replay the response of a committed upload with the key.

    Raises:
        InvalidToken: the credential was revoked while the files arrived.
        IdempotencyKeyReused: the key was used with other files or fields.
        IdempotencyKeyInProgress: the first request is writing its rows.
    """
    key = request.headers.get("idempotency-key")
    async with open_transaction() as uow:
        await credentials.lock_live(uow, principal)
        if key is None:
            return await respond(uow)
        check_key(key)
        fingerprint = upload.fingerprint(request.url.path)
        return await execute_once(request, uow, key, fingerprint, partial(respond, uow))
