"""The mailed_tokens table: links that prove a mailbox. Flushes; never commits."""

import uuid

from sqlalchemy import ColumnElement, Select, delete, func, select

from app.db.unit_of_work import UnitOfWork
from app.features.auth.models.mailed_token import (
    LIFETIMES,
    InvalidMailedToken,
    MailedToken,
    Purpose,
)
from app.features.users.crud.sessions import IS_USABLE
from app.features.users.models.user import User
from app.runtime.clock import now
from app.security.secrets import digest, new_secret


async def create(uow: UnitOfWork, user: User, purpose: Purpose) -> str:
    """Return a new token for the mailbox; earlier ones for the same purpose are revoked."""
    await delete_all(uow, user.id, purpose)
    token = new_secret()
    uow.session.add(
        MailedToken(
            user_id=user.id,
            purpose=purpose,
            email_canonical=user.email_canonical,
            token_hash=digest(token),
            expires_at=now() + LIFETIMES[purpose],
        )
    )
    await uow.session.flush()
    return token


async def check(uow: UnitOfWork, token: str, purpose: Purpose) -> None:
    """Check that `use` would accept the token, without using it.

    Raises:
        InvalidMailedToken: unknown, expired, used before, or the user has another address now.
    """
    is_meant = (MailedToken.token_hash == digest(token)) & (MailedToken.purpose == purpose)
    if await uow.session.scalar(owner_of(is_meant)) is None:
        raise InvalidMailedToken


def owner_of(is_meant: ColumnElement[bool]) -> Select[User]:
    """Return the statement for the user of a valid token."""
    return (
        select(User)
        .join(MailedToken, MailedToken.user_id == User.id)
        .where(is_meant, MailedToken.expires_at > func.now())
        .where(MailedToken.email_canonical == User.email_canonical, IS_USABLE)
    )


async def use(uow: UnitOfWork, token: str, purpose: Purpose) -> User:
    """Delete the token and return the user whose mailbox it proves, locked for update.

    Raises:
        InvalidMailedToken: unknown, expired, used before, or the user has another address now.
    """
    is_meant = (MailedToken.token_hash == digest(token)) & (MailedToken.purpose == purpose)
    user = await uow.session.scalar(owner_of(is_meant).with_for_update(of=User))
    # Of two concurrent requests, the second waits for the lock above and finds no row to delete.
    used = await uow.session.scalar(delete(MailedToken).where(is_meant).returning(MailedToken.id))
    if user is None or used is None:
        raise InvalidMailedToken
    return user


async def delete_all(uow: UnitOfWork, user_id: uuid.UUID, *purposes: Purpose) -> None:
    """Delete the user's tokens for the given purposes, by default for all."""
    is_meant = MailedToken.purpose.in_(purposes or Purpose)
    await uow.session.execute(delete(MailedToken).where(MailedToken.user_id == user_id, is_meant))


async def delete_expired(uow: UnitOfWork) -> None:
    await uow.session.execute(delete(MailedToken).where(MailedToken.expires_at < func.now()))
