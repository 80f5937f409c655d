"""The event_readers table, seen as a collection. Flushes; never commits."""

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.core.ids import uuid7
from app.crud.events import FIRST_OPEN
from app.db.reads import Query, ReadPool
from app.db.session import AsyncSession
from app.models.event import Position
from app.models.event_reader import EventReader

PLACE = Query(
    select(EventReader.transaction_id, EventReader.event_id, FIRST_OPEN.label("present")).where(
        EventReader.name == bindparam("name")
    )
)


async def find_position(reads: ReadPool, name: str) -> tuple[Position, Position] | None:
    """Return where the reader stopped and where to go on, or None before its first day.

    They differ after a dump was restored: its transactions are of another server, and what
    is written from now on would seem to lie before them.
    """
    row = await reads.first(PLACE, name=name)
    if row is None:
        return None
    stopped = Position(row["transaction_id"], row["event_id"])
    return stopped, min(stopped, Position(row["present"], 0))


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


async def advance(session: AsyncSession, name: str, stopped: Position, to: Position) -> bool:
    """Move the reader on; False when another process has moved it since."""
    moved = await session.scalar(
        update(EventReader)
        .where(
            EventReader.name == name,
            EventReader.transaction_id == stopped.transaction_id,
            EventReader.event_id == stopped.id,
        )
        .values(transaction_id=to.transaction_id, event_id=to.id)
        .returning(EventReader.id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None
