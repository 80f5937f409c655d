"""The room_messages table: what was said, in the order in which it was committed. Never commits."""

from collections.abc import Mapping

from sqlalchemy import (
    ARRAY,
    BigInteger,
    String,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    select,
)

from app.db.executor import Query, ReadPool, Row
from app.db.session import AsyncSession, notify
from app.features.rooms.models import KEPT, RoomMessage
from app.features.rooms.schemas import RoomEvent
from app.runtime.clock import now

# Every process listens here and fetches what is new in the room it names, if it has readers
# there: the message itself may be longer than the 8,000 bytes of a notification.
CHANNEL = "rooms"
LOCKS = 7_246_394
AT_ONCE = 100

SINCE = (
    func.unnest(
        bindparam("rooms", type_=ARRAY(String())), bindparam("numbers", type_=ARRAY(BigInteger()))
    )
    .table_valued(column("room", String), column("number", BigInteger), name="since")
    .render_derived()
)
AFTER = Query(
    select(RoomMessage.room, RoomMessage.number, RoomMessage.envelope)
    .join(SINCE, SINCE.c.room == RoomMessage.room)
    .where(RoomMessage.number > SINCE.c.number)
    .order_by(RoomMessage.number)
    .limit(literal_column(str(AT_ONCE)))
)


async def lock(session: AsyncSession, room: str) -> None:
    """Keep others from changing the room until the transaction ends.

    So that messages are numbered in the order of their commits, and a reader who has seen
    one number has seen all below it.
    """
    await session.execute(select(func.pg_advisory_xact_lock(LOCKS, func.hashtext(room))))


async def append(session: AsyncSession, event: RoomEvent) -> None:
    """Say it in the room, which the caller has locked."""
    message = RoomMessage(id=event.id, room=event.room, envelope=event.model_dump_json())
    session.add(message)
    await session.flush()
    await notify(session, CHANNEL, event.room)


async def newest(session: AsyncSession, room: str) -> int:
    """The number of the last message, 0 when there is none."""
    numbers = select(func.max(RoomMessage.number)).where(RoomMessage.room == room)
    return await session.scalar(numbers) or 0


async def find_after(reads: ReadPool, seen: Mapping[str, int]) -> list[Row]:
    """Return `room`, `number` and `envelope` of the next messages behind those seen, in order."""
    return await reads.all(AFTER, rooms=list(seen), numbers=list(seen.values()))


async def delete_old(session: AsyncSession) -> None:
    await session.execute(delete(RoomMessage).where(RoomMessage.created_at < now() - KEPT))
