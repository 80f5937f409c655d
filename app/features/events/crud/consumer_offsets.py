"""Consumer offsets: the consumer_offsets table. Flushes; never commits."""

import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.executor import CompiledStatement, PoolReader
from app.db.unit_of_work import UnitOfWork
from app.features.events.crud.events import FIRST_OPEN
from app.features.events.models.consumer_offset import ConsumerOffset
from app.features.events.models.event import Position
from app.runtime.ids import uuid7

OFFSET = CompiledStatement(
    select(
        ConsumerOffset.transaction_id,
        ConsumerOffset.event_id,
        ConsumerOffset.paged_event_id,
        ConsumerOffset.paged_webhook_id,
        FIRST_OPEN.label("end"),
    ).where(ConsumerOffset.name == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """Offset of a consumer, with the page of the event behind it: see `ConsumerOffset`."""

    position: Position
    paged_event_id: int | None = None
    paged_webhook_id: uuid.UUID | None = None

    def page_of(self, event: Position) -> uuid.UUID | None:
        """Return the last webhook that the event, the first behind it, is processed for."""
        return self.paged_webhook_id if self.paged_event_id == event.id else None


async def find_offset(reads: PoolReader, name: str) -> tuple[StoredOffset, Position] | None:
    """Return the offset of the consumer and where to resume, or None before it began.

    They differ after a dump was restored: its transaction ids are of another server, and new
    events would lie before them.
    """
    row = await reads.first(OFFSET, name=name)
    if row is None:
        return None
    stopped = Position(row["transaction_id"], row["event_id"])
    stored = StoredOffset(stopped, row["paged_event_id"], row["paged_webhook_id"])
    return stored, min(stopped, Position(row["end"], 0))


async def begin(uow: UnitOfWork, name: str) -> None:
    """Start the consumer at the first unfinished transaction, unless it has an offset."""
    values = select(literal(uuid7()), literal(name), FIRST_OPEN, literal(0))
    columns = [
        ConsumerOffset.id,
        ConsumerOffset.name,
        ConsumerOffset.transaction_id,
        ConsumerOffset.event_id,
    ]
    statement = insert(ConsumerOffset).from_select(columns, values)
    await uow.session.execute(statement.on_conflict_do_nothing(index_elements=["name"]))


async def advance(uow: UnitOfWork, name: str, stopped: StoredOffset, to: StoredOffset) -> bool:
    """Advance the offset; return False if another process has changed it since."""
    moved = await uow.session.scalar(
        update(ConsumerOffset)
        .where(
            ConsumerOffset.name == name,
            ConsumerOffset.transaction_id == stopped.position.transaction_id,
            ConsumerOffset.event_id == stopped.position.id,
            ConsumerOffset.paged_event_id.is_not_distinct_from(stopped.paged_event_id),
            ConsumerOffset.paged_webhook_id.is_not_distinct_from(stopped.paged_webhook_id),
        )
        .values(
            transaction_id=to.position.transaction_id,
            event_id=to.position.id,
            paged_event_id=to.paged_event_id,
            paged_webhook_id=to.paged_webhook_id,
        )
        .returning(ConsumerOffset.id)
        .execution_options(synchronize_session=False)
    )
    return moved is not None


async def lock(uow: UnitOfWork, name: str) -> StoredOffset:
    """Return the offset of a consumer that has begun, locked until the transaction ends."""
    found = select(ConsumerOffset).where(ConsumerOffset.name == name).with_for_update()
    offset = (await uow.session.scalars(found)).one()
    stopped = Position(offset.transaction_id, offset.event_id)
    return StoredOffset(stopped, offset.paged_event_id, offset.paged_webhook_id)
