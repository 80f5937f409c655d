"""Context of resolvers: the caller, the database, loaders and the resources of the process."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import strawberry
from strawberry.dataloader import DataLoader

from app.db.executor import R, Reader
from app.db.unit_of_work import UnitOfWork
from app.resources import Resources
from app.security.permissions import Scope
from app.security.principals import Principal

# A function of crud that fetches rows by their ids, in one statement.
Load = Callable[[Reader, list[uuid.UUID]], Awaitable[Mapping[uuid.UUID, R]]]
RowLoader = DataLoader[uuid.UUID, R | None]


@dataclass(frozen=True)
class CallerContext:
    """Base context of requests and subscriptions."""

    principal: Principal
    reads: Reader
    resources: Resources
    _loaders: dict[Load[Any], RowLoader[Any]] = field(default_factory=dict, init=False)

    caches_rows: ClassVar[bool]

    def require(self, scope: Scope) -> None:
        """Check that the caller has the scope.

        Raises:
            EmailNotVerified: the e-mail address has to be confirmed first.
            InsufficientScope: the credential or the role lacks it.
        """
        self.principal.require(scope.name)

    def loader(self, load: Load[R]) -> RowLoader[R]:
        """Return the loader that fetches the rows of one level of a query in one statement."""
        if load not in self._loaders:
            self._loaders[load] = create_loader(self.reads, load, cache=self.caches_rows)
        return self._loaders[load]


@dataclass(frozen=True)
class Context(CallerContext):
    """One request."""

    caches_rows = True


@dataclass(frozen=True)
class MutationContext(Context):
    """One request that may change rows, in one transaction."""

    uow: UnitOfWork


@dataclass(frozen=True)
class SubscriptionContext(CallerContext):
    """The subscriptions of one WebSocket; rows change while it is open."""

    caches_rows = False


Info = strawberry.Info[Context, None]
MutationInfo = strawberry.Info[MutationContext, None]
SubscriptionInfo = strawberry.Info[SubscriptionContext, None]


def create_loader(reads: Reader, load: Load[R], *, cache: bool) -> RowLoader[R]:
    async def load_in_order(ids: list[uuid.UUID]) -> Sequence[R | None]:
        found = await load(reads, ids)
        return [found.get(each) for each in ids]

    return DataLoader(load_fn=load_in_order, cache=cache)
