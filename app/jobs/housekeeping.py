"""Delete what has expired, every now and then, in one process of all."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from app.core.background import BackgroundLoop
from app.crud import idempotency_keys, mailed_tokens, mails, sessions, throttles
from app.db.leadership import is_leader
from app.db.session import AsyncSession, Sessionmaker, transaction

EVERY_SECONDS = 600.0
LOCK = 7_246_393

CHORES: tuple[Callable[[AsyncSession], Awaitable[None]], ...] = (
    sessions.delete_expired,
    mailed_tokens.delete_expired,
    throttles.delete_expired,
    idempotency_keys.delete_expired,
    mails.delete_old,
)


class Housekeeping(BackgroundLoop):
    name = "housekeeping"

    def __init__(self, transactions: Sessionmaker) -> None:
        super().__init__()
        self._sessions = transactions

    async def work(self) -> None:
        await self.run_once()

    async def pause(self) -> None:
        # Spread, so that replicas that started together do not all ask at once.
        await asyncio.sleep(EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    async def run_once(self) -> bool:
        """Do every chore; say whether it fell to this process."""
        async with transaction(self._sessions) as session:
            if not await is_leader(session, LOCK):
                return False
            for chore in CHORES:
                await chore(session)
        return True
