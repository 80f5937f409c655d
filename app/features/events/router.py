"""Endpoint of the event stream."""

from collections.abc import AsyncIterator
from functools import reduce
from operator import or_
from typing import Annotated, Any

from fastapi import APIRouter, Security
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from app.feature import Features
from app.features.events.dependencies import EventStreamDep
from app.features.events.models.event import EventsExpired
from app.features.events.schemas import event_schemas
from app.features.streams.authentication import TICKET
from app.features.streams.models.socket import TooManyStreams
from app.http.problem_details import responses
from app.http.routes import ServiceRoute

DESCRIPTION = """\
Without end. The schema is that of the data of each event. The first `id` is the position to resume
at, and a comment is sent every 15 seconds. Before the service ends the stream, it sends the reason
and the time to reconnect after, in milliseconds:

    id: 1795305599-7042-0

    event: item.deleted
    data: {"id": "1795305600-7043-12", "type": "item.deleted", ...}
    id: 1795305600-7043-12

    : shutting down
    retry: 1500
"""


def create_router(_: Features) -> APIRouter:
    """Create the router; the events in its response depend on the enabled features."""
    router = APIRouter(prefix="/events", tags=["events"], route_class=ServiceRoute)
    events: Any = reduce(or_, event_schemas().values())
    stream: dict[int | str, dict[str, Any]] = {
        200: {
            "description": DESCRIPTION,
            "model": Annotated[events, Field(discriminator="type")],
        }
    }
    router.get(
        "",
        response_class=EventSourceResponse,
        dependencies=[Security(TICKET)],
        responses=stream | responses(EventsExpired, TooManyStreams),
    )(stream_events)
    return router


async def stream_events(stream: EventStreamDep) -> AsyncIterator[ServerSentEvent]:
    """Stream events about items, published posts and your tasks, as Server-Sent Events."""
    async for frame in stream.frames():
        yield frame
