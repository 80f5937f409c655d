"""Authenticators: one for each kind of credential, declared by the feature that issues it."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import TypedDict

from app.db.executor import PoolReader
from app.resources import Resources
from app.security.principals import Credential, CredentialKind, Principal, Role

Verified = tuple[Principal, float]
"""The principal, and the time at which the credential expires, in Unix seconds."""


class LiveCredentialRow(TypedDict):
    """Row of a live credential; `version` is that of `Credential`."""

    id: uuid.UUID
    version: str
    role: Role
    email_verified: bool


@dataclass(frozen=True, slots=True)
class Authenticator:
    verify: Callable[[Resources, str], Awaitable[Verified]]
    """Verify the text of a credential.

    Raises:
        InvalidToken: it is malformed, expired, revoked or of a disabled user.
    """
    find_live: Callable[[PoolReader, Collection[uuid.UUID]], Awaitable[Sequence[LiveCredentialRow]]]
    """Return the row of each of the credentials that is live."""


@dataclass(frozen=True, slots=True)
class Authenticators:
    by_kind: Mapping[CredentialKind, Authenticator]

    async def find_live(
        self, reads: PoolReader, credentials: Collection[Credential]
    ) -> dict[Credential, LiveCredentialRow]:
        """Return the rows of those that are live; one statement for each kind among them."""
        live: dict[Credential, LiveCredentialRow] = {}
        for kind, authenticator in self.by_kind.items():
            ids = {each.id for each in credentials if each.kind is kind}
            rows = await authenticator.find_live(reads, ids) if ids else ()
            live |= {Credential(kind, row["id"], row["version"]): row for row in rows}
        return live
