"""Queries and changes of the sessions table: sign-ins. Flushes; never commits."""

import uuid
from collections.abc import Collection

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, delete, func, select, update

from app.db.executor import CompiledStatement, ReadPool, Row
from app.db.listing import Listing, PageRequest, PageRows
from app.db.session import AsyncSession, notify, when_committed
from app.errors import InvalidToken, NotFound
from app.features.users.models.session import (
    ABSOLUTE_LIFETIME,
    IDLE_LIFETIME,
    REFRESH_GRACE,
    UserSession,
)
from app.features.users.models.user import User
from app.features.users.schemas import SessionRead
from app.observability import metrics
from app.runtime.clock import now
from app.security.principal_cache import CHANNEL

# A client that signs in for each run, and never out, would add rows for as long as they live.
MAX_LIVE = 100

IS_LIVE = (
    UserSession.ended_at.is_(None)
    & (UserSession.idle_expires_at > func.now())
    & (UserSession.expires_at > func.now())
)
IS_USABLE = User.is_active & User.deleted_at.is_(None)

PRINCIPAL = CompiledStatement(
    select(
        User.id.label("user_id"),
        User.role,
        User.email_verified,
        UserSession.id.label("session_id"),
    )
    .join(User, User.id == UserSession.user_id)
    .where(UserSession.id == bindparam("session_id"), User.id == bindparam("user_id"))
    .where(IS_LIVE, IS_USABLE)
)

LIVE = CompiledStatement(
    select(UserSession.id, User.role, User.email_verified)
    .join(User, User.id == UserSession.user_id)
    .where(UserSession.id == any_(bindparam("ids", type_=ARRAY(Uuid()))), IS_LIVE, IS_USABLE)
)

LISTING = Listing(
    [getattr(UserSession, name) for name in SessionRead.model_fields],
    where=[IS_LIVE],
    filters={"user_id": lambda: UserSession.user_id == bindparam("user_id")},
    sorts={"created_at": UserSession.created_at, "last_used_at": UserSession.last_used_at},
    default_sort=("-last_used_at",),
    key=UserSession.id,
)


async def find_principal(
    reads: ReadPool, session_id: uuid.UUID, *, user_id: uuid.UUID
) -> Row | None:
    """Return `user_id, role, email_verified, session_id` if the session is live, else None."""
    return await reads.first(PRINCIPAL, session_id=session_id, user_id=user_id)


async def find_live(reads: ReadPool, session_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Row]:
    """Return `role` and `email_verified` for each of the sessions that lives, by its id."""
    rows = await reads.all(LIVE, ids=list(session_ids))
    return {row["id"]: row for row in rows}


async def list_page(reads: ReadPool, request: PageRequest, *, user_id: uuid.UUID) -> PageRows:
    """Return one page of the live sessions of a user."""
    return await LISTING.page(reads, request, {"user_id": user_id})


async def create(
    session: AsyncSession, user_id: uuid.UUID, *, scopes: list[str], user_agent: str, address: str
) -> UserSession:
    """Start a session; beyond `MAX_LIVE`, the one that was used least recently ends."""
    started = now()
    row = UserSession(
        user_id=user_id,
        scopes=scopes,
        user_agent=user_agent,
        address=address[:45],
        rotated_at=started,
        last_used_at=started,
        idle_expires_at=started + IDLE_LIFETIME,
        expires_at=started + ABSOLUTE_LIFETIME,
    )
    session.add(row)
    await session.flush()
    await end_surplus(session, user_id)
    when_committed(session, metrics.SIGN_INS.inc)
    return row


async def end_surplus(session: AsyncSession, user_id: uuid.UUID) -> None:
    surplus = (
        select(UserSession.id)
        .where(UserSession.user_id == user_id, IS_LIVE)
        .order_by(UserSession.last_used_at.desc(), UserSession.id)
        .offset(MAX_LIVE)
    )
    ended = await session.scalars(
        update(UserSession)
        .where(UserSession.id.in_(surplus))
        .values(ended_at=func.now())
        .returning(UserSession.id)
    )
    if ended.all():
        await invalidate_principal(session, user_id)


async def rotate(
    session: AsyncSession, session_id: uuid.UUID, generation: int
) -> UserSession | None:
    """Advance to the next generation, unless another request has just done so.

    Returns None if the token is an old one that is reused: the caller must end the session.

    Raises:
        InvalidToken: the session has ended or expired, or its user may not sign in.
    """
    # A single statement: of concurrent requests, exactly one matches the expected generation.
    rotated = await session.scalar(
        update(UserSession)
        .where(
            UserSession.id == session_id,
            UserSession.generation == generation,
            IS_LIVE,
            user_is_usable(),
        )
        .values(
            generation=generation + 1,
            rotated_at=func.now(),
            last_used_at=func.now(),
            idle_expires_at=func.now() + IDLE_LIFETIME,
        )
        .returning(UserSession)
    )
    return rotated or await find_just_rotated(session, session_id, generation)


async def find_just_rotated(
    session: AsyncSession, session_id: uuid.UUID, generation: int
) -> UserSession | None:
    is_recent = UserSession.rotated_at > func.now() - REFRESH_GRACE
    found = await session.execute(
        select(UserSession, is_recent).where(
            UserSession.id == session_id, IS_LIVE, user_is_usable()
        )
    )
    row = found.one_or_none()
    if row is None:
        raise InvalidToken("The session has ended.")
    newest: UserSession = row[0]
    return newest if row[1] and newest.generation == generation + 1 else None


def user_is_usable() -> ColumnElement[bool]:
    return select(User.id).where(User.id == UserSession.user_id, IS_USABLE).exists()


async def end(session: AsyncSession, session_id: uuid.UUID, *, user_id: uuid.UUID) -> None:
    """End one session of the user.

    Raises:
        NotFound: the user has no such live session.
    """
    if not await end_where(session, user_id, UserSession.id == session_id):
        raise NotFound("There is no such session.")


async def end_all(
    session: AsyncSession, user_id: uuid.UUID, *, except_id: uuid.UUID | None = None
) -> None:
    """End every session of the user except one."""
    await end_where(session, user_id, UserSession.id.is_distinct_from(except_id))


async def end_by_id(session: AsyncSession, session_id: uuid.UUID) -> None:
    """End a session of any user; the caller must have verified one of its tokens."""
    user_id = await session.scalar(select(UserSession.user_id).where(UserSession.id == session_id))
    if user_id:
        await end_where(session, user_id, UserSession.id == session_id)


async def end_where(
    session: AsyncSession, user_id: uuid.UUID, condition: ColumnElement[bool]
) -> bool:
    ended = await session.scalars(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None), condition)
        .values(ended_at=func.now())
        .returning(UserSession.id)
    )
    await invalidate_principal(session, user_id)
    return bool(ended.all())


async def invalidate_principal(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Notify all processes on commit to drop the cached principal and verify credentials again."""
    await notify(session, CHANNEL, str(user_id))


async def delete_expired(session: AsyncSession) -> None:
    """Delete sessions that can no longer be refreshed."""
    await session.execute(delete(UserSession).where(UserSession.expires_at < func.now()))
