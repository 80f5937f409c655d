"""The events table, read as a log. A trigger writes it: see docs/adr/0011."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast as as_type

from sqlalchemy import BigInteger, Text, bindparam, cast, delete, func, literal_column, or_, select
from sqlalchemy import tuple_ as row_of

from app.db import notifications
from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.unit_of_work import UnitOfWork
from app.features.events.models.event import (
    RETENTION,
    CommittedEventRow,
    Event,
    EventRow,
    Position,
)
from app.features.events.schemas import PublishedEvent, published_event

CHANNEL = "events"
BATCH = 200


# Every transaction below FIRST_OPEN has ended: its rows are visible or rolled back.
SNAPSHOT = func.pg_current_snapshot()
FIRST_OPEN = cast(cast(func.pg_snapshot_xmin(SNAPSHOT), Text), BigInteger)
NEXT = cast(cast(func.pg_snapshot_xmax(SNAPSHOT), Text), BigInteger)

IS_BEHIND = row_of(Event.transaction_id, Event.id) > row_of(
    bindparam("transaction_id", type_=BigInteger), bindparam("id", type_=BigInteger)
)

COLUMNS = columns_of(Event, EventRow)
BEHIND = CompiledStatement[CommittedEventRow](
    select(
        *COLUMNS,
        (Event.transaction_id < FIRST_OPEN).label("is_settled"),
    )
    .where(IS_BEHIND)
    .order_by(Event.transaction_id, Event.id)
    .limit(literal_column(str(BATCH)))
)
END_POSITION = CompiledStatement(select(FIRST_OPEN))
BACKLOG = CompiledStatement(
    select(func.count()).select_from(
        select(Event.id).where(IS_BEHIND).limit(bindparam("limit", type_=BigInteger)).subquery()
    )
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in their order.

    `is_full`: there are more. `is_unsettled`: more are committed, but an open transaction may
    commit events that come before them, so that they have to wait.
    """

    events: list[PublishedEvent]
    is_full: bool
    is_unsettled: bool


async def read_behind(reads: PoolReader, position: Position) -> Batch:
    """Return the events behind the position whose order is final."""
    rows = await reads.all(BEHIND, **position._asdict())
    settled = [published_event(row) for row in rows if row["is_settled"]]
    return Batch(settled, len(settled) == BATCH, len(settled) < len(rows))


async def backlog(reads: PoolReader, position: Position, *, limit: int) -> int:
    """Return the number of events behind the position, counted up to `limit`."""
    return int(await reads.scalar(BACKLOG, **position._asdict(), limit=limit))


async def find(uow: UnitOfWork, positions: Collection[Position]) -> dict[Position, PublishedEvent]:
    """Return the events at the positions, without those that have been deleted."""
    place = row_of(Event.transaction_id, Event.id)
    found = await uow.session.execute(select(*COLUMNS).where(place.in_(positions)))
    events = [published_event(as_type("EventRow", {**row})) for row in found.mappings()]
    return {each.position: each for each in events}


async def end_position(reads: PoolReader) -> Position:
    """Return the end of the log: a position behind all events committed before the call."""
    return Position(await reads.scalar(END_POSITION), 0)


async def publish(reads: PoolReader) -> None:
    """Notify the other processes of new events."""
    await notifications.publish(reads, CHANNEL, "")


async def delete_old(uow: UnitOfWork) -> None:
    """Delete events beyond the retention, and those of a restored dump.

    Its transaction ids are of another server, and new events would lie before them.
    """
    is_old = Event.created_at < func.now() - RETENTION
    await uow.session.execute(delete(Event).where(or_(is_old, Event.transaction_id >= NEXT)))
