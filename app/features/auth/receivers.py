"""Receivers of signals: revoke pending e-mail changes and mailed links of a user."""

from app.db.session import AsyncSession
from app.features.auth.crud import email_changes, mailed_tokens
from app.features.users.signals import LinksRevoked, SignInsEnded


async def cancel_email_changes(session: AsyncSession, signal: SignInsEnded) -> None:
    await email_changes.delete_all(session, signal.user_id)


async def revoke_links(session: AsyncSession, signal: LinksRevoked) -> None:
    await mailed_tokens.delete_all(session, signal.user_id)
