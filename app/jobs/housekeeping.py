"""Delete what has expired, every now and then, in one process of all."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from app.core.background import BackgroundLoop
from app.crud import idempotency_keys, mailed_tokens, mails, sessions, throttles, tickets
from app.db.leadership import is_leader
from app.db.reads import ReadPool
from app.db.session import AsyncSession, Sessionmaker, transaction
from app.integrations.storage import Storage
from app.jobs.orphan_sweep import sweep

EVERY_SECONDS = 600.0
LOCK = 7_246_393

CHORES: tuple[Callable[[AsyncSession], Awaitable[None]], ...] = (
    sessions.delete_expired,
    mailed_tokens.delete_expired,
    throttles.delete_expired,
    tickets.delete_expired,
    idempotency_keys.delete_expired,
    mails.delete_old,
)


class Housekeeping(BackgroundLoop):
    name = "housekeeping"

    def __init__(self, transactions: Sessionmaker, reads: ReadPool, storage: Storage) -> None:
        super().__init__()
        self._sessions = transactions
        self._reads = reads
        self._storage = storage

    async def work(self) -> None:
        if await self.run_once():
            await sweep(self._storage, self._reads)

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
