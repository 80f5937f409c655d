"""Lifespan of the webhook dispatcher, the sender and the SSRF guard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.db.resources import DatabaseResources
from app.features.events.crud import events
from app.features.webhooks.crud import queue
from app.features.webhooks.dispatcher import WebhookDispatcher
from app.features.webhooks.models.queue import QueueLimits
from app.features.webhooks.sender import WebhookSender
from app.features.webhooks.settings import WebhookSettings
from app.features.webhooks.ssrf_guard import SsrfGuard, guarded_client
from app.security.resources import SecurityResources
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class WebhookResources:
    ssrf_guard: SsrfGuard
    limits: QueueLimits
    dispatcher: WebhookDispatcher
    sender: WebhookSender


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[WebhookResources]:
    database = startup.resources[DatabaseResources]
    settings = startup.settings.of(WebhookSettings)
    ssrf_guard = SsrfGuard(loopback=settings.webhook_loopback)
    limits = QueueLimits.of(settings)
    async with guarded_client(ssrf_guard) as client:
        dispatcher = WebhookDispatcher(database.loop_reads, database.units_of_work, limits)
        encryptor = startup.resources[SecurityResources].encryptor
        sender = WebhookSender(database.loop_reads, database.units_of_work, client, encryptor)
        subscribe(startup, dispatcher, sender)
        yield WebhookResources(ssrf_guard, limits, dispatcher, sender)


def subscribe(startup: Startup, dispatcher: WebhookDispatcher, sender: WebhookSender) -> None:
    notifications = startup.notifications
    notifications.on_notification(queue.CHANNEL, sender.notify)
    notifications.on_notification(events.CHANNEL, dispatcher.notify)
    notifications.on_reconnect(dispatcher.notify)
    notifications.on_commit(dispatcher.notify)
    startup.run(dispatcher, sender, only_in_worker=True)
