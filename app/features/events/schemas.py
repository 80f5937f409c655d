"""Schemas of events: for the stream, webhooks and subscriptions."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from app.features.events.event_types import event_types, kind_of, may_receive
from app.features.events.models.event import EventRow, Position, event_id
from app.http.schemas import ResponseModel
from app.security.principals import Principal


class EventRead(ResponseModel):
    """The format that Standard Webhooks recommends, with the id."""

    id: Annotated[str, Field(max_length=60, examples=["1795305600-7043-12"])]
    """Id of the event, which orders the events and resumes a stream."""
    type: Annotated[str, Field(max_length=100, examples=["item.created"])]
    """Type of the event: the kind of the resource and what happened to it."""
    timestamp: datetime
    """Time of the event."""
    data: dict[str, Any]
    """The resource as it was then."""


@cache
def event_schemas() -> dict[str, type[EventRead]]:
    """Return the schema of each event type by its name."""
    kinds = event_types().values()
    return {name: event_schema(name, kind.schema) for kind in kinds for name in kind.names}


def event_schema(name: str, data: type[ResponseModel]) -> type[EventRead]:
    """Return the schema of the events of one type."""
    fields: dict[str, Any] = {"type": Literal.__getitem__(name), "data": data}
    title = "".join(part.capitalize() for part in name.split("."))
    return create_model(f"{title}Event", __base__=EventRead, __doc__=f"Event `{name}`.", **fields)


@dataclass(frozen=True)
class PublishedEvent:
    """One event, validated and serialized once for all receivers."""

    position: Position
    event: EventRead

    @cached_property
    def json(self) -> str:
        return self.event.model_dump_json()

    def is_for(self, principal: Principal) -> bool:
        return may_receive(principal, self.event.type, self.event.data)


def published_event(row: EventRow) -> PublishedEvent:
    """Return the event as it is published."""
    position = Position(row["transaction_id"], row["id"])
    event = EventRead(
        id=event_id(position, row["created_at"]),
        type=row["type"],
        timestamp=row["created_at"],
        data=published_data(row["type"], row["data"]),
    )
    return PublishedEvent(position, event)


def published_data(type_name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the API, in its order; none if the feature is no longer enabled.

    Not validated: an event may be older than the newest field.
    """
    types = event_types().get(kind_of(type_name))
    names = [name for name in types.schema.model_fields if name in row] if types else []
    return {name: as_time(row[name]) if name.endswith("_at") else row[name] for name in names}


def as_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
