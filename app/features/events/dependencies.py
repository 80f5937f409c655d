"""Dependencies of the event stream endpoint."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.sse import ServerSentEvent
from pydantic import Field

from app.features.events.feed import EventFeed, Subscription
from app.features.events.lifespan import EventResources
from app.features.events.models.event import EventsExpired, Position, event_id, position_of
from app.features.events.settings import EventSettings
from app.features.streams.authentication import StreamCaller
from app.features.streams.leases import SocketLeases
from app.features.streams.lifespan import StreamResources
from app.features.streams.models.socket import StreamKind
from app.features.streams.session_revalidation import ConnectionGuard, SessionRevalidation
from app.http.schemas import OPAQUE, Storable
from app.resources import resources_of
from app.runtime.clock import now
from app.runtime.jitter import jitter
from app.security.principals import Principal

# Bounds of the reconnection time, so that clients do not reconnect all at once after a restart.
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
    """One open stream: the events that its caller may receive, from a position on."""

    principal: Principal
    subscription: Subscription
    after: Position
    is_head: bool

    async def frames(self) -> AsyncIterator[ServerSentEvent]:
        """Yield the events as Server-Sent Events; the first frame has only the id to resume at."""
        yield ServerSentEvent(id=event_id(self.after, now()))
        if self.is_head:
            return
        async for published in self.subscription.events(self.after):
            if published.is_for(self.principal):
                yield ServerSentEvent(
                    id=published.event.id, event=published.event.type, raw_data=published.json
                )
        retry = round(jitter(*RETRY_MILLISECONDS))
        yield ServerSentEvent(comment=self.subscription.ended, retry=retry)


async def get_event_stream(
    request: Request,
    principal: StreamCaller,
    last_event_id: LastEventId = None,
    resume: Resume = None,
) -> AsyncIterator[EventStream]:
    feed: EventFeed = resources_of(request)[EventResources].feed
    revalidation: SessionRevalidation = resources_of(request)[StreamResources].revalidation
    limit = resources_of(request)[EventSettings].event_replay_max
    requested = requested_position(last_event_id, resume)
    leases: SocketLeases = resources_of(request)[StreamResources].leases
    async with leases.held(principal.id, kind=StreamKind.EVENTS):
        after = await start_of(feed, requested, limit=limit)
        with feed.subscription() as subscription, revalidation.watch(principal) as guard:
            watcher = asyncio.create_task(end_when_revoked(guard, subscription))
            try:
                yield EventStream(principal, subscription, after, "is_head" in request.scope)
            finally:
                watcher.cancel()


def requested_position(header: str | None, query: str | None) -> Position | None:
    """Return the last position that the client received, from the header or else from the URL.

    Browsers send the current header again with an old URL.

    Raises:
        Unprocessable: the id is malformed.
        EventsExpired: events behind it have been deleted.
    """
    if header:
        return position_of(header)
    return position_of(query, "/query/last_event_id") if query else None


async def start_of(feed: EventFeed, requested: Position | None, *, limit: int) -> Position:
    """Return the position to start behind: the requested one, else the end of all events.

    Raises:
        EventsExpired: the id is of another database, or more than `limit` events have followed it.
    """
    end = await feed.end_position()
    if requested and requested > end:
        raise EventsExpired("The id belongs to another database.")
    if requested and await feed.backlog(requested, limit=limit + 1) > limit:
        raise EventsExpired(f"More than {limit} events have happened since then.")
    return requested or end


async def end_when_revoked(guard: ConnectionGuard, subscription: Subscription) -> None:
    await guard.ended.wait()
    subscription.end(guard.reason)


EventStreamDep = Annotated[EventStream, Depends(get_event_stream)]
