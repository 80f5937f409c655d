"""Lifespan: the event feed, and the publisher that notifies other processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from app.db.resources import DatabaseResources
from app.features.events.crud import events
from app.features.events.feed import EventFeed, EventPublisher
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class EventResources:
    feed: EventFeed
    publisher: EventPublisher


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[EventResources]:
    database, notifications = startup.resources[DatabaseResources], startup.notifications
    feed = EventFeed(database.reads)
    publish = notifications.publish
    publisher = EventPublisher(
        partial(publish, events.CHANNEL, "")
        if publish
        else partial(events.publish, database.loop_reads)
    )
    notifications.on_notification(events.CHANNEL, feed.notify)
    notifications.on_reconnect(feed.notify)
    notifications.on_commit(feed.notify)
    notifications.on_commit(publisher.notify)
    startup.drain.on_drain(feed.drain)
    startup.run(feed, publisher)
    yield EventResources(feed, publisher)
