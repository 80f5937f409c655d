"""Events: changes that users may follow, written by a trigger alone. See docs/adr/0011."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base
from app.errors import AppError, Unprocessable, Violation
from app.runtime.clock import now

RETENTION = timedelta(days=7)
# Cleanup and clocks are inexact: an event this close to the end of the retention is expired.
MARGIN = timedelta(hours=1)
EVENT_ID = re.compile(r"(\d{1,11})-(\d{1,18})-(\d{1,18})", re.ASCII)


class EventsExpired(AppError):
    status = 410
    code = "events_expired"
    title = "Events expired"
    remedy = "Read the resources again, then open the stream without Last-Event-ID."


class Position(NamedTuple):
    """A position in the order of all events; `id` 0 precedes all events of its transaction."""

    transaction_id: int
    id: int


class Event(Base):
    """One event. In the order of `transaction_id` and `id` readers see none after a later one."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_created_at", "created_at", postgresql_using="brin"),)

    transaction_id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, server_default=text("pg_current_xact_id()::text::bigint")
    )
    # A number and not a UUID, because it orders the events of a transaction.
    id: Mapped[int] = mapped_column(  # type: ignore[assignment]  # others' is a UUID
        BigInteger, Identity(always=True), primary_key=True
    )
    type: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[uuid.UUID]
    data: Mapped[dict[str, Any]]


class EventRow(TypedDict):
    transaction_id: int
    id: int
    type: str
    data: dict[str, Any]
    created_at: datetime


class CommittedEventRow(EventRow):
    """`is_settled`: no transaction is open that may commit events before this one."""

    is_settled: bool


def event_id(position: Position, at: datetime) -> str:
    """Return the id that clients send as `Last-Event-ID`; its time shows whether it has expired."""
    return f"{int(at.timestamp())}-{position.transaction_id}-{position.id}"


def position_of(text: str, pointer: str = "/header/Last-Event-ID") -> Position:
    """Return the position in an event id.

    Args:
        pointer: JSON pointer of the id in the request.

    Raises:
        Unprocessable: the id is malformed.
        EventsExpired: events behind it have been deleted.
    """
    found = EVENT_ID.fullmatch(text)
    if found is None:
        message = "Send the id of an event as it was received"
        violation = Violation(pointer, message, "unknown_event_id")
        raise Unprocessable(violations=[violation])
    seconds, transaction_id, number = map(int, found.groups())
    if seconds < (now() - RETENTION + MARGIN).timestamp():
        raise EventsExpired("The events since then are no longer stored.")
    return Position(transaction_id, number)
