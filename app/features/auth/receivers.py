"""Receivers of signals: revoke pending e-mail changes and mailed links of a user."""

from app.db.unit_of_work import UnitOfWork
from app.features.auth.crud import email_changes, mailed_tokens
from app.features.users.signals import LinksRevoked, SessionsEnded


async def cancel_email_changes(uow: UnitOfWork, signal: SessionsEnded) -> None:
    await email_changes.delete_all(uow, signal.user_id)


async def revoke_links(uow: UnitOfWork, signal: LinksRevoked) -> None:
    await mailed_tokens.delete_all(uow, signal.user_id)
