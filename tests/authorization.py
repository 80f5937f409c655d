"""The authorization table: the permitted callers of each operation, for tests and documentation.

The kernel's rows stand here, those of a feature in `tests/features/<name>/authorization.py`. A
route without a row fails the suite. `python -m tests.authorization` writes docs/authorization.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute, RouteContext, iter_route_contexts

from app.config.settings import default_settings
from app.main import create_app
from tests.fragments import fragments
from tests.scenes import Authorization

DOCUMENT = Path(__file__).parents[1] / "docs" / "authorization.md"
ROLES = ("guest", "user", "admin")
ANONYMOUS = "anonymous"
WEBSOCKET = "WEBSOCKET"

AUTHORIZATIONS: dict[str, Authorization] = {
    name: module.authorization for name, module in fragments("authorization")
}
BEFORE_CONFIRMATION = {
    name for each in AUTHORIZATIONS.values() for name in each.before_confirmation
}
SESSION_ONLY = {name for each in AUTHORIZATIONS.values() for name in each.session_only}

INTRODUCTION = """\
# Permissions of each operation

Generated from `tests/authorization.py` and `tests/features/*/authorization.py` by
`python -m tests.authorization`. Each cell is a test: a valid request of that caller, and the status
of the response. A route without a row fails the suite.

Where a cell has two numbers, the first is for an own resource and the second for another user's.
A resource that the caller may not see is not found (404); one that the caller may see but not
change is forbidden (403). An API key gets the same responses as its user, except where `API key`
is `no`: 403 `session_required`. Until the e-mail address of an account is confirmed, everything
gets 403 `email_not_verified` except where `unconfirmed` is `yes`. The scope is what the token or
the API key needs, in addition to the role; `scopes.py` of each feature says which roles have it.
"""
HEADINGS = (
    "| operation | request | scope | anonymous | guest | user | admin | API key | unconfirmed |"
)


@dataclass(frozen=True)
class Cell:
    """One caller and one operation; `status` is the expected status of the response."""

    operation: str
    state: str
    role: str
    owns: bool
    status: int

    def __str__(self) -> str:
        return (
            f"{self.operation}-{self.state or 'any'}-{self.role}-{'own' if self.owns else 'other'}"
        )


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    scopes: tuple[str, ...]
    is_public: bool
    documented: dict[str, Any]


def cells() -> list[Cell]:
    """Return every cell of the table; an anonymous client requests the resource of another user."""
    return [cell for name, columns in rows() for cell in cells_of(name, columns)]


def rows() -> Iterator[tuple[str, list[str]]]:
    for each in AUTHORIZATIONS.values():
        yield from rows_of(each)


def rows_of(authorization: Authorization) -> Iterator[tuple[str, list[str]]]:
    for line in authorization.table.split("\n"):
        if line:
            name, *columns = line.split()
            yield name, columns


def cells_of(name: str, columns: list[str]) -> Iterator[Cell]:
    operation, _, state = name.partition(".")
    if columns[0] == ANONYMOUS:
        yield Cell(operation, state, ANONYMOUS, owns=False, status=int(columns[1]))
        return
    yield Cell(operation, state, "anonymous", owns=False, status=int(columns[0]))
    for place, status in enumerate(columns[1:]):
        if status != "-":
            role, owns = ROLES[place // 2], place % 2 == 0
            yield Cell(operation, state, role, owns=owns, status=int(status))


def methods() -> dict[str, str]:
    """Return the method of each route by its name; unlike `operations`, without a document."""
    contexts = iter_route_contexts(create_app(default_settings()).routes)
    return {str(each.name): method_of(each) for each in contexts if each.name is not None}


def method_of(route: RouteContext) -> str:
    if isinstance(route.original_route, APIWebSocketRoute):
        return WEBSOCKET
    return str(min(getattr(route, "methods", None) or ["GET"]))


@lru_cache(maxsize=1)  # 14 ms, for each of 500 cells.
def operations(app: FastAPI) -> dict[str, Operation]:
    """Every mounted route by its name, documented or not."""
    documented = {
        operation["operationId"]: operation
        for methods in app.openapi()["paths"].values()
        for operation in methods.values()
    }
    found = {}
    for route in iter_route_contexts(app.routes):
        if route.name is None:
            continue  # The table that finds the others.
        name, path = str(route.name), str(route.path)
        if isinstance(route.original_route, APIWebSocketRoute):
            scopes = scopes_of(route.original_route)
            found[name] = Operation(name, method_of(route), path, scopes, False, {})
            continue
        operation = documented.get(name, {})
        security = operation.get("security", [])
        scopes = tuple(scope for option in security for scope in option.get("OAuth2", ()))
        found[name] = Operation(name, method_of(route), path, scopes, not security, operation)
    return found


def protected(app: FastAPI) -> list[Operation]:
    return [each for each in operations(app).values() if not each.is_public]


def scopes_of(route: APIWebSocketRoute) -> tuple[str, ...]:
    """What the handshake needs; OpenAPI knows no WebSockets."""
    asked = (each.own_oauth_scopes or [] for each in route.dependant.dependencies)
    return tuple(str(scope) for scopes in asked for scope in scopes)


def document() -> str:
    """docs/authorization.md."""
    known = operations(create_app(default_settings()))
    lines = [INTRODUCTION.rstrip()]
    for section, each in AUTHORIZATIONS.items():
        lines += ["", f"## {section}", "", HEADINGS, "|---" * 9 + "|"]
        for name, columns in rows_of(each):
            lines.append(table_row(name, columns, known[name.partition(".")[0]]))
    return "\n".join(lines) + "\n"


def table_row(name: str, columns: list[str], operation: Operation) -> str:
    label = f"`{operation.name}`" + (f" ({name.partition('.')[2]})" if "." in name else "")
    request = f"{operation.method} `{operation.path}`"
    if columns[0] == ANONYMOUS:
        statuses = [*columns[1:] * 4, "yes", "yes"]
    else:
        pairs = zip(columns[1::2], columns[2::2], strict=True)
        statuses = [columns[0], *(own_and_other(*pair) for pair in pairs)]
        statuses += [
            yes_or_no(operation.name not in SESSION_ONLY),
            yes_or_no(operation.name in BEFORE_CONFIRMATION),
        ]
    return f"| {' | '.join([label, request, ' '.join(operation.scopes), *statuses])} |"


def yes_or_no(response: bool) -> str:
    return "yes" if response else "no"


def own_and_other(own: str, other: str) -> str:
    return own if other in {own, "-"} else f"{own} / {other}"


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(), encoding="utf-8")
