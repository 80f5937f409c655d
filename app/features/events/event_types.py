"""Event types of the features: names, fields of the data and required scope.

A feature declares them in its extension module `events` as `extension`; its trigger writes the
rows: see docs/adr/0011.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.feature import load_features
from app.http.schemas import ResponseModel
from app.security.permissions import Scope
from app.security.principals import Principal


@dataclass(frozen=True)
class EventTypes:
    """The events about resources of one kind; `item` and `created` make `item.created`."""

    kind: str
    actions: tuple[str, ...]
    schema: type[ResponseModel]
    scope: Scope | None = None
    """Required to receive them; without one the owner and administrators receive them."""

    @property
    def names(self) -> Iterator[str]:
        return (f"{self.kind}.{action}" for action in self.actions)


@cache
def event_types() -> dict[str, EventTypes]:
    """Return the event types of the enabled features by kind."""
    return {each.kind: each for each in load_features().extensions("events", EventTypes)}


def type_names() -> list[str]:
    return [name for each in event_types().values() for name in each.names]


def kind_of(name: str) -> str:
    return name.partition(".")[0]


def scopes_to_receive(names: Iterable[str]) -> set[str]:
    """Return the scopes that a principal needs to receive events of these types."""
    found = (event_types().get(kind_of(name)) for name in names)
    return {each.scope.name for each in found if each and each.scope}


def may_receive(principal: Principal, name: str, data: dict[str, Any]) -> bool:
    """Return whether the principal may receive an event of this type.

    No principal receives events of a feature that is no longer enabled.
    """
    types = event_types().get(kind_of(name))
    if types is None:
        return False
    if types.scope:
        return types.scope.name in principal.scopes
    return principal.is_admin or data.get("owner_id") == str(principal.id)
