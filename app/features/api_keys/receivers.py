"""Receivers of signals: revoke API keys when their user loses access or a role."""

from app.db.session import AsyncSession
from app.errors import InvalidToken
from app.feature import load_features
from app.features.api_keys import crud
from app.features.users.signals import CredentialChecked, ProgramsRevoked, RoleChanged


async def check_api_key(session: AsyncSession, signal: CredentialChecked) -> None:
    """Check that the caller's key is still live.

    Raises:
        InvalidToken: the key was revoked after the request was authenticated.
    """
    api_key_id = signal.principal.api_key_id
    if api_key_id is None or not await crud.is_live(session, api_key_id):
        raise InvalidToken("The credential was revoked.")


async def revoke_api_keys(session: AsyncSession, signal: ProgramsRevoked) -> None:
    await crud.revoke_all(session, signal.user_id)


async def revoke_beyond_role(session: AsyncSession, signal: RoleChanged) -> None:
    """Revoke keys with a scope beyond the role.

    Their scopes are not reduced: they must not regain the scope if the role is restored.
    """
    permissions = load_features().permissions
    await crud.revoke_beyond(session, signal.user_id, permissions.of(signal.role))
