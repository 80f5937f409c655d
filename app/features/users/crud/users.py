"""Queries and changes of the users table. Flushes; never commits."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, or_, select, text

from app.db.errors import UniqueViolation
from app.db.executor import CompiledStatement, PoolReader, Reader, columns_of
from app.db.listing import Filters, Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.users.canonical_login import canonical_part, contains_pattern
from app.features.users.crud.sessions import IS_LIVE as SESSION_IS_LIVE
from app.features.users.crud.sessions import invalidate_principal
from app.features.users.models.session import UserSession
from app.features.users.models.user import (
    EmailTaken,
    LastAdmin,
    PublicUserRow,
    User,
    UserAdminRow,
    UsernameTaken,
    UserRow,
)
from app.features.users.schemas import ProfileUpdate, UserBase, UserUpdate
from app.observability import metrics
from app.runtime.canonical import canonical
from app.runtime.clock import now
from app.security.principals import Role

ADMINS_LOCK = 7_246_392
IS_ALIVE = User.deleted_at.is_(None)
COLUMNS = columns_of(User, UserRow)

BY_ID = CompiledStatement[UserRow](select(*COLUMNS).where(User.id == bindparam("id"), IS_ALIVE))
SESSION_COUNT = (
    select(func.count(UserSession.id))
    .where(UserSession.user_id == User.id, SESSION_IS_LIVE)
    .correlate(User)
    .scalar_subquery()
    .label("session_count")
)
PUBLIC_FIELDS = CompiledStatement[PublicUserRow](
    select(*columns_of(User, PublicUserRow)).where(
        User.id == any_(bindparam("ids", type_=ARRAY(Uuid())))
    )
)
BY_ID_FOR_ADMIN = CompiledStatement[UserAdminRow](
    select(*COLUMNS, User.last_login_at, SESSION_COUNT).where(User.id == bindparam("id"), IS_ALIVE)
)
LISTING = Listing[UserRow](
    COLUMNS,
    where=[IS_ALIVE],
    filters={
        "role": lambda: User.role == bindparam("role"),
        "is_active": lambda: User.is_active == bindparam("is_active"),
        "q": lambda: or_(
            User.email_canonical.like(bindparam("q")), User.username_canonical.like(bindparam("q"))
        ),
    },
    sorts={"created_at": User.created_at, "username": User.username, "email": User.email},
    default_sort=("-created_at",),
    key=User.id,
)


async def get(reads: Reader, user_id: uuid.UUID) -> UserRow:
    """Return the user as a row.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    return found(await reads.first(BY_ID, id=user_id), "user")


async def find_public(reads: Reader, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, PublicUserRow]:
    """Return the public fields of the users that exist, by id."""
    return {row["id"]: row for row in await reads.all(PUBLIC_FIELDS, ids=list(ids))}


async def get_for_change(uow: UnitOfWork, user_id: uuid.UUID) -> User:
    """Return the user, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    return found(
        await uow.session.scalar(
            select(User).where(User.id == user_id, IS_ALIVE).with_for_update()
        ),
        "user",
    )


async def get_as_admin(reads: PoolReader, user_id: uuid.UUID) -> UserAdminRow:
    """Return the user with the fields that only administrators see.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    return found(await reads.first(BY_ID_FOR_ADMIN, id=user_id), "user")


async def list_page(reads: Reader, request: PageRequest, filters: Filters) -> PageRows[UserRow]:
    """Return one page of the matching users; `q` is a part of an e-mail address or username."""
    q = filters.get("q")
    pattern = contains_pattern(canonical_part(q)) if q else None
    return await LISTING.page(reads, request, {**filters, "q": pattern})


async def find_by_email(uow: UnitOfWork, email: str) -> User | None:
    """Return the user with an e-mail address, locked until the transaction ends."""
    return await uow.session.scalar(
        select(User).where(User.email_canonical == canonical(email), IS_ALIVE).with_for_update()
    )


async def newest(uow: UnitOfWork, role: Role | None) -> Sequence[User]:
    """Return all accounts or those with the role, the newest first."""
    statement = select(User).where(IS_ALIVE).order_by(User.created_at.desc(), User.id.desc())
    if role:
        statement = statement.where(User.role == role)
    return (await uow.session.scalars(statement)).all()


async def create(
    uow: UnitOfWork,
    data: UserBase,
    *,
    password_hash: str,
    role: Role = Role.USER,
    email_verified: bool = False,
) -> User:
    """Create an account.

    Raises:
        EmailTaken, UsernameTaken: another account has the address or the name.
    """
    user = User(
        email=data.email,
        email_canonical=canonical(data.email),
        username=data.username,
        username_canonical=canonical(data.username),
        full_name=data.full_name,
        password_hash=password_hash,
        role=role,
        email_verified=email_verified,
    )
    uow.session.add(user)
    await flush(uow)
    uow.when_committed(metrics.REGISTRATIONS.inc)
    return user


async def update(uow: UnitOfWork, user: User, data: ProfileUpdate) -> User:
    """Change the fields that were sent.

    Raises:
        UsernameTaken: another account has the name.
    """
    fields = data.model_dump()
    for field, value in fields.items():
        setattr(user, field, value)
    if "username" in fields:
        user.username_canonical = canonical(fields["username"])
    await flush(uow)
    return user


async def flush(uow: UnitOfWork) -> None:
    try:
        await uow.session.flush()
    except UniqueViolation as error:
        taken = {"uq_users_email": EmailTaken, "uq_users_username": UsernameTaken}
        raise taken[error.constraint or ""] from error


async def get_role(uow: UnitOfWork, user_id: uuid.UUID) -> Role:
    """Return the role of a user who exists."""
    return (await uow.session.scalars(select(User.role).where(User.id == user_id))).one()


async def verify_email(uow: UnitOfWork, user: User) -> None:
    """Mark the user's e-mail address as verified."""
    user.email_verified = True
    await uow.session.flush()
    await invalidate_principal(uow, user.id)


async def set_password(uow: UnitOfWork, user: User, password_hash: str) -> None:
    """Store a new hash; the caller must end the sessions that it invalidates."""
    user.password_hash = password_hash
    await uow.session.flush()


async def administer(uow: UnitOfWork, user: User, data: UserUpdate) -> bool:
    """Change role or activity; return whether they differ, so that sessions must end.

    Raises:
        LastAdmin: no active administrator would be left.
    """
    fields = data.model_dump()
    is_change = any(getattr(user, name) != value for name, value in fields.items())
    if is_change:
        await require_another_admin(uow, user)
    for name, value in fields.items():
        setattr(user, name, value)
    await uow.session.flush()
    return is_change


async def delete(uow: UnitOfWork, user: User) -> None:
    """Soft-delete the account; its address and name become available again.

    Raises:
        LastAdmin: no active administrator would be left.
    """
    await require_another_admin(uow, user)
    user.deleted_at = now()
    await uow.session.flush()


async def require_another_admin(uow: UnitOfWork, user: User) -> None:
    """Check that another active administrator remains without this user.

    Raises:
        LastAdmin: the user is the only one.
    """
    if user.role is not Role.ADMIN or not user.is_active:
        return
    # Without the lock, two administrators who demote each other would each still see the other.
    await uow.session.execute(select(func.pg_advisory_xact_lock(ADMINS_LOCK)))
    another = select(User.id).where(
        User.role == Role.ADMIN, User.is_active, IS_ALIVE, User.id != user.id
    )
    if await uow.session.scalar(select(another.exists())) is not True:
        raise LastAdmin


async def exist(uow: UnitOfWork) -> bool:
    """Return whether there is any account."""
    return bool(await uow.session.scalar(select(select(User.id).exists())))


async def lock(uow: UnitOfWork) -> None:
    """Block other transactions from adding or changing accounts until this one ends."""
    await uow.session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
