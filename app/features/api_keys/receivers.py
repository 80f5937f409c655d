"""Receivers of signals: revoke API keys when their user loses access or a role."""

from app.db.unit_of_work import UnitOfWork
from app.errors import InvalidToken
from app.feature import load_features
from app.features.api_keys import crud
from app.features.users.signals import CredentialChecked, MachineAccessRevoked, RoleChanged


async def check_api_key(uow: UnitOfWork, signal: CredentialChecked) -> None:
    """Check that the caller's key is still live.

    Raises:
        InvalidToken: the key was revoked or rotated after the request was authenticated.
    """
    key = signal.principal.credential
    if key is None or not await crud.is_live(uow, key):
        raise InvalidToken("The credential was revoked.")


async def revoke_api_keys(uow: UnitOfWork, signal: MachineAccessRevoked) -> None:
    await crud.revoke_all(uow, signal.user_id)


async def revoke_beyond_role(uow: UnitOfWork, signal: RoleChanged) -> None:
    """Revoke keys with a scope beyond the role.

    Their scopes are not reduced: they must not regain the scope if the role is restored.
    """
    permissions = load_features().permissions
    await crud.revoke_beyond(uow, signal.user_id, permissions.of(signal.role))
