"""Sender of webhook deliveries: many receivers concurrently, few requests to each.

See docs/adr/0019-webhooks-have-a-queue-of-their-own.md.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import httpx
from cryptography.exceptions import InvalidTag

from app.db.executor import PoolReader
from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import AppError
from app.features.notifications import crud as notifications
from app.features.webhooks.crud import queue as webhook_queue
from app.features.webhooks.crud import webhooks
from app.features.webhooks.delivery import TIMEOUT_SECONDS, deliver
from app.features.webhooks.models.delivery import ClaimedRow, Outcome
from app.features.webhooks.models.webhook import DisabledReason, Webhook
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop
from app.runtime.clock import now
from app.security.encryption import Encryptor

POLL_SECONDS = 1.0
# By whether the webhook is failing: failing webhooks that hang never use the slots of others.
MAX_IN_FLIGHT: Mapping[bool, int] = MappingProxyType({False: 300, True: 100})
# Concurrent transactions that record outcomes, so that the pool is not exhausted.
RECORDED_AT_ONCE = 4
# For running attempts at shutdown; the others are sent again when their leases end.
GRACE_SECONDS = 6.0
GONE = 410

log = get_logger("webhooks")


class WebhookSender(BackgroundLoop):
    """Runs in each worker; the database assigns each message to one sender."""

    name = "webhook sender"

    def __init__(
        self,
        reads: PoolReader,
        units_of_work: UnitOfWorkFactory,
        client: httpx.AsyncClient,
        encryptor: Encryptor,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        max_in_flight: Mapping[bool, int] = MAX_IN_FLIGHT,
    ) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        self._grace_seconds = grace_seconds
        self._max_in_flight = max_in_flight
        self._reads = reads
        self._units_of_work = units_of_work
        self._client = client
        self._encryptor = encryptor
        self._notified = asyncio.Event()
        self._sending: dict[asyncio.Task[None], bool] = {}
        self._recording = asyncio.Semaphore(RECORDED_AT_ONCE)
        self._starting = asyncio.Lock()

    def notify(self, _: str = "") -> None:
        """Start a run without delay: a delivery may be due."""
        self._notified.set()

    @property
    def attempts(self) -> list[asyncio.Task[None]]:
        """The running attempts."""
        return list(self._sending)

    async def work(self) -> None:
        self._notified.clear()
        if not await webhook_queue.has_due(self._reads):
            return
        for failing, slots in self._max_in_flight.items():
            if capacity := slots - list(self._sending.values()).count(failing):
                await self._claim(capacity, failing=failing)

    async def pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._notified.wait()

    async def close(self) -> None:
        """Stop claiming; wait `grace_seconds` for running attempts, then cancel them."""
        await super().close()
        if self._sending:
            _, unfinished = await asyncio.wait(self._sending, timeout=self._grace_seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def drain(self) -> None:
        """Send all deliveries that are due now."""
        await self.work()
        while self._sending:
            await asyncio.wait(self._sending)
            await self.work()

    async def _claim(self, capacity: int, *, failing: bool) -> None:
        async with self._units_of_work.begin() as uow:
            claimed = await webhook_queue.claim(uow, capacity, failing=failing)
        for row in claimed:
            task = asyncio.create_task(self._send(row))
            self._sending[task] = failing
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self.notify()

    async def _send(self, row: ClaimedRow) -> None:
        """Make one attempt; after any error the message is sent again when its lease ends."""
        # Yields between starts: up to 400 are claimed together, and each start takes 0.5 ms.
        async with self._starting:
            await asyncio.sleep(0)
        try:
            outcome = await self._attempt(row)
            async with self._recording, self._units_of_work.begin() as uow:
                await record(uow, row, outcome)
        except AppError as error:
            log.warning("outcome not stored, retrying", id=str(row["id"]), reason=error.code)
        except Exception:
            log.exception("webhook delivery failed", id=str(row["id"]))

    async def _attempt(self, row: ClaimedRow) -> Outcome:
        try:
            secrets = [self._encryptor.decrypt(encrypted) for encrypted in valid_secrets(row)]
        except InvalidTag:
            return Outcome(0, error="secret_unreadable")
        return await deliver(
            self._client,
            row["url"],
            row["id"],
            row["payload"],
            secrets,
            timeout_seconds=self._timeout_seconds,
        )


def valid_secrets(row: ClaimedRow) -> list[bytes]:
    """Return the encrypted secret and, during the overlap, the previous one."""
    current, old, until = row["secret_encrypted"], row["old_secret_encrypted"], row["overlap_until"]
    return [current, old] if old and until and until > now() else [current]


async def record(uow: UnitOfWork, row: ClaimedRow, outcome: Outcome) -> None:
    """Record the outcome of the attempt for the message and for its webhook."""
    # The webhook first: transactions that change it lock it before its messages.
    webhook = None
    if outcome.is_success:
        await webhooks.record_success(uow, row["webhook_id"])
    else:
        webhook = await webhooks.record_failure(uow, row["webhook_id"])
    delivery = await webhook_queue.find_attempt(uow, row["id"], row["attempts"])
    if delivery:
        delivery.record(outcome, at=now())
        await uow.session.flush()
    if webhook and (webhook.has_failed_too_long(at=now()) or outcome.response_status == GONE):
        await disable_failing(uow, webhook)


async def disable_failing(uow: UnitOfWork, webhook: Webhook) -> None:
    if not webhook.is_active:
        return
    await webhooks.disable(uow, webhook, DisabledReason.RECEIVER_FAILED)
    await notifications.create(
        uow,
        webhook.owner_id,
        subject="A webhook was disabled",
        message=f"The webhook {webhook.id} was disabled, because its receiver has failed for five"
        " days or says that it is gone. Set is_active to true once it works again.",
    )
    log.warning("webhook disabled", id=str(webhook.id))
