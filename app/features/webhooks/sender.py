"""Sends what waits in the deliveries, to many receivers at once and to each a little at a time.

See docs/adr/0019-webhooks-have-a-queue-of-their-own.md.
"""

import asyncio
from contextlib import suppress

import httpx
from cryptography.exceptions import InvalidTag

from app.db.executor import Row
from app.db.session import AsyncSession, Sessionmaker, transaction
from app.errors import AppError
from app.features.notifications import crud as notifications
from app.features.webhooks.crud import queue as webhook_queue
from app.features.webhooks.crud import webhooks
from app.features.webhooks.delivery import deliver
from app.features.webhooks.models.delivery import Outcome
from app.features.webhooks.models.webhook import DisabledReason, Webhook
from app.observability.logging import get_logger
from app.runtime.background import BackgroundLoop
from app.runtime.clock import now
from app.security.encryption import Encryptor

LOOK_SECONDS = 1.0
# Places for webhooks that work and for those that fail: however many of these hang, they take
# none of the others'.
MAX_IN_FLIGHT = {False: 300, True: 100}
# Outcomes are written a few at a time, so that the pool is not used up.
RECORDED_AT_ONCE = 4
# What is being sent gets this long to come to an end; the rest is sent again when its lease ends.
GRACE_SECONDS = 6.0
GONE = 410

log = get_logger("webhooks")


class WebhookSender(BackgroundLoop):
    """Works in each worker; whom a message falls to is decided by the database."""

    name = "webhook sender"

    def __init__(
        self, sessions: Sessionmaker, client: httpx.AsyncClient, encryptor: Encryptor
    ) -> None:
        super().__init__()
        self._sessions = sessions
        self._client = client
        self._sealer = encryptor
        self._news = asyncio.Event()
        self._sending: dict[asyncio.Task[None], bool] = {}
        self._recording = asyncio.Semaphore(RECORDED_AT_ONCE)
        self._starting = asyncio.Lock()

    def wake(self, _: str = "") -> None:
        """Something may be due."""
        self._news.set()

    @property
    def attempts(self) -> list[asyncio.Task[None]]:
        """The attempts that are under way."""
        return list(self._sending)

    async def work(self) -> None:
        self._news.clear()
        for failing, places in MAX_IN_FLIGHT.items():
            if room := places - list(self._sending.values()).count(failing):
                await self._claim(room, failing=failing)

    async def pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()

    async def close(self) -> None:
        """Take no more, and let what is being sent come to an end, within the grace."""
        await super().close()
        if self._sending:
            _, unfinished = await asyncio.wait(self._sending, timeout=GRACE_SECONDS)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def drain(self) -> None:
        """Send all that is due now."""
        await self.work()
        while self._sending:
            await asyncio.wait(self._sending)
            await self.work()

    async def _claim(self, room: int, *, failing: bool) -> None:
        async with transaction(self._sessions) as session:
            claimed = await webhook_queue.claim(session, room, failing=failing)
        for row in claimed:
            task = asyncio.create_task(self._send(row))
            self._sending[task] = failing
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self.wake()

    async def _send(self, row: Row) -> None:
        """One attempt; whatever goes wrong here, the message is sent again after its lease."""
        # Up to 400 are claimed together; starting one takes about 0.5 ms of the event loop.
        async with self._starting:
            await asyncio.sleep(0)
        try:
            outcome = await self._attempt(row)
            async with self._recording, transaction(self._sessions) as session:
                await record(session, row, outcome)
        except AppError as error:
            log.warning("outcome lost, sending again", id=str(row["id"]), reason=error.code)
        except Exception:
            log.exception("delivery broke off", id=str(row["id"]))

    async def _attempt(self, row: Row) -> Outcome:
        try:
            secrets = [self._sealer.decrypt(encrypted) for encrypted in valid_secrets(row)]
        except InvalidTag:
            return Outcome(0, error="secret_unreadable")
        return await deliver(self._client, row["url"], row["id"], row["payload"], secrets)


def valid_secrets(row: Row) -> list[bytes]:
    """The sealed secret and, during the overlap, the one before."""
    overlaps = row["overlap_until"] is not None and row["overlap_until"] > now()
    return [row["secret_sealed"], *([row["old_secret_sealed"]] if overlaps else [])]


async def record(session: AsyncSession, row: Row, outcome: Outcome) -> None:
    """Take down what the attempt came to, for the message and for its webhook."""
    # The webhook first, as whoever changes it locks it before its messages.
    webhook = None
    if outcome.is_success:
        await webhooks.note_success(session, row["webhook_id"])
    else:
        webhook = await webhooks.note_failure(session, row["webhook_id"])
    delivery = await webhook_queue.find_attempt(session, row["id"], row["attempts"])
    if delivery:
        delivery.record(outcome, at=now())
        await session.flush()
    if webhook and (webhook.is_given_up(at=now()) or outcome.response_status == GONE):
        await give_up(session, webhook)


async def give_up(session: AsyncSession, webhook: Webhook) -> None:
    if not webhook.is_active:
        return
    await webhooks.disable(session, webhook, DisabledReason.RECEIVER_FAILED)
    await notifications.create(
        session,
        webhook.owner_id,
        subject="A webhook was disabled",
        message=f"The webhook {webhook.id} was disabled, because its receiver has failed for five"
        " days or says that it is gone. Set is_active to true once it works again.",
    )
    log.warning("webhook disabled", id=str(webhook.id))
