"""Endpoints of the caller's own account that require a session and the current password."""

from fastapi import APIRouter, Response

from app.db.dependencies import UnitOfWorkDep
from app.errors import NotFound, PreconditionFailed, SessionRequired
from app.features.auth.crud import mailed_tokens
from app.features.auth.dependencies import LoginThrottleDep, ProvenChangeDep
from app.features.auth.login_throttle import TooManyAttempts
from app.features.auth.models.mailed_token import Purpose
from app.features.auth.own_account import (
    LockedAccount,
    ProvenDeletion,
    ProvenEmail,
    check_unchanged,
    request_email_change,
)
from app.features.users.crud import credentials, users
from app.features.users.models.user import LastAdmin
from app.features.users.scopes import AccountOwner
from app.features.users.signals import RevocationReason
from app.http.problem_details import responses
from app.http.unit_of_work import UnitOfWorkRoute

router = APIRouter(prefix="/users", tags=["users"], route_class=UnitOfWorkRoute)
OWN_CHANGES = responses(SessionRequired, NotFound, TooManyAttempts, PreconditionFailed, LastAdmin)


@router.delete("/me", status_code=204, response_class=Response, responses=OWN_CHANGES)
async def delete_profile(
    proven_version: ProvenDeletion, user: LockedAccount, uow: UnitOfWorkDep
) -> None:
    """Delete your account and everything that gives access to it."""
    check_unchanged(user, proven_version)
    await users.delete(uow, user)
    await credentials.revoke_all(uow, user.id, RevocationReason.ACCOUNT_DELETED)


@router.put(
    "/me/email",
    status_code=202,
    response_class=Response,
    responses=responses(SessionRequired, NotFound, TooManyAttempts, PreconditionFailed),
)
async def change_email(
    proven: ProvenEmail, user: LockedAccount, uow: UnitOfWorkDep, limits: LoginThrottleDep
) -> None:
    """Change your e-mail address; takes effect when the new mailbox confirms it within a day.

    A link is mailed to the new address and a notice to the old one. A newer request, a change or
    reset of the password, or signing out everywhere cancels the change.
    """
    check_unchanged(user, proven.version)
    await request_email_change(uow, limits, user, proven.email)


@router.put(
    "/me/password",
    status_code=204,
    response_class=Response,
    responses=responses(SessionRequired, NotFound, TooManyAttempts, PreconditionFailed),
)
async def change_password(
    change: ProvenChangeDep, user: LockedAccount, uow: UnitOfWorkDep, principal: AccountOwner
) -> None:
    """Change your password; ends your other sessions and, by default, API keys and webhooks."""
    check_unchanged(user, change.version)
    await users.set_password(uow, user, change.password_hash)
    await credentials.end_sessions(uow, user.id, except_id=principal.session_id)
    await mailed_tokens.delete_all(uow, user.id, Purpose.RESET_PASSWORD)
    if change.revoke_api_keys:
        await credentials.revoke_machine_access(uow, user.id, RevocationReason.PASSWORD_CHANGED)
