"""Login throttle: brute-force protection counted in PostgreSQL, exact under concurrency."""

import asyncio
import enum
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from weakref import WeakValueDictionary

from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import InvalidToken, TooManyRequests
from app.features.auth.crud import throttles
from app.features.auth.crud.throttles import Count
from app.features.auth.models.mailed_token import InvalidMailedToken
from app.features.auth.settings import AuthSettings
from app.network.client_address import client_network
from app.runtime.canonical import canonical
from app.runtime.clock import now

WINDOW = timedelta(minutes=15)
WRONG_PASSWORDS_PER_WINDOW = 10
WRONG_PASSWORDS_IN_A_ROW = 100
# Concurrent password checks of one account per process. Each check counts as wrong until it
# succeeds, so more of them could make valid sign-ins reach the limit.
AT_ONCE = 2
# The transactions wait for locks on the same few rows: more connections would not help. Fewer than
# are reserved, so that a flood of sign-ins leaves some for other requests.
COUNTED_AT_ONCE = 2


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    title = "Too many attempts"
    remedy = "Wait for the time in Retry-After, or reset the password."


class MailKind(enum.StrEnum):
    """Purpose of a mail; each kind has its own counter per address.

    Links that other users request therefore never block a reset mail to the owner.
    """

    LINK = "link"
    RESET = "reset"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True)
class MailLimit:
    """Maximum mails within the window, to one address and requested by one account."""

    per_address: int
    per_account: int


class LoginThrottle:
    """Counts a password as wrong before it is checked, and resets the count when it is right.

    Rejected attempts are not counted: the transaction that counts them is rolled back.
    """

    def __init__(self, units_of_work: UnitOfWorkFactory, settings: AuthSettings) -> None:
        self._units_of_work = units_of_work
        self._per_address = settings.attempts_per_address
        self._links = MailLimit(settings.mails_per_address, settings.mails_per_account)
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._counting = asyncio.Semaphore(COUNTED_AT_ONCE)

    @asynccontextmanager
    async def password_attempt(self, account: str, address: str) -> AsyncIterator[None]:
        """Guard the check of one password; an error raised inside the block marks it as wrong.

        Raises:
            TooManyAttempts: the account or the address has used up its attempts.
        """
        of_account = hashed("password", account)
        of_address = hashed("password", client_network(address))
        async with self._slots.setdefault(of_account, asyncio.Semaphore(AT_ONCE)):
            async with self._transaction() as uow:
                await self._count_address(uow, of_address)
                await count_account(uow, of_account)
            yield
            async with self._transaction() as uow:
                await throttles.undo(uow, of_address)
                await throttles.reset(uow, of_account)

    @asynccontextmanager
    async def secret_attempt(self, action: str, address: str) -> AsyncIterator[None]:
        """Guard the check of a secret that is too long to guess; only wrong ones count.

        Valid requests of clients that share an address therefore never use up its attempts.

        Raises:
            TooManyAttempts: it was wrong, and the address has used up its attempts.
        """
        try:
            yield
        except (InvalidToken, InvalidMailedToken):
            await self.count_address(action, address)
            raise

    async def count_address(self, action: str, address: str) -> None:
        """Count an action that is limited even when it succeeds.

        Raises:
            TooManyAttempts: the address has used up its attempts.
        """
        async with self._transaction() as uow:
            await self._count_address(uow, hashed(action, client_network(address)))

    async def may_mail(
        self,
        kind: MailKind,
        mailbox: str,
        *,
        account: uuid.UUID | None = None,
        limit: MailLimit | None = None,
    ) -> bool:
        """Count a mail that a caller requests; return whether it may be sent to the mailbox.

        Callers must respond the same in both cases: the result depends on other callers' requests.

        Args:
            limit: that of mails with links by default.

        Raises:
            TooManyAttempts: the account has reached its limit of requested mails.
        """
        limit = limit or self._links
        async with self._transaction() as uow:
            if account:
                of_account = hashed(f"{kind}-by", str(account))
                counted = await throttles.count(uow, of_account, window=WINDOW)
                reject_above(counted, limit.per_account)
            of_mailbox = hashed(f"{kind}-to", canonical(mailbox))
            counted = await throttles.count(uow, of_mailbox, window=WINDOW)
        return counted.attempts <= limit.per_address

    async def reset(self, account: str) -> None:
        async with self._transaction() as uow:
            await throttles.reset(uow, hashed("password", account))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[UnitOfWork]:
        # A separate transaction: the attempt counts even if the request fails later.
        async with self._counting, self._units_of_work.begin() as uow:
            yield uow

    async def _count_address(self, uow: UnitOfWork, key: str) -> None:
        reject_above(await throttles.count(uow, key, window=WINDOW), self._per_address)


async def count_account(uow: UnitOfWork, key: str) -> None:
    limit = WRONG_PASSWORDS_PER_WINDOW
    counted = await throttles.count(uow, key, window=WINDOW, strict_limit=limit)
    reject_above(counted, limit)
    if counted.consecutive_failures > WRONG_PASSWORDS_IN_A_ROW:
        raise too_many(counted)


def hashed(action: str, subject: str) -> str:
    """Return a key of bounded length that does not reveal its subject."""
    return f"{action}:{hashlib.sha256(subject.encode()).hexdigest()}"


def reject_above(counted: Count, limit: int) -> None:
    if counted.attempts > limit:
        raise too_many(counted)


def too_many(counted: Count) -> TooManyAttempts:
    seconds = (counted.window_ends_at - now()).total_seconds()
    return TooManyAttempts(retry_after_seconds=max(1, round(seconds)))
