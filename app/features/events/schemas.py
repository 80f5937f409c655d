"""Events on the wire: of the stream, of webhooks and of subscriptions alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from app.features.events.event_types import event_types, kind_of, may_receive
from app.features.events.models.event import Position, event_id
from app.http.schemas import Out
from app.security.principals import Principal


class EventRead(Out):
    """The shape that Standard Webhooks recommends, with the id besides."""

    id: Annotated[str, Field(max_length=60, examples=["1795305600-7043-12"])]
    type: Annotated[str, Field(max_length=100, examples=["item.created"])]
    timestamp: datetime
    data: Annotated[dict[str, Any], Field(description="The thing as it was then.")]


@dataclass(frozen=True)
class Told:
    """One event, made once for all who hear it."""

    position: Position
    event: EventRead

    @cached_property
    def json(self) -> str:
        return self.event.model_dump_json()

    def is_for(self, principal: Principal) -> bool:
        return may_receive(principal, self.event.type, self.event.data)


def told(row: Mapping[str, Any]) -> Told:
    position = Position(row["transaction_id"], row["id"])
    event = EventRead(
        id=event_id(position, row["created_at"]),
        type=row["type"],
        timestamp=row["created_at"],
        data=told_data(row["type"], row["data"]),
    )
    return Told(position, event)


def told_data(type_name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The fields that the API shows, in its order; none where the feature is not enabled any more.

    Not validated: an event may be older than the newest field.
    """
    types = event_types().get(kind_of(type_name))
    names = [name for name in types.schema.model_fields if name in row] if types else []
    return {name: as_time(row[name]) if name.endswith("_at") else row[name] for name in names}


def as_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
