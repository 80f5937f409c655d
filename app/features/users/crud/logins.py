"""Queries of the users table for the verification of passwords. Flushes; never commits."""

import uuid
from typing import Any, cast

from sqlalchemy import bindparam, case, func, or_, select, update

from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.users.canonical_login import canonical_login
from app.features.users.crud.sessions import IS_USABLE
from app.features.users.crud.users import IS_ALIVE
from app.features.users.models.user import CredentialRow, User

COLUMNS = columns_of(User, CredentialRow)

SECRET = CompiledStatement[CredentialRow](
    select(*COLUMNS).where(User.id == bindparam("id"), IS_ALIVE)
)
LOGIN = CompiledStatement[CredentialRow](
    select(*COLUMNS).where(
        or_(
            User.email_canonical == bindparam("name"), User.username_canonical == bindparam("name")
        ),
        IS_ALIVE,
    )
)


async def find_login(reads: PoolReader, login: str) -> CredentialRow | None:
    """Return the account with the e-mail address or username."""
    return await reads.first(LOGIN, name=canonical_login(login))


async def get_for_change(uow: UnitOfWork, login: str) -> User:
    """Return the account with the e-mail address or username, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    name = canonical_login(login)
    is_named = or_(User.email_canonical == name, User.username_canonical == name)
    statement = select(User).where(is_named, IS_ALIVE).with_for_update()
    return found(await uow.session.scalar(statement), "user")


async def get_secret(reads: PoolReader, user_id: uuid.UUID) -> CredentialRow:
    """Return what the current password of the user is verified against.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    return found(await reads.first(SECRET, id=user_id), "user")


async def record_login(
    uow: UnitOfWork, login: CredentialRow, *, password_hash: str | None
) -> CredentialRow | None:
    """Store the time of the login, and the hash if it was recomputed with new parameters.

    Returns the current row, or None if the account has been disabled or deleted since
    `find_login`. Locks the user until the transaction ends.
    """
    is_same = User.version == login["version"]
    # A login does not change the account: `version` and `updated_at` stay the same.
    values: dict[str, Any] = {"last_login_at": func.now(), "updated_at": User.updated_at}
    if password_hash:
        values["password_hash"] = case((is_same, password_hash), else_=User.password_hash)
    rows = await uow.session.execute(
        update(User).where(User.id == login["id"], IS_USABLE).values(values).returning(*COLUMNS)
    )
    row = rows.mappings().one_or_none()
    return cast("CredentialRow", dict(row)) if row else None
