"""The events table, seen as a log. A trigger writes it: see docs/adr/0011."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, bindparam, cast, delete, func, literal_column, or_, select
from sqlalchemy import tuple_ as row_of

from app.db import notifications
from app.db.executor import Query, ReadPool
from app.db.session import AsyncSession
from app.features.events.models.event import RETENTION, Event, Position
from app.features.events.schemas import Told, told

CHANNEL = "events"
BATCH = 200


# Every transaction below the first is over, and what it wrote is seen or was undone.
SNAPSHOT = func.pg_current_snapshot()
FIRST_OPEN = cast(cast(func.pg_snapshot_xmin(SNAPSHOT), Text), BigInteger)
NEXT = cast(cast(func.pg_snapshot_xmax(SNAPSHOT), Text), BigInteger)

IS_BEHIND = row_of(Event.transaction_id, Event.id) > row_of(
    bindparam("transaction_id", type_=BigInteger), bindparam("id", type_=BigInteger)
)

COLUMNS = (Event.transaction_id, Event.id, Event.type, Event.data, Event.created_at)
BEHIND = Query(
    select(
        *COLUMNS,
        (Event.transaction_id < FIRST_OPEN).label("is_settled"),
    )
    .where(IS_BEHIND)
    .order_by(Event.transaction_id, Event.id)
    .limit(literal_column(str(BATCH)))
)
PRESENT = Query(select(FIRST_OPEN))
BACKLOG = Query(
    select(func.count()).select_from(
        select(Event.id).where(IS_BEHIND).limit(bindparam("most", type_=BigInteger)).subquery()
    )
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in their order.

    `is_full`: more of them are there. `is_unsettled`: more are committed, but what an open
    transaction may yet commit would come before them; so they wait for it.
    """

    events: list[Told]
    is_full: bool
    is_unsettled: bool


async def read_behind(reads: ReadPool, position: Position) -> Batch:
    """Return the events behind the position, none of which a later one can come before."""
    rows = await reads.all(BEHIND, **position._asdict())
    settled = [told(row) for row in rows if row["is_settled"]]
    return Batch(settled, len(settled) == BATCH, len(settled) < len(rows))


async def backlog(reads: ReadPool, position: Position, *, most: int) -> int:
    """Return the number of events behind the position, counted up to `most`."""
    return int(await reads.scalar(BACKLOG, **position._asdict(), most=most))


async def find(session: AsyncSession, positions: Collection[Position]) -> dict[Position, Told]:
    """Return the events at the positions, of those that are still kept."""
    place = row_of(Event.transaction_id, Event.id)
    found = await session.execute(select(*COLUMNS).where(place.in_(positions)))
    events = [told({**row}) for row in found.mappings()]
    return {each.position: each for each in events}


async def present(reads: ReadPool) -> Position:
    """Return the position behind everything that was committed before this call began."""
    return Position(await reads.scalar(PRESENT), 0)


async def announce(reads: ReadPool) -> None:
    """Tell the other processes to look."""
    await notifications.publish(reads, CHANNEL, "")


async def delete_old(session: AsyncSession) -> None:
    """Delete what is older than promised, and what a dump brought along.

    Its transactions are of another server, and newer ones would seem to lie before them.
    """
    is_old = Event.created_at < func.now() - RETENTION
    await session.execute(delete(Event).where(or_(is_old, Event.transaction_id >= NEXT)))
