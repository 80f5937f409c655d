"""The idempotency_keys table, seen as a collection. Flushes; never commits."""

import hashlib
from datetime import timedelta

from sqlalchemy import delete, func, select

from app.db.session import AsyncSession
from app.models.idempotency_key import IdempotencyKey, IdempotencyKeyInProgress

KEPT = timedelta(hours=24)


async def lock(session: AsyncSession, caller: str, key: str) -> None:
    """Keep others from using the key until the transaction ends, however it ends.

    Raises:
        IdempotencyKeyInProgress: another request is using it.
    """
    name = hashlib.sha256(f"{caller}:{key}".encode()).digest()
    number = int.from_bytes(name[:8], signed=True)
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise IdempotencyKeyInProgress(headers={"Retry-After": "1"})


async def find(session: AsyncSession, caller: str, key: str) -> IdempotencyKey | None:
    return await session.scalar(
        select(IdempotencyKey).where(IdempotencyKey.caller == caller, IdempotencyKey.key == key)
    )


async def create(session: AsyncSession, answer: IdempotencyKey) -> None:
    session.add(answer)
    await session.flush()


async def delete_expired(session: AsyncSession) -> None:
    await session.execute(
        delete(IdempotencyKey).where(IdempotencyKey.created_at < func.now() - KEPT)
    )
