"""Limits on guessing: counted in PostgreSQL, exact under concurrency, never off."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, cast
from weakref import WeakValueDictionary

from fastapi import Depends, Request

from app.core.clock import now
from app.core.errors import AppError, TooManyRequests
from app.crud import throttles
from app.crud.throttles import Count
from app.db.session import Sessionmaker, transaction

WINDOW = timedelta(minutes=15)
WRONG_PASSWORDS_PER_WINDOW = 10
WRONG_PASSWORDS_IN_A_ROW = 100
MAILS_PER_WINDOW = 3
# Sign-ins of one account that are being checked in one process. More would be counted as
# wrong until they turn out right, and honest ones could find the limit reached.
AT_ONCE = 2


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    title = "Too many attempts"
    remedy = "Wait as long as Retry-After says, or reset the password."


class GuessLimits:
    """Each attempt counts before it is checked, and is taken back when it was right."""

    def __init__(self, sessions: Sessionmaker, *, per_address: int) -> None:
        self._sessions = sessions
        self._per_address = per_address
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def password_attempt(self, account: str, address: str) -> AsyncIterator[None]:
        """Check one password inside; an error that leaves the block means that it was wrong.

        Raises:
            TooManyAttempts: the account or the address has used up its attempts.
        """
        key = hashed("password", account)
        turn = self._turns.setdefault(key, asyncio.Semaphore(AT_ONCE))
        async with turn, self.address_attempt("password", address):
            counted = await self._count(key)
            if counted.streak > WRONG_PASSWORDS_IN_A_ROW:
                raise too_many(counted)
            refuse_above(counted, WRONG_PASSWORDS_PER_WINDOW)
            yield
            await self.forgive(account)

    @asynccontextmanager
    async def address_attempt(self, action: str, address: str) -> AsyncIterator[None]:
        """Like `password_attempt`, for secrets that belong to no account that is known."""
        key = hashed(action, address)
        refuse_above(await self._count(key), self._per_address)
        yield
        async with transaction(self._sessions) as session:
            await throttles.take_back(session, key)

    async def count_address(self, action: str, address: str) -> None:
        """Count something that is limited even when it succeeds.

        Raises:
            TooManyAttempts: the address has used up its attempts.
        """
        refuse_above(await self._count(hashed(action, address)), self._per_address)

    async def may_mail(self, address: str) -> bool:
        """Whether a mailbox may get one more mail that anybody can ask for."""
        return (await self._count(hashed("mail", address))).attempts <= MAILS_PER_WINDOW

    async def forgive(self, account: str) -> None:
        async with transaction(self._sessions) as session:
            await throttles.forget(session, hashed("password", account))

    async def _count(self, key: str) -> Count:
        # A transaction of its own: what follows may fail, and the attempt still counts.
        async with transaction(self._sessions) as session:
            return await throttles.count(session, key, window=WINDOW)


def hashed(action: str, subject: str) -> str:
    """A key of bounded length that tells nobody whose it is."""
    return f"{action}:{hashlib.sha256(subject.encode()).hexdigest()}"


def refuse_above(counted: Count, limit: int) -> None:
    if counted.attempts > limit:
        raise too_many(counted)


def too_many(counted: Count) -> AppError:
    seconds = (counted.window_ends_at - now()).total_seconds()
    return TooManyAttempts(retry_after_seconds=max(1, round(seconds)))


async def get_guess_limits(request: Request) -> GuessLimits:
    return cast("GuessLimits", request.app.state.guess_limits)


GuessLimitsDep = Annotated[GuessLimits, Depends(get_guess_limits)]
