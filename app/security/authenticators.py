"""Authenticators: one for each kind of credential, declared by the feature that issues it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from app.resources import Resources
from app.security.principals import Principal
from app.security.request_credentials import CredentialKind

Verified = tuple[Principal, float]
"""The principal, and the time at which the credential expires, in Unix seconds."""
Authenticator = Callable[[Resources, str], Awaitable[Verified]]
"""Verify the text of a credential.

Raises:
    InvalidToken: it is malformed, expired, revoked or of a disabled user.
"""


@dataclass(frozen=True, slots=True)
class Authenticators:
    by_kind: Mapping[CredentialKind, Authenticator]
