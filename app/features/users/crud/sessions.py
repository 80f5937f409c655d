"""Queries and changes of the sessions table: sign-ins. Flushes; never commits."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)

from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.listing import Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import InvalidToken, NotFound
from app.features.users.models.session import (
    ABSOLUTE_LIFETIME,
    IDLE_LIFETIME,
    REFRESH_GRACE,
    SessionPrincipalRow,
    SessionRow,
    UserSession,
)
from app.features.users.models.user import User
from app.observability import metrics
from app.runtime.clock import now
from app.security.authenticators import LiveCredentialRow
from app.security.principal_cache import CHANNEL

# A client that signs in for each run, and never out, would add rows for as long as they live.
MAX_LIVE = 100

IS_LIVE = (
    UserSession.ended_at.is_(None)
    & (UserSession.idle_expires_at > func.now())
    & (UserSession.expires_at > func.now())
)
IS_USABLE = User.is_active & User.deleted_at.is_(None)

# An access token is never replaced: it ends with its session.
NO_VERSION = literal_column("''", String())

PRINCIPAL = CompiledStatement[SessionPrincipalRow](
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

LIVE = CompiledStatement[LiveCredentialRow](
    select(UserSession.id, NO_VERSION.label("version"), User.role, User.email_verified)
    .join(User, User.id == UserSession.user_id)
    .where(UserSession.id == any_(bindparam("ids", type_=ARRAY(Uuid()))), IS_LIVE, IS_USABLE)
)

LISTING = Listing[SessionRow](
    columns_of(UserSession, SessionRow),
    where=[IS_LIVE],
    filters={"user_id": lambda: UserSession.user_id == bindparam("user_id")},
    sorts={"created_at": UserSession.created_at, "last_used_at": UserSession.last_used_at},
    default_sort=("-last_used_at",),
    key=UserSession.id,
)


async def find_principal(
    reads: PoolReader, session_id: uuid.UUID, *, user_id: uuid.UUID
) -> SessionPrincipalRow | None:
    """Return the session and its user if the session is live, else None."""
    return await reads.first(PRINCIPAL, session_id=session_id, user_id=user_id)


async def find_live(
    reads: PoolReader, session_ids: Collection[uuid.UUID]
) -> Sequence[LiveCredentialRow]:
    """Return those of the sessions that live."""
    return await reads.all(LIVE, ids=list(session_ids))


async def list_page(
    reads: PoolReader, request: PageRequest, *, user_id: uuid.UUID
) -> PageRows[SessionRow]:
    """Return one page of the live sessions of a user."""
    return await LISTING.page(reads, request, {"user_id": user_id})


async def create(
    uow: UnitOfWork, user_id: uuid.UUID, *, scopes: list[str], user_agent: str, address: str
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
    uow.session.add(row)
    await uow.session.flush()
    await end_surplus(uow, user_id)
    uow.when_committed(metrics.SIGN_INS.inc)
    return row


async def end_surplus(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    surplus = (
        select(UserSession.id)
        .where(UserSession.user_id == user_id, IS_LIVE)
        .order_by(UserSession.last_used_at.desc(), UserSession.id)
        .offset(MAX_LIVE)
    )
    ended = await uow.session.scalars(
        update(UserSession)
        .where(UserSession.id.in_(surplus))
        .values(ended_at=func.now())
        .returning(UserSession.id)
    )
    if ended.all():
        await invalidate_principal(uow, user_id)


async def rotate(uow: UnitOfWork, session_id: uuid.UUID, generation: int) -> UserSession | None:
    """Advance to the next generation, unless another request has just done so.

    Returns None if the token is an old one that is reused: the caller must end the session.

    Raises:
        InvalidToken: the session has ended or expired, or its user may not sign in.
    """
    # A single statement: of concurrent requests, exactly one matches the expected generation.
    rotated = await uow.session.scalar(
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
    return rotated or await find_just_rotated(uow, session_id, generation)


async def find_just_rotated(
    uow: UnitOfWork, session_id: uuid.UUID, generation: int
) -> UserSession | None:
    """Return the session if `generation` was replaced within the grace period.

    Raises:
        InvalidToken: the session has ended.
    """
    is_recent = UserSession.rotated_at > func.now() - REFRESH_GRACE
    found = await uow.session.execute(
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


async def end(uow: UnitOfWork, session_id: uuid.UUID, *, user_id: uuid.UUID) -> None:
    """End one session of the user.

    Raises:
        NotFound: the user has no such live session.
    """
    if not await end_where(uow, user_id, UserSession.id == session_id):
        raise NotFound.of("session")


async def end_all(
    uow: UnitOfWork, user_id: uuid.UUID, *, except_id: uuid.UUID | None = None
) -> None:
    """End every session of the user except one."""
    await end_where(uow, user_id, UserSession.id.is_distinct_from(except_id))


async def end_by_id(uow: UnitOfWork, session_id: uuid.UUID) -> None:
    """End a session of any user; the caller must have verified one of its tokens."""
    user_id = await uow.session.scalar(
        select(UserSession.user_id).where(UserSession.id == session_id)
    )
    if user_id:
        await end_where(uow, user_id, UserSession.id == session_id)


async def end_where(uow: UnitOfWork, user_id: uuid.UUID, condition: ColumnElement[bool]) -> bool:
    ended = await uow.session.scalars(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None), condition)
        .values(ended_at=func.now())
        .returning(UserSession.id)
    )
    await invalidate_principal(uow, user_id)
    return bool(ended.all())


async def invalidate_principal(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Notify all processes on commit to drop the cached principal and verify credentials again."""
    await uow.notify(CHANNEL, str(user_id))


async def delete_expired(uow: UnitOfWork) -> None:
    """Delete sessions that can no longer be refreshed."""
    await uow.session.execute(delete(UserSession).where(UserSession.expires_at < func.now()))
