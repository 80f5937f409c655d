"""Credentials of an account, revoked together: sessions, tickets, links, API keys, webhooks.

Every caller of a function that revokes holds a lock on the account, and so does each that makes
a credential (`lock_live`). A request that was authenticated before a revocation therefore
either commits first, and what it made is revoked, too, or it finds its own credential revoked.
See docs/adr/0024-credentials-and-accounts.md. Flushes; never commits.
"""

import uuid

from sqlalchemy import Select, select

from app.db.session import AsyncSession
from app.errors import InvalidToken
from app.features.api_keys import crud as api_keys
from app.features.api_keys.models import ApiKey
from app.features.auth.crud import email_changes, mailed_tokens
from app.features.notifications import crud as notifications
from app.features.streams.crud import tickets
from app.features.users.crud import sessions
from app.features.users.models.session import Session
from app.features.users.models.user import User
from app.features.webhooks.crud import webhooks
from app.features.webhooks.models.webhook import DisabledReason
from app.security.principals import ROLE_SCOPES, Principal, Scope

CAUSES = {
    DisabledReason.PASSWORD_RESET: "your password was reset",
    DisabledReason.PASSWORD_CHANGED: "your password was changed",
    DisabledReason.SIGNED_OUT: "you signed out everywhere",
    DisabledReason.ACCOUNT_DISABLED: "your account was disabled",
    DisabledReason.ROLE_CHANGED: "your role was changed",
    DisabledReason.EMAIL_CONFIRMED: "they were set up before the e-mail address was confirmed",
}


async def lock(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Lock the account until the transaction ends, against everything but reads."""
    await session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def lock_live(session: AsyncSession, principal: Principal) -> None:
    """Lock the caller's account and check that the credential is still live.

    Raises:
        InvalidToken: the credential was revoked after the request was authenticated.
    """
    await lock(session, principal.id)
    if await session.scalar(live(principal)) is None:
        raise InvalidToken("The credential was revoked.")


def live(principal: Principal) -> Select[uuid.UUID]:
    """The id of the session or the API key while it is live."""
    if principal.session_id:
        statement = select(Session.id).join(User, User.id == Session.user_id)
        conditions = (Session.id == principal.session_id, sessions.IS_LIVE)
    else:
        statement = select(ApiKey.id).join(User, User.id == ApiKey.user_id)
        conditions = (ApiKey.id == principal.api_key_id, api_keys.IS_LIVE)
    return statement.where(*conditions, sessions.IS_USABLE)


async def end_sign_ins(
    session: AsyncSession, user_id: uuid.UUID, *, besides: uuid.UUID | None = None
) -> None:
    """End all sessions but one, their tickets, and a pending change of the e-mail address."""
    await sessions.end_all(session, user_id, besides=besides)
    await tickets.delete_all(session, user_id, besides=besides)
    await email_changes.delete_all(session, user_id)


async def revoke_programs(
    session: AsyncSession, user_id: uuid.UUID, reason: DisabledReason
) -> None:
    """Revoke all API keys and disable all webhooks."""
    await api_keys.revoke_all(session, user_id)
    await disable_webhooks(session, user_id, reason)


async def revoke_all(session: AsyncSession, user_id: uuid.UUID, reason: DisabledReason) -> None:
    """Revoke everything that gives access or sends data: nothing made before works any more."""
    await end_sign_ins(session, user_id)
    await mailed_tokens.delete_all(session, user_id)
    await revoke_programs(session, user_id, reason)


async def revoke_beyond_role(session: AsyncSession, user: User) -> None:
    """End the sign-ins after a change of role, and what the new role may not have.

    A key that has a scope beyond the role is revoked rather than narrowed: it must not get the
    scope back when the role comes back.
    """
    await end_sign_ins(session, user.id)
    await api_keys.revoke_beyond(session, user.id, ROLE_SCOPES[user.role])
    if Scope.WEBHOOKS_MANAGE not in ROLE_SCOPES[user.role]:
        await disable_webhooks(session, user.id, DisabledReason.ROLE_CHANGED)


async def disable_webhooks(
    session: AsyncSession, user_id: uuid.UUID, reason: DisabledReason
) -> None:
    """Disable all webhooks of the account and notify its user."""
    if await webhooks.disable_all(session, user_id, reason) and reason in CAUSES:
        await notifications.create(
            session,
            user_id,
            subject="Your webhooks were disabled",
            message=f"Your webhooks were disabled because {CAUSES[reason]}. Check the URL of "
            "each, rotate its secret and set is_active to true.",
        )
