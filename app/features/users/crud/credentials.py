"""Revocation of all credentials of an account.

Callers that revoke hold a lock on the account, as do those that create a credential
(`lock_live`). A request that was authenticated before a revocation therefore either commits
first, so that its new credential is revoked too, or finds its own credential revoked.
Features with credentials of their own receive the signals. See
docs/adr/0024-credentials-and-accounts.md. Flushes; never commits.
"""

import uuid

from sqlalchemy import select

from app.db.unit_of_work import UnitOfWork
from app.errors import InvalidToken
from app.features.users.crud import sessions
from app.features.users.models.session import UserSession
from app.features.users.models.user import User
from app.features.users.signals import (
    CredentialChecked,
    LinksRevoked,
    MachineAccessRevoked,
    RevocationReason,
    RoleChanged,
    SessionsEnded,
)
from app.security.principals import Principal


async def lock(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Lock the account for update until the transaction ends; reads are not blocked."""
    await uow.session.execute(
        select(User.id).where(User.id == user_id).with_for_update(key_share=True)
    )


async def lock_live(uow: UnitOfWork, principal: Principal) -> None:
    """Lock the caller's account and check that the credential is still live.

    Raises:
        InvalidToken: the credential was revoked after the request was authenticated.
    """
    await lock(uow, principal.id)
    if not principal.session_id:
        await uow.emit(CredentialChecked(principal))
    elif not await is_live(uow, principal.session_id):
        raise InvalidToken("The credential was revoked.")


async def is_live(uow: UnitOfWork, session_id: uuid.UUID) -> bool:
    statement = select(UserSession.id).join(User, User.id == UserSession.user_id)
    conditions = (UserSession.id == session_id, sessions.IS_LIVE, sessions.IS_USABLE)
    return await uow.session.scalar(statement.where(*conditions)) is not None


async def end_sessions(
    uow: UnitOfWork, user_id: uuid.UUID, *, except_id: uuid.UUID | None = None
) -> None:
    """End all sessions except one, and what depends on them."""
    await sessions.end_all(uow, user_id, except_id=except_id)
    await uow.emit(SessionsEnded(user_id, except_id))


async def revoke_machine_access(
    uow: UnitOfWork, user_id: uuid.UUID, reason: RevocationReason
) -> None:
    """Revoke the access of programs: API keys and webhooks."""
    await uow.emit(MachineAccessRevoked(user_id, reason))


async def revoke_all(uow: UnitOfWork, user_id: uuid.UUID, reason: RevocationReason) -> None:
    """Revoke all sessions, mailed links, API keys and webhooks of the user."""
    await end_sessions(uow, user_id)
    await uow.emit(LinksRevoked(user_id))
    await revoke_machine_access(uow, user_id, reason)


async def revoke_beyond_role(uow: UnitOfWork, user: User) -> None:
    """End all sessions after a change of role, and revoke what the new role does not permit."""
    await end_sessions(uow, user.id)
    await uow.emit(RoleChanged(user.id, user.role))


async def end_for_change(uow: UnitOfWork, user: User) -> None:
    """Revoke the credentials that a change of role or activity invalidates."""
    if user.is_active:
        await revoke_beyond_role(uow, user)
    else:
        await revoke_all(uow, user.id, RevocationReason.ACCOUNT_DISABLED)
