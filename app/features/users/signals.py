"""Signals about accounts and their credentials."""

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

    The receiver for its kind raises InvalidToken if the credential was revoked after the
    request was authenticated.
    """

    principal: Principal


@dataclass(frozen=True, slots=True)
class SessionsEnded(Signal):
    """All sessions of a user ended, except `kept_session_id`."""

    user_id: uuid.UUID
    kept_session_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class RoleChanged(Signal):
    """The role of a user changed; receivers revoke what it no longer permits."""

    user_id: uuid.UUID
    role: Role


@dataclass(frozen=True, slots=True)
class LinksRevoked(Signal):
    """Receivers revoke the mailed links of a user."""

    user_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class MachineAccessRevoked(Signal):
    """The access of programs ends: receivers revoke API keys and disable webhooks."""

    user_id: uuid.UUID
    reason: RevocationReason
