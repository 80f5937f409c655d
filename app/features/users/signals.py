"""Signals about accounts and what gives access to them."""

import enum
import uuid
from dataclasses import dataclass

from app.db.signals import Signal
from app.security.principals import Principal, Role


class RevocationReason(enum.StrEnum):
    """Why access was revoked."""

    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    SIGNED_OUT = "signed_out"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_DELETED = "account_deleted"
    ROLE_CHANGED = "role_changed"
    EMAIL_CONFIRMED = "email_confirmed"


@dataclass(frozen=True, slots=True)
class UserRegistered(Signal):
    """A user opened an account."""

    user_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class CredentialChecked(Signal):
    """A credential other than a session is about to be used; the account is locked.

    The receiver of its kind raises InvalidToken if it was revoked after the request was
    authenticated.
    """

    principal: Principal


@dataclass(frozen=True, slots=True)
class SignInsEnded(Signal):
    """All sessions of a user ended but the one that is kept."""

    user_id: uuid.UUID
    kept_session_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class RoleChanged(Signal):
    """The role of a user changed; what it no longer permits has to end."""

    user_id: uuid.UUID
    role: Role


@dataclass(frozen=True, slots=True)
class LinksRevoked(Signal):
    """The mailed links of a user have to end."""

    user_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class ProgramsRevoked(Signal):
    """What acts for a user without a session has to end: API keys, webhooks."""

    user_id: uuid.UUID
    reason: RevocationReason
