"""What resolvers may ask for: who is asking, the database, and loaders that ask once."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from strawberry.dataloader import DataLoader
from strawberry.types import Info

from app.core.cursors import CursorSigner
from app.core.errors import InsufficientScope
from app.core.identity import Principal, Scope
from app.core.passwords import PasswordHasher
from app.crud import categories, users
from app.db.reads import Reader, Row
from app.db.session import AsyncSession

Load = Callable[[Reader, list[uuid.UUID]], Awaitable[dict[uuid.UUID, Row]]]


@dataclass(frozen=True, slots=True)
class Loaders:
    """Everything of one level of a query is fetched in one statement."""

    people: DataLoader[uuid.UUID, Row | None]
    categories: DataLoader[uuid.UUID, Row | None]


@dataclass(frozen=True, slots=True)
class Context:
    principal: Principal
    session: AsyncSession
    reads: Reader
    signer: CursorSigner
    passwords: PasswordHasher
    loaders: Loaders

    def require(self, scope: Scope) -> None:
        """Let through who has the scope.

        Raises:
            InsufficientScope: the credential or the role lacks it.
        """
        if scope not in self.principal.scopes:
            raise InsufficientScope(f"This needs the scope {scope}.")


Asked = Info[Context, None]


def create_loaders(reads: Reader) -> Loaders:
    return Loaders(loader(reads, users.find_people), loader(reads, categories.find_many))


def loader(reads: Reader, load: Load) -> DataLoader[uuid.UUID, Row | None]:
    async def load_in_order(ids: list[uuid.UUID]) -> Sequence[Row | None]:
        found = await load(reads, ids)
        return [found.get(each) for each in ids]

    return DataLoader(load_fn=load_in_order)
