"""Authenticators: one for each kind of credential, declared by the feature that issues it."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from app.db.executor import PoolReader, Row
from app.resources import Resources
from app.security.principals import Credential, CredentialKind, Principal

Verified = tuple[Principal, float]
"""The principal, and the time at which the credential expires, in Unix seconds."""
LiveRows = dict[uuid.UUID, Row]


@dataclass(frozen=True, slots=True)
class Authenticator:
    verify: Callable[[Resources, str], Awaitable[Verified]]
    """Verify the text of a credential.

    Raises:
        InvalidToken: it is malformed, expired, revoked or of a disabled user.
    """
    find_live: Callable[[PoolReader, Collection[uuid.UUID]], Awaitable[LiveRows]]
    """Return `role` and `email_verified` for each of the credentials that is live, by its id.

    What else is in a row changes when the credential is replaced.
    """


@dataclass(frozen=True, slots=True)
class Authenticators:
    by_kind: Mapping[CredentialKind, Authenticator]

    async def find_live(
        self, reads: PoolReader, credentials: Collection[Credential]
    ) -> dict[Credential, Row]:
        """Return the rows of those that are live; one statement for each kind among them."""
        live: dict[Credential, Row] = {}
        for kind, authenticator in self.by_kind.items():
            ids = {each.id for each in credentials if each.kind is kind}
            rows = await authenticator.find_live(reads, ids) if ids else {}
            live |= {Credential(kind, id_): row for id_, row in rows.items()}
        return live
