"""What resolvers may ask for: who is asking, the database, and loaders that ask once."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from strawberry.dataloader import DataLoader
from strawberry.types import Info

from app.db.executor import Reader, Row
from app.db.session import AsyncSession
from app.features.categories import crud as categories
from app.features.events.feed import EventFeed
from app.features.users.crud import users
from app.features.users.passwords import PasswordHasher
from app.http.cursors import CursorSigner
from app.security.principals import Principal, Scope

Load = Callable[[Reader, list[uuid.UUID]], Awaitable[dict[uuid.UUID, Row]]]


@dataclass(frozen=True, slots=True)
class Loaders:
    """Everything of one level of a query is fetched in one statement."""

    people: DataLoader[uuid.UUID, Row | None]
    categories: DataLoader[uuid.UUID, Row | None]


@dataclass(frozen=True)
class Caller:
    """What every resolver may ask for."""

    principal: Principal
    reads: Reader
    loaders: Loaders

    def require(self, scope: Scope) -> None:
        """Check that the caller has the scope.

        Raises:
            EmailNotVerified: the e-mail address has to be confirmed first.
            InsufficientScope: the credential or the role lacks it.
        """
        self.principal.require(scope)


@dataclass(frozen=True)
class Context(Caller):
    """One request, in one transaction."""

    session: AsyncSession
    signer: CursorSigner
    passwords: PasswordHasher


@dataclass(frozen=True)
class Following(Caller):
    """One subscription, for as long as its socket is open."""

    feed: EventFeed


Asked = Info[Context, None]
Followed = Info[Following, None]


def create_loaders(reads: Reader, *, cache: bool = True) -> Loaders:
    """`cache`: a row is not fetched twice, however much later."""
    return Loaders(
        loader(reads, users.find_public, cache=cache),
        loader(reads, categories.find_many, cache=cache),
    )


def loader(reads: Reader, load: Load, *, cache: bool) -> DataLoader[uuid.UUID, Row | None]:
    async def load_in_order(ids: list[uuid.UUID]) -> Sequence[Row | None]:
        found = await load(reads, ids)
        return [found.get(each) for each in ids]

    return DataLoader(load_fn=load_in_order, cache=cache)
