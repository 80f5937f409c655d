"""Receivers of signals: disable webhooks when their owner loses access or a role."""

import uuid

from app.db.unit_of_work import UnitOfWork
from app.feature import load_features
from app.features.notifications import crud as notifications
from app.features.users.signals import MachineAccessRevoked, RoleChanged
from app.features.webhooks.crud import webhooks
from app.features.webhooks.models.webhook import DisabledReason
from app.features.webhooks.scopes import WEBHOOKS_MANAGE

CAUSES = {
    DisabledReason.PASSWORD_RESET: "your password was reset",
    DisabledReason.PASSWORD_CHANGED: "your password was changed",
    DisabledReason.SIGNED_OUT: "you signed out everywhere",
    DisabledReason.ACCOUNT_DISABLED: "your account was disabled",
    DisabledReason.ROLE_CHANGED: "your role was changed",
    DisabledReason.EMAIL_CONFIRMED: "they were set up before the e-mail address was confirmed",
}


async def disable_webhooks(uow: UnitOfWork, signal: MachineAccessRevoked) -> None:
    await disable(uow, signal.user_id, DisabledReason(signal.reason))


async def disable_beyond_role(uow: UnitOfWork, signal: RoleChanged) -> None:
    permissions = load_features().permissions
    if WEBHOOKS_MANAGE.name not in permissions.of(signal.role):
        await disable(uow, signal.user_id, DisabledReason.ROLE_CHANGED)


async def disable(uow: UnitOfWork, user_id: uuid.UUID, reason: DisabledReason) -> None:
    """Disable all webhooks of the account and notify its user."""
    if await webhooks.disable_all(uow, user_id, reason) and reason in CAUSES:
        await notifications.create(
            uow,
            user_id,
            subject="Your webhooks were disabled",
            message=f"Your webhooks were disabled because {CAUSES[reason]}. Check the URL of "
            "each, rotate its secret and set is_active to true.",
        )
