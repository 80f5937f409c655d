"""The throttles table: how often somebody has guessed. Flushes; never commits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, update
from sqlalchemy.dialects.postgresql import insert

from app.db.session import AsyncSession
from app.features.auth.models.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Count:
    """Attempts in this window, in a row over all windows, and when the window ends."""

    attempts: int
    streak: int
    window_ends_at: datetime


async def count(
    session: AsyncSession, key: str, *, window: timedelta, strict_limit: int = 0
) -> Count:
    """Count one more attempt and return the sums, this one included.

    One statement, so that attempts made at the same moment are counted one by one. Each
    attempt up to a strict limit starts the window anew: then no stretch of its length sees
    more of them, whereas the end of one fixed window and the start of the next would.
    """
    is_over = Throttle.window_ends_at <= func.now()
    counted = insert(Throttle).values(
        key=key, attempts=1, streak=1, window_ends_at=func.now() + window
    )
    starts_anew = is_over | (Throttle.attempts < strict_limit)
    row = await session.execute(
        counted.on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((is_over, 1), else_=Throttle.attempts + 1),
                "streak": Throttle.streak + 1,
                "window_ends_at": case(
                    (starts_anew, counted.excluded.window_ends_at), else_=Throttle.window_ends_at
                ),
            },
        ).returning(Throttle.attempts, Throttle.streak, Throttle.window_ends_at)
    )
    return Count(*row.one())


async def take_back(session: AsyncSession, key: str) -> None:
    """Uncount one attempt that was none."""
    await session.execute(
        update(Throttle)
        .where(Throttle.key == key)
        .values(
            attempts=func.greatest(Throttle.attempts - 1, 0),
            streak=func.greatest(Throttle.streak - 1, 0),
        )
    )


async def forget(session: AsyncSession, key: str) -> None:
    """The guess was right: start anew."""
    await session.execute(delete(Throttle).where(Throttle.key == key))


async def delete_expired(session: AsyncSession) -> None:
    """Delete the windows that ended; a streak is kept until its key is quiet for a day."""
    await session.execute(
        delete(Throttle).where(Throttle.window_ends_at < func.now() - timedelta(days=1))
    )
