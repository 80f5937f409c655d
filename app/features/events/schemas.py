"""Events on the wire: of the stream, of webhooks and of subscriptions alike."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from app.features.events.models.event import Position, event_id, may_hear
from app.features.items.schemas import ItemRead
from app.http.schemas import Out, Stored
from app.jobs.schemas import TaskRead
from app.security.principals import Principal


class PublishedPostRead(Stored):
    """A post without its text, which is read by its id as long as it is published."""

    title: str
    author_id: uuid.UUID
    published_at: datetime


# What is told of a thing of each kind: the fields of these.
DATA: dict[str, type[Out]] = {"item": ItemRead, "post": PublishedPostRead, "task": TaskRead}


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
        return may_hear(principal, self.event.type.partition(".")[0], self.event.data)


def told(row: Mapping[str, Any]) -> Told:
    position = Position(row["transaction_id"], row["id"])
    event = EventRead(
        id=event_id(position, row["created_at"]),
        type=row["type"],
        timestamp=row["created_at"],
        data=told_data(row["type"].partition(".")[0], row["data"]),
    )
    return Told(position, event)


def told_data(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """The fields that the API shows, in its order.

    Not validated: an event may be older than the newest field.
    """
    names = [name for name in DATA[kind].model_fields if name in row]
    return {name: as_time(row[name]) if name.endswith("_at") else row[name] for name in names}


def as_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
