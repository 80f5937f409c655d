"""Who is asking, and what roles and scopes allow."""

import enum
import math
import uuid
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: a user, through a session or an API key.

    `scopes` are those of the role, cut down by those of the token or key; `expires_at`
    (Unix seconds) is when that ends, and with it whatever stream it opened.
    """

    id: uuid.UUID
    role: Role
    scopes: frozenset[Scope]
    session_id: uuid.UUID | None = None
    api_key_id: uuid.UUID | None = None
    expires_at: float = math.inf

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def as_viewer(self) -> dict[str, Any]:
        """What statements about rows of somebody want to know of who looks at them."""
        return {"viewer_id": self.id, "sees_all": self.is_admin}

    def may_change(self, owner_id: uuid.UUID) -> bool:
        return self.is_admin or self.id == owner_id


def granted_scopes(role: Role, wanted: frozenset[str]) -> frozenset[Scope]:
    """The scopes of a role, cut down to those wanted."""
    return frozenset(scope for scope in ROLE_SCOPES[role] if scope in wanted)
