"""Lifespan: the feed of events, and its announcements to other processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from app.db.resources import DatabaseResources
from app.features.events.crud import events
from app.features.events.feed import Announcer, EventFeed
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class EventResources:
    feed: EventFeed
    announcer: Announcer


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[EventResources]:
    database, notifications = startup.resources[DatabaseResources], startup.notifications
    feed = EventFeed(database.reads)
    publish = notifications.publish
    announcer = Announcer(
        partial(publish, events.CHANNEL, "")
        if publish
        else partial(events.announce, database.loop_reads)
    )
    notifications.on_notification(events.CHANNEL, feed.wake)
    notifications.on_reconnect(feed.wake)
    notifications.on_commit(feed.wake)
    notifications.on_commit(announcer.note)
    startup.drain.on_drain(feed.drain)
    startup.run(feed, announcer)
    yield EventResources(feed, announcer)
