"""The event_readers table, seen as a collection. Flushes; never commits."""

import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.executor import Query, ReadPool
from app.db.session import AsyncSession
from app.features.events.crud.events import FIRST_OPEN
from app.features.events.models.consumer_offset import EventReader
from app.features.events.models.event import Position
from app.runtime.ids import uuid7

PLACE = Query(
    select(
        EventReader.transaction_id,
        EventReader.event_id,
        EventReader.paged_event_id,
        EventReader.paged_webhook_id,
        FIRST_OPEN.label("present"),
    ).where(EventReader.name == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a reader; of the event `paged_event_id`, up to `paged_webhook_id`."""

    position: Position
    paged_event_id: int | None = None
    paged_webhook_id: uuid.UUID | None = None

    def page_of(self, event: Position) -> uuid.UUID | None:
        """Up to which webhook this event, the first behind the position, is dealt with."""
        return self.paged_webhook_id if self.paged_event_id == event.id else None


async def find_place(reads: ReadPool, name: str) -> tuple[Place, Position] | None:
    """Return where the reader stopped and where to go on, or None before its first day.

    They differ after a dump was restored: its transactions are of another server, and what
    is written from now on would seem to lie before them.
    """
    row = await reads.first(PLACE, name=name)
    if row is None:
        return None
    stopped = Position(row["transaction_id"], row["event_id"])
    place = Place(stopped, row["paged_event_id"], row["paged_webhook_id"])
    return place, min(stopped, Position(row["present"], 0))


async def begin(session: AsyncSession, name: str) -> None:
    """Let the reader start with what is not over yet, unless it has begun before."""
    values = select(literal(uuid7()), literal(name), FIRST_OPEN, literal(0))
    columns = [
        EventReader.id,
        EventReader.name,
        EventReader.transaction_id,
        EventReader.event_id,
    ]
    statement = insert(EventReader).from_select(columns, values)
    await session.execute(statement.on_conflict_do_nothing(index_elements=["name"]))


async def advance(session: AsyncSession, name: str, stopped: Place, to: Place) -> bool:
    """Move the reader on; False when another process has moved it since."""
    moved = await session.scalar(
        update(EventReader)
        .where(
            EventReader.name == name,
            EventReader.transaction_id == stopped.position.transaction_id,
            EventReader.event_id == stopped.position.id,
            EventReader.paged_event_id.is_not_distinct_from(stopped.paged_event_id),
            EventReader.paged_webhook_id.is_not_distinct_from(stopped.paged_webhook_id),
        )
        .values(
            transaction_id=to.position.transaction_id,
            event_id=to.position.id,
            paged_event_id=to.paged_event_id,
            paged_webhook_id=to.paged_webhook_id,
        )
        .returning(EventReader.id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None


async def lock(session: AsyncSession, name: str) -> Place:
    """Return the place of a reader that has begun; nothing moves it until the commit."""
    found = select(EventReader).where(EventReader.name == name).with_for_update()
    reader = (await session.scalars(found)).one()
    stopped = Position(reader.transaction_id, reader.event_id)
    return Place(stopped, reader.paged_event_id, reader.paged_webhook_id)
