"""One process of many: whoever holds the lock does the work, the others pass."""

from sqlalchemy import func, select

from app.db.session import AsyncSession


async def is_leader(session: AsyncSession, lock: int) -> bool:
    """Take the lock until the transaction ends; False when another process has it."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(lock))))
