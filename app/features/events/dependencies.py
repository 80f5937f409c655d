"""The stream of events, as its endpoint asks for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.requests import HTTPConnection
from fastapi.sse import ServerSentEvent
from pydantic import Field

from app.config.settings import Settings
from app.features.events.feed import EventFeed, Subscription
from app.features.events.lifespan import EventResources
from app.features.events.models.event import EventsExpired, Position, event_id, position_of
from app.features.streams.authentication import Listening
from app.features.streams.leases import SocketLeases
from app.features.streams.lifespan import StreamResources
from app.features.streams.models.socket import StreamKind
from app.features.streams.session_revalidation import Standing, Watched
from app.http.schemas import OPAQUE, Storable
from app.resources import resources
from app.runtime.clock import now
from app.runtime.jitter import jitter
from app.security.principals import Principal

# When to come back: not all at once after a restart.
RETRY_MILLISECONDS = (500, 3000)

EventId = Annotated[Storable, Field(max_length=60), OPAQUE]
LastEventId = Annotated[
    EventId | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event that was received: what followed comes first.",
    ),
]
Resume = Annotated[
    EventId | None,
    Query(
        alias="last_event_id",
        description="The same for a new `EventSource`, which cannot send the header.",
    ),
]


@dataclass(frozen=True, slots=True)
class EventStream:
    """One open stream: what its caller may hear, from a position on."""

    principal: Principal
    subscription: Subscription
    after: Position
    is_head: bool

    async def frames(self) -> AsyncIterator[ServerSentEvent]:
        """As Server-Sent Events; the first only tells the id to resume with."""
        yield ServerSentEvent(id=event_id(self.after, now()))
        if self.is_head:
            return
        async for told in self.subscription.events(self.after):
            if told.is_for(self.principal):
                yield ServerSentEvent(id=told.event.id, event=told.event.type, raw_data=told.json)
        retry = round(jitter(*RETRY_MILLISECONDS))
        yield ServerSentEvent(comment=self.subscription.ended, retry=retry)


async def get_event_stream(
    request: Request,
    principal: Listening,
    last_event_id: LastEventId = None,
    resume: Resume = None,
) -> AsyncIterator[EventStream]:
    feed: EventFeed = resources(request)[EventResources].feed
    standing: Standing = resources(request)[StreamResources].standing
    most = resources(request)[Settings].event_replay_max
    asked = asked_position(last_event_id, resume)
    leases: SocketLeases = resources(request)[StreamResources].leases
    async with leases.held(principal.id, kind=StreamKind.EVENTS):
        after = await start_of(feed, asked, most=most)
        with feed.subscription() as subscription, standing.watch(principal) as watched:
            ending = asyncio.create_task(end_with(watched, subscription))
            try:
                yield EventStream(principal, subscription, after, "is_head" in request.scope)
            finally:
                ending.cancel()


def asked_position(header: str | None, query: str | None) -> Position | None:
    """Where the client stopped; browsers send the header again with an old URL.

    Raises:
        Unprocessable: the id is none of ours.
        EventsExpired: events behind it have been deleted.
    """
    if header:
        return position_of(header)
    return position_of(query, "/query/last_event_id") if query else None


async def start_of(feed: EventFeed, asked: Position | None, *, most: int) -> Position:
    """Where to begin: behind what was asked for, else behind everything until now.

    Raises:
        EventsExpired: the database is another, or more than `most` events have happened since.
    """
    present = await feed.present()
    if asked and asked > present:
        raise EventsExpired("The id is of another database.")
    if asked and await feed.backlog(asked, most=most + 1) > most:
        raise EventsExpired(f"More than {most} events have happened since then.")
    return asked or present


async def end_with(watched: Watched, subscription: Subscription) -> None:
    await watched.ended.wait()
    subscription.end(watched.reason)


async def get_event_feed(connection: HTTPConnection) -> EventFeed:
    return resources(connection)[EventResources].feed


EventFeedDep = Annotated[EventFeed, Depends(get_event_feed)]
EventStreamDep = Annotated[EventStream, Depends(get_event_stream)]
