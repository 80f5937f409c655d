"""The email_changes table: addresses that await confirmation. Flushes; never commits."""

import uuid

from sqlalchemy import ColumnElement, Select, delete, func, select, update

from app.db.unit_of_work import UnitOfWork
from app.features.auth.crud import mailed_tokens
from app.features.auth.models.email_change import LIFETIME, EmailChange
from app.features.users.crud import users
from app.features.users.crud.sessions import IS_USABLE, invalidate_principal
from app.features.users.models.user import EmailTaken, User
from app.runtime.clock import now
from app.security.secrets import digest, new_secret


async def create(uow: UnitOfWork, user: User, email: str) -> EmailChange:
    """Add a pending change, replacing an earlier one; the caller holds the account lock."""
    await delete_all(uow, user.id)
    change = EmailChange(user_id=user.id, email=email, expires_at=now() + LIFETIME)
    uow.session.add(change)
    await uow.session.flush()
    return change


async def issue_token(uow: UnitOfWork, change_id: uuid.UUID) -> tuple[str, str] | None:
    """Return the new address and a new token for it, or None if no change is pending."""
    token = new_secret()
    email: str | None = await uow.session.scalar(
        update(EmailChange)
        .where(EmailChange.id == change_id, EmailChange.expires_at > func.now())
        .values(token_hash=digest(token))
        .returning(EmailChange.email)
    )
    return (email, token) if email else None


async def is_pending(uow: UnitOfWork, token: str) -> bool:
    """Return whether `consume` would find a change for the token."""
    return await uow.session.scalar(account_of(EmailChange.token_hash == digest(token))) is not None


def account_of(is_meant: ColumnElement[bool]) -> Select[User]:
    """Return the statement for the account of a pending change."""
    return (
        select(User)
        .join(EmailChange, EmailChange.user_id == User.id)
        .where(is_meant, EmailChange.expires_at > func.now(), IS_USABLE)
    )


async def consume(uow: UnitOfWork, token: str) -> tuple[User, str] | None:
    """Delete the pending change; return its account, locked, and the new address.

    Returns None when the token is unknown, expired or used, or the account cannot be used.
    """
    is_meant = EmailChange.token_hash == digest(token)
    user = await uow.session.scalar(account_of(is_meant).with_for_update(of=User))
    # Of two concurrent requests, the second waits for the lock above and finds no row to delete.
    email = await uow.session.scalar(
        delete(EmailChange).where(is_meant).returning(EmailChange.email)
    )
    return (user, email) if user and email else None


async def apply(uow: UnitOfWork, user: User, email: str) -> bool:
    """Set the confirmed address; return False if another account has it.

    Links that were mailed to the old address are revoked.
    """
    try:
        async with uow.session.begin_nested():
            user.confirm_email(email)
            await users.flush(uow)
    except EmailTaken:
        return False
    await mailed_tokens.delete_all(uow, user.id)
    await invalidate_principal(uow, user.id)
    return True


async def delete_all(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    await uow.session.execute(delete(EmailChange).where(EmailChange.user_id == user_id))


async def delete_expired(uow: UnitOfWork) -> None:
    await uow.session.execute(delete(EmailChange).where(EmailChange.expires_at < func.now()))
