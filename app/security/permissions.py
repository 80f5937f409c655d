"""Permissions: the OAuth2 scopes that features declare, composed to those of each role."""

import math
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from app.security.principals import ADMIN, Credential, Principal, Role

EVERY_ROLE = frozenset(Role)
USERS = frozenset({Role.ADMIN, Role.USER})


@dataclass(frozen=True, slots=True)
class Scope:
    """An OAuth2 scope (RFC 6749, section 3.3), and the roles that have it."""

    name: str
    description: str
    roles: frozenset[Role]
    before_verification: bool = False
    """Whether it takes effect before the e-mail address of the account is confirmed."""

    @property
    def resource(self) -> str:
        return self.name.partition(":")[0]


ADMINISTRATION = Scope(
    ADMIN, "Administer users and everything that others own.", frozenset({Role.ADMIN})
)


class Permissions:
    """The scopes of the features and of the kernel, grouped by resource."""

    def __init__(self, declared: Iterable[Scope]) -> None:
        scopes = [*by_resource(dict.fromkeys(declared)), ADMINISTRATION]
        self.descriptions = {scope.name: scope.description for scope in scopes}
        self._by_role = {
            role: names(scope for scope in scopes if role in scope.roles) for role in Role
        }
        self._unverified = names(scope for scope in scopes if scope.before_verification)

    def of(self, role: Role) -> frozenset[str]:
        """Return the scopes of a role."""
        return self._by_role[role]

    def granted(self, role: Role, wanted: frozenset[str]) -> frozenset[str]:
        """Return the scopes that a role has among those wanted."""
        return self._by_role[role] & wanted

    def principal(
        self,
        user_id: uuid.UUID,
        role: Role,
        wanted: frozenset[str],
        *,
        email_verified: bool,
        credential: Credential | None = None,
        expires_at: float = math.inf,
    ) -> Principal:
        """Return the caller behind a credential with the scopes `wanted`."""
        held = self.granted(role, wanted)
        scopes = held if email_verified else held & self._unverified
        return Principal(
            user_id,
            role,
            scopes,
            email_verified=email_verified,
            withheld=held - scopes,
            credential=credential,
            expires_at=expires_at,
        )


def by_resource(scopes: Collection[Scope]) -> list[Scope]:
    order = [scope.resource for scope in scopes]
    return sorted(scopes, key=lambda scope: order.index(scope.resource))


def names(scopes: Iterable[Scope]) -> frozenset[str]:
    return frozenset(scope.name for scope in scopes)
