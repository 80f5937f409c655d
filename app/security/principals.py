"""Principals: the authenticated caller, its role and its credential."""

import enum
import math
import uuid
from dataclasses import dataclass, replace
from typing import Any, Self

from app.errors import EmailNotVerified, InsufficientScope, SessionRequired

ADMIN = "admin"  # The scope of administrators; features declare the others.


class Role(enum.StrEnum):
    ADMIN = "admin"
    USER = "user"
    GUEST = "guest"


class CredentialKind(enum.StrEnum):
    ACCESS_TOKEN = "access_token"
    API_KEY = "api_key"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Credential:
    """Identity of a credential; the id of an access token is that of its session.

    `version` changes when the text of the credential is replaced.
    """

    kind: CredentialKind
    id: uuid.UUID
    version: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: a user, through a session or an API key.

    `scopes` are those that the role and the token or key have in common; `withheld` are further
    ones that take effect once the e-mail address is confirmed. At `expires_at` (Unix seconds)
    the credential expires, and the streams that it opened end.
    """

    id: uuid.UUID
    role: Role
    scopes: frozenset[str]
    credential: Credential | None = None
    expires_at: float = math.inf
    email_verified: bool = True
    withheld: frozenset[str] = frozenset()

    def once_verified(self) -> Self:
        """Return the principal as it is after the e-mail address is confirmed."""
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
        return ADMIN in self.scopes

    def as_viewer(self) -> dict[str, Any]:
        """Return the parameters of row-level conditions: user id, and whether it sees all rows."""
        return {"viewer_id": self.id, "sees_all": self.is_admin}

    def may_change(self, owner_id: uuid.UUID) -> bool:
        return self.is_admin or self.id == owner_id
