"""Principals: the authenticated caller, and the scopes that roles grant."""

import enum
import math
import uuid
from dataclasses import dataclass, replace
from typing import Any, Self

from app.errors import EmailNotVerified, InsufficientScope, SessionRequired


class Scope(enum.StrEnum):
    """OAuth2 scopes (RFC 6749, section 3.3)."""

    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    ITEMS_READ = "items:read"
    ITEMS_WRITE = "items:write"
    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"
    WEBHOOKS_MANAGE = "webhooks:manage"
    ADMIN = "admin"


SCOPE_DESCRIPTIONS = {
    Scope.USERS_READ: "Read your own profile.",
    Scope.USERS_WRITE: "Change your own profile.",
    Scope.ITEMS_READ: "Read items and categories.",
    Scope.ITEMS_WRITE: "Create items and change your own.",
    Scope.POSTS_READ: "Read published posts and your own drafts.",
    Scope.POSTS_WRITE: "Write posts and change your own.",
    Scope.FILES_READ: "Read files.",
    Scope.FILES_WRITE: "Upload files and delete your own.",
    Scope.WEBHOOKS_MANAGE: "Manage your webhooks.",
    Scope.ADMIN: "Administer users and everything that others own.",
}


class Role(enum.StrEnum):
    ADMIN = "admin"
    USER = "user"
    GUEST = "guest"


READS = frozenset({Scope.USERS_READ, Scope.ITEMS_READ, Scope.POSTS_READ, Scope.FILES_READ})

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.USER: frozenset(Scope) - {Scope.ADMIN},
    Role.GUEST: READS,
}

# Until the e-mail address of an account is confirmed, no other scope takes effect.
UNVERIFIED_SCOPES = frozenset({Scope.USERS_READ})


class CredentialKind(enum.StrEnum):
    ACCESS_TOKEN = "access_token"
    API_KEY = "api_key"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller was authenticated by; of an access token `id` is that of its session."""

    kind: CredentialKind
    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: a user, through a session or an API key.

    `scopes` are those of the role, cut down by those of the token or key; `withheld` are those
    of them that take effect once the e-mail address is confirmed. `expires_at` (Unix seconds)
    is when that ends, and with it each stream that it opened.
    """

    id: uuid.UUID
    role: Role
    scopes: frozenset[Scope]
    credential: Credential | None = None
    expires_at: float = math.inf
    email_verified: bool = True
    withheld: frozenset[Scope] = frozenset()

    @classmethod
    def granted(
        cls,
        user_id: uuid.UUID,
        role: Role,
        wanted: frozenset[str],
        *,
        email_verified: bool,
        credential: Credential | None = None,
        expires_at: float = math.inf,
    ) -> Self:
        """The caller behind a credential with the scopes `wanted`."""
        held = granted_scopes(role, wanted)
        scopes = held if email_verified else held & UNVERIFIED_SCOPES
        return cls(
            user_id,
            role,
            scopes,
            email_verified=email_verified,
            withheld=held - scopes,
            credential=credential,
            expires_at=expires_at,
        )

    def once_verified(self) -> Self:
        """The same caller with what the confirmed e-mail address adds."""
        return replace(
            self, scopes=self.scopes | self.withheld, withheld=frozenset(), email_verified=True
        )

    def require(self, *scopes: str) -> None:
        """Check that the caller has the scopes.

        Raises:
            EmailNotVerified: the e-mail address has to be confirmed first.
            InsufficientScope: the credential or the role lacks one.
        """
        for scope in scopes:
            if scope in self.withheld:
                raise EmailNotVerified("Confirm your e-mail address first.")
            if scope not in self.scopes:
                raise InsufficientScope(f"This needs the scope {scope}.")

    def require_session(self) -> None:
        """Check that the caller has signed in.

        Raises:
            SessionRequired: the credential is an API key.
        """
        if self.session_id is None:
            raise SessionRequired("An API key may not do this: sign in.")

    @property
    def session_id(self) -> uuid.UUID | None:
        """The id of the session, if the credential is an access token."""
        return self._credential_id(CredentialKind.ACCESS_TOKEN)

    @property
    def api_key_id(self) -> uuid.UUID | None:
        """The id of the API key, if the credential is one."""
        return self._credential_id(CredentialKind.API_KEY)

    def _credential_id(self, kind: CredentialKind) -> uuid.UUID | None:
        credential = self.credential
        return credential.id if credential and credential.kind is kind else None

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def as_viewer(self) -> dict[str, Any]:
        """The values that row-level conditions need about the principal."""
        return {"viewer_id": self.id, "sees_all": self.is_admin}

    def may_change(self, owner_id: uuid.UUID) -> bool:
        return self.is_admin or self.id == owner_id


def granted_scopes(role: Role, wanted: frozenset[str]) -> frozenset[Scope]:
    """The scopes of a role, cut down to those wanted."""
    return frozenset(scope for scope in ROLE_SCOPES[role] if scope in wanted)
