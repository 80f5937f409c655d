"""User accounts."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base, Versioned, VersionedRow, text_enum
from app.errors import Conflict
from app.runtime.canonical import canonical
from app.security.principals import Role

ALIVE = text("deleted_at IS NULL")


class User(Versioned, Base):
    """An account. Deleting is soft and frees the e-mail address and the username."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", "email_canonical", unique=True, postgresql_where=ALIVE),
        Index("uq_users_username", "username_canonical", unique=True, postgresql_where=ALIVE),
        Index("ix_users_created_at", "created_at", "id", postgresql_where=ALIVE),
        Index("ix_users_email", "email", "id", postgresql_where=ALIVE),
        Index("ix_users_username", "username", "id", postgresql_where=ALIVE),
        # Each registration notifies the administrators, who are few.
        Index("ix_users_role", "role", "created_at", "id", postgresql_where=ALIVE),
        Index(
            "ix_users_search",
            "email_canonical",
            "username_canonical",
            postgresql_using="gin",
            postgresql_ops={
                "email_canonical": "gin_trgm_ops",
                "username_canonical": "gin_trgm_ops",
            },
        ),
        CheckConstraint("age BETWEEN 0 AND 150", name="age_is_human"),
    )

    email: Mapped[str] = mapped_column(String(320))
    email_canonical: Mapped[str]
    username: Mapped[str] = mapped_column(String(50))
    username_canonical: Mapped[str]
    full_name: Mapped[str | None] = mapped_column(String(100))
    age: Mapped[int | None]
    address: Mapped[dict[str, Any] | None]
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(
        text_enum(Role),
        default=Role.USER,
    )
    is_active: Mapped[bool] = mapped_column(default=True)
    email_verified: Mapped[bool] = mapped_column(default=False)
    last_login_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    def confirm_email(self, email: str) -> None:
        """Set an e-mail address that its mailbox has confirmed."""
        self.email = email
        self.email_canonical = canonical(email)
        self.email_verified = True


class UserRow(VersionedRow):
    email: str
    username: str
    full_name: str | None
    age: int | None
    address: dict[str, Any] | None
    role: Role
    is_active: bool
    email_verified: bool


class UserAdminRow(UserRow):
    last_login_at: datetime | None
    session_count: int


class PublicUserRow(TypedDict):
    id: uuid.UUID
    username: str
    full_name: str | None


class CredentialRow(TypedDict):
    """What a password is verified against, and what a new one must not contain."""

    id: uuid.UUID
    email: str
    username: str
    role: Role
    is_active: bool
    version: int
    password_hash: str


class EmailTaken(Conflict):
    code = "email_taken"
    title = "E-mail address taken"
    remedy = "Sign in instead, or register with another address."


class UsernameTaken(Conflict):
    code = "username_taken"
    title = "Username taken"
    remedy = "Choose another username."


class LastAdmin(Conflict):
    code = "last_admin"
    title = "Last administrator"
    remedy = "Make another user an administrator first."
