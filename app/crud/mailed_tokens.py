"""The mailed_tokens table: links that prove a mailbox. Flushes; never commits."""

from sqlalchemy import delete, func

from app.core.clock import now
from app.core.secrets import digest, new_secret
from app.db.session import AsyncSession
from app.models.mailed_token import LIFETIMES, InvalidMailedToken, MailedToken, Purpose
from app.models.user import User


async def create(session: AsyncSession, user: User, purpose: Purpose) -> str:
    """Return a new token for the mailbox; earlier ones for the same purpose end."""
    await delete_all(session, user, purpose)
    token = new_secret()
    session.add(
        MailedToken(
            user_id=user.id,
            purpose=purpose,
            email_canonical=user.email_canonical,
            token_hash=digest(token),
            expires_at=now() + LIFETIMES[purpose],
        )
    )
    await session.flush()
    return token


async def use(session: AsyncSession, token: str, purpose: Purpose) -> MailedToken:
    """Take the token away and return what it proved.

    Raises:
        InvalidMailedToken: unknown, expired, or used before.
    """
    # DELETE ... RETURNING: of two at once, one gets the row.
    used: MailedToken | None = await session.scalar(
        delete(MailedToken)
        .where(
            MailedToken.token_hash == digest(token),
            MailedToken.purpose == purpose,
            MailedToken.expires_at > func.now(),
        )
        .returning(MailedToken)
    )
    if used is None:
        raise InvalidMailedToken
    return used


async def delete_all(session: AsyncSession, user: User, purpose: Purpose) -> None:
    await session.execute(
        delete(MailedToken).where(MailedToken.user_id == user.id, MailedToken.purpose == purpose)
    )


async def delete_expired(session: AsyncSession) -> None:
    await session.execute(delete(MailedToken).where(MailedToken.expires_at < func.now()))
