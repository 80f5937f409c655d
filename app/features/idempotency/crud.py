"""Access to the table idempotency_keys. Flushes, and never commits."""

import hashlib
from datetime import timedelta

from sqlalchemy import BigInteger, bindparam, delete, func, select

from app.db.base import IdRow
from app.db.compiled_insert import compiled_insert, insert_one
from app.db.executor import CompiledStatement
from app.db.unit_of_work import UnitOfWork
from app.features.idempotency.models import (
    IdempotencyKey,
    IdempotencyKeyInProgress,
    StoredResponse,
    TooManyIdempotencyKeys,
)

LIFETIME = timedelta(hours=24)
RETRY_SECONDS = 3600
# Counted up to the bound, in the same round trip as the lock.
STORED_OF_CALLER = (
    select(func.count())
    .select_from(
        select(IdempotencyKey.id)
        .where(IdempotencyKey.caller == bindparam("caller"))
        .limit(bindparam("limit", type_=BigInteger))
        .subquery()
    )
    .scalar_subquery()
)
LOCK = CompiledStatement(
    select(
        func.pg_try_advisory_xact_lock(bindparam("number", type_=BigInteger)).label("is_locked"),
        STORED_OF_CALLER.label("stored"),
    )
)
BY_KEY = CompiledStatement(
    select(
        IdempotencyKey.fingerprint,
        IdempotencyKey.status,
        IdempotencyKey.headers,
        IdempotencyKey.body,
    ).where(IdempotencyKey.caller == bindparam("caller"), IdempotencyKey.key == bindparam("key"))
)
INSERT = compiled_insert(
    IdempotencyKey, ["caller", "key", *StoredResponse.__annotations__], returning=IdRow
)


async def lock(uow: UnitOfWork, caller: str, key: str, *, limit: int) -> None:
    """Lock the key until the end of the transaction.

    Raises:
        IdempotencyKeyInProgress: another request holds the lock.
        TooManyIdempotencyKeys: `limit` responses of the caller are stored, and none for this key.
    """
    name = hashlib.sha256(f"{caller}:{key}".encode()).digest()
    number = int.from_bytes(name[:8], signed=True)
    (row,) = await uow.execute(LOCK, number=number, caller=caller, limit=limit)
    if not row["is_locked"]:
        raise IdempotencyKeyInProgress(headers={"Retry-After": "1"})
    if row["stored"] >= limit and await find(uow, caller, key) is None:
        raise TooManyIdempotencyKeys(
            f"At most {limit} keys in {LIFETIME.days} day.", retry_after_seconds=RETRY_SECONDS
        )


async def find(uow: UnitOfWork, caller: str, key: str) -> StoredResponse | None:
    """Return the stored response, None if there is none."""
    for row in await uow.execute(BY_KEY, caller=caller, key=key):
        return StoredResponse(
            fingerprint=row["fingerprint"],
            status=row["status"],
            headers=row["headers"],
            body=row["body"],
        )
    return None


async def create(uow: UnitOfWork, caller: str, key: str, response: StoredResponse) -> None:
    await insert_one(uow, INSERT, caller=caller, key=key, **response)


async def delete_expired(uow: UnitOfWork) -> None:
    await uow.session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.created_at < func.now() - LIFETIME)
    )
