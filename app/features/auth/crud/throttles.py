"""The throttles table: counters of attempts per key. Flushes; never commits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, update
from sqlalchemy.dialects.postgresql import insert

from app.db.unit_of_work import UnitOfWork
from app.features.auth.models.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Count:
    """Attempts in this window, consecutive failures over all windows, and the window's end."""

    attempts: int
    consecutive_failures: int
    window_ends_at: datetime


async def count(uow: UnitOfWork, key: str, *, window: timedelta, strict_limit: int = 0) -> Count:
    """Count one attempt and return the totals, including this attempt.

    A single statement counts concurrent attempts one by one. Each attempt up to `strict_limit`
    restarts the window, so no period of its length sees more of them; fixed windows would allow
    twice the limit around their boundary.
    """
    is_over = Throttle.window_ends_at <= func.now()
    counted = insert(Throttle).values(
        key=key, attempts=1, consecutive_failures=1, window_ends_at=func.now() + window
    )
    starts_again = is_over | (Throttle.attempts < strict_limit)
    row = await uow.session.execute(
        counted.on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((is_over, 1), else_=Throttle.attempts + 1),
                "consecutive_failures": Throttle.consecutive_failures + 1,
                "window_ends_at": case(
                    (starts_again, counted.excluded.window_ends_at), else_=Throttle.window_ends_at
                ),
            },
        ).returning(Throttle.attempts, Throttle.consecutive_failures, Throttle.window_ends_at)
    )
    return Count(*row.one())


async def undo(uow: UnitOfWork, key: str) -> None:
    """Subtract one attempt that turned out to be valid."""
    await uow.session.execute(
        update(Throttle)
        .where(Throttle.key == key)
        .values(
            attempts=func.greatest(Throttle.attempts - 1, 0),
            consecutive_failures=func.greatest(Throttle.consecutive_failures - 1, 0),
        )
    )


async def reset(uow: UnitOfWork, key: str) -> None:
    """Reset the counter after a correct attempt."""
    await uow.session.execute(delete(Throttle).where(Throttle.key == key))


async def delete_expired(uow: UnitOfWork) -> None:
    """Delete expired windows; consecutive failures count until the key has been idle for a day."""
    await uow.session.execute(
        delete(Throttle).where(Throttle.window_ends_at < func.now() - timedelta(days=1))
    )
