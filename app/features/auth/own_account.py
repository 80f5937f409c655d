"""Changes of the own account: require a session and the current password, never an API key."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.db.dependencies import UnitOfWorkDep
from app.db.unit_of_work import UnitOfWork
from app.errors import PreconditionFailed
from app.features.auth.crud import email_changes, mailed_tokens
from app.features.auth.dependencies import PasswordCheckDep
from app.features.auth.jobs.send_email_change_mail import SendEmailChangeMail
from app.features.auth.login_throttle import LoginThrottle, MailKind
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.job import enqueue
from app.features.mail.send_notification import SendNotification
from app.features.users.crud import credentials, users
from app.features.users.models.user import User
from app.features.users.schemas import AccountDeletion, EmailUpdate
from app.features.users.scopes import AccountOwner
from app.features.users.signals import RevocationReason
from app.http.precondition_dependency import PreconditionDep

SUBJECT = "Your e-mail address"
CHANGE_REQUESTED = (
    "A change of your e-mail address to {email} was requested. It takes effect once that mailbox "
    "confirms it. If this was not you, reset your password now: that cancels the change."
)
CHANGED = (
    "The e-mail address of your account is now {email}, which has confirmed it. This address can "
    "no longer reset the password. If this was not you, contact the operator of the service."
)


@dataclass(frozen=True, slots=True)
class ProvenUpdate:
    """A new address, and the account version at which the password was verified."""

    email: str
    version: int


async def get_proven_email(data: EmailUpdate, check: PasswordCheckDep) -> ProvenUpdate:
    """Verify the password.

    Raises:
        Unprocessable: it is wrong.
        TooManyAttempts: too many were wrong, or the client has requested too many changes.
    """
    account = await check(data.current_password)
    # The limit of an account alone does not stop a client that registers many.
    await check.limits.count_address("email_change", check.client.address)
    return ProvenUpdate(data.email, account["version"])


async def get_proven_deletion(data: AccountDeletion, check: PasswordCheckDep) -> int:
    version: int = (await check(data.current_password))["version"]
    return version


async def get_locked_account(
    uow: UnitOfWorkDep, principal: AccountOwner, precondition: PreconditionDep
) -> User:
    """Return the caller's account, locked, after a check that the session is live."""
    user = await users.get_for_change(uow, principal.id)
    await credentials.lock_live(uow, principal)
    precondition.check(user)
    return user


def check_unchanged(user: User, version: int) -> None:
    """Check that the account has not changed since the password was verified.

    Raises:
        PreconditionFailed: it has changed.
    """
    if user.version != version:
        raise PreconditionFailed("The account changed while the password was being checked.")


async def request_email_change(
    uow: UnitOfWork, limits: LoginThrottle, user: User, email: str
) -> None:
    """Mail a link to the new address and a notice to the old one.

    Only a confirmation from the new mailbox reveals whether another account has the address.

    Raises:
        TooManyAttempts: the account has reached its limit of requested mails.
    """
    may_mail = await limits.may_mail(MailKind.LINK, email, account=user.id)
    change = await email_changes.create(uow, user, email)
    if may_mail:
        await enqueue(uow, SendEmailChangeMail(change_id=change.id))
    # A confirmed address always gets the notice: an attacker could exhaust a limit first.
    if user.email_verified or await limits.may_mail(MailKind.LINK, user.email):
        await notify_address(uow, user.email, CHANGE_REQUESTED.format(email=email))


async def confirm_email(uow: UnitOfWork, token: str) -> bool:
    """Confirm the address that the link was mailed to: the current or the pending one.

    Returns False if another account has the pending address; the change is deleted then.

    Raises:
        InvalidMailedToken: the token is unknown, expired or used.
    """
    change = await email_changes.consume(uow, token)
    if change is None:
        await confirm_first_email(uow, token)
        return True
    user, email = change
    old, was_verified = user.email, user.email_verified
    if not await email_changes.apply(uow, user, email):
        return False
    if was_verified:
        await notify_address(uow, old, CHANGED.format(email=email))
    return True


async def confirm_first_email(uow: UnitOfWork, token: str) -> None:
    user = await mailed_tokens.use(uow, token, Purpose.VERIFY_EMAIL)
    if not user.email_verified:
        # The service creates none before the confirmation; rows may have been inserted otherwise.
        await credentials.revoke_machine_access(uow, user.id, RevocationReason.EMAIL_CONFIRMED)
    await users.verify_email(uow, user)


async def notify_address(uow: UnitOfWork, email: str, message: str) -> None:
    await enqueue(uow, SendNotification(email=email, subject=SUBJECT, message=message))


LockedAccount = Annotated[User, Depends(get_locked_account)]
ProvenEmail = Annotated[ProvenUpdate, Depends(get_proven_email)]
ProvenDeletion = Annotated[int, Depends(get_proven_deletion)]
