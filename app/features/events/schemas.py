"""Schemas of events: for the stream, webhooks and subscriptions."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from app.features.events.event_types import event_types, kind_of, may_receive
from app.features.events.models.event import EventRow, Position, event_id
from app.http.schemas import Out
from app.security.principals import Principal


class EventRead(Out):
    """The format that Standard Webhooks recommends, with the id."""

    id: Annotated[str, Field(max_length=60, examples=["1795305600-7043-12"])]
    type: Annotated[str, Field(max_length=100, examples=["item.created"])]
    timestamp: datetime
    data: Annotated[dict[str, Any], Field(description="The thing as it was then.")]


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
