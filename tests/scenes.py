"""Valid requests of each operation: resources of the caller, bodies, permitted callers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import FastAPI

from app.features.users.models.user import User
from tests.state import units_of_work

Row = TypeVar("Row")


@dataclass
class Scene:
    """The set-up of one request: the owner of its resource, and its state."""

    app: FastAPI
    owner: User
    state: str = ""

    async def save(self, row: Row) -> Row:
        async with units_of_work(self.app).begin() as uow:
            uow.session.add(row)
        return row


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """The rows of one feature in the table, and what a valid request of its operations needs."""

    table: str
    """For each operation the status of the response to a valid request: without a credential, then
    for each role with an own resource and with another user's; `-` where the path names no
    resource. After the dot of a name: the state of the resource.
    """
    things: Mapping[str, Callable[[Scene], Awaitable[object]]] = field(default_factory=dict)
    """What stands for a parameter of a path."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Parameters of a path that name no row."""
    bodies: Mapping[str, Callable[[Scene], Awaitable[dict[str, Any]]]] = field(default_factory=dict)
    """What is sent, where the example of the documentation will not do."""
    streams: tuple[str, ...] = ()
    """Responses without an end."""
    before_confirmation: tuple[str, ...] = ()
    """What an account may do before its e-mail address is confirmed: read itself, sign out,
    correct its credentials and its address, delete itself. GraphQL checks each field.
    """
    session_only: tuple[str, ...] = ()
    """What no API key may do: credentials are managed by sessions."""
    representatives: tuple[str, ...] = ()
    """One or more for each way in which an endpoint authenticates its caller."""


async def name_alone(scene: Scene) -> dict[str, Any]:
    return {"json": {"name": "Renamed"}}
