"""The authorization table: the permitted callers of each operation, for tests and documentation.

A route without a row fails the suite. `python -m tests.authorization` writes
docs/authorization.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute, iter_route_contexts

from app.config.settings import default_settings
from app.main import create_app

DOCUMENT = Path(__file__).parents[1] / "docs" / "authorization.md"
ROLES = ("guest", "user", "admin")
ANONYMOUS = "anonymous"
WEBSOCKET = "WEBSOCKET"

# The status of the response to a valid request: without a credential, then for each role with an
# own resource and with another user's; `-` where the path names no resource. After the dot of a
# name: the state of the resource.
TABLE = """
# Signing up, in and out
create_token              anonymous  200
refresh_token             anonymous  200
revoke_token              anonymous  200
register_user             anonymous  201
verify_email              anonymous  204
forget_password           anonymous  202
reset_password            anonymous  204
request_verification      401        202 -     202 -     202 -
logout                    401        204 -     204 -     204 -
logout_everywhere         401        204 -     204 -     204 -
create_ws_ticket          401        200 -     200 -     200 -
list_sessions             401        200 -     200 -     200 -
end_session               401        204 404   204 404   204 404
list_api_keys             401        200 -     200 -     200 -
create_api_key            401        201 -     201 -     201 -
revoke_api_key            401        204 404   204 404   204 404
rotate_api_key            401        200 404   200 404   200 404

# Users
read_profile              401        200 -     200 -     200 -
update_profile            401        403 -     200 -     200 -
delete_profile            401        403 -     204 -     204 -
change_password           401        403 -     204 -     204 -
change_email              401        403 -     202 -     202 -
list_own_items            401        200 -     200 -     200 -
list_own_posts            401        200 -     200 -     200 -
list_users                401        403 -     403 -     200 -
create_user               401        403 -     403 -     201 -
read_user                 401        200 403   200 403   200 200
update_user               401        403 403   403 403   403 200
delete_user               401        403 403   403 403   403 204

# Items
list_items                401        200 -     200 -     200 -
export_items              401        200 -     200 -     200 -
create_item               401        403 -     201 -     201 -
create_items              401        403 -     200 -     200 -
read_item                 401        200 200   200 200   200 200
replace_item              401        403 403   200 403   200 200
update_item               401        403 403   200 403   200 200
delete_item               401        403 403   204 403   204 204
process_item              401        403 403   202 403   202 202
restore_item.deleted      401        403 403   200 403   200 200
list_items_v2             401        200 -     200 -     200 -
create_item_v2            401        403 -     201 -     201 -
read_item_v2              401        200 200   200 200   200 200
update_item_v2            401        403 403   200 403   200 200
delete_item_v2            401        403 403   204 403   204 204
list_quotes               401        200 200   200 200   200 200

# Categories
list_categories           401        200 -     200 -     200 -
read_category_tree        401        200 -     200 -     200 -
read_category             401        200 -     200 -     200 -
create_category           401        403 -     403 -     201 -
update_category           401        403 -     403 -     200 -
delete_category           401        403 -     403 -     204 -

# Posts
list_posts                401        200 -     200 -     200 -
create_post               401        403 -     201 -     201 -
read_post.draft           401        200 404   200 404   200 200
read_post.published       401        200 200   200 200   200 200
replace_post.draft        401        403 403   200 404   200 200
replace_post.published    401        403 403   200 403   200 200
update_post.draft         401        403 403   200 404   200 200
update_post.published     401        403 403   200 403   200 200
delete_post.draft         401        403 403   204 404   204 204
delete_post.published     401        403 403   204 403   204 204
publish_post.draft        401        403 403   200 404   200 200
unpublish_post.published  401        403 403   204 403   204 204

# Files
list_files                401        200 -     200 -     200 -
create_file               401        403 -     201 -     201 -
create_files              401        403 -     201 -     201 -
read_file                 401        200 200   200 200   200 200
read_file_content         401        200 200   200 200   200 200
read_file_by_path         401        200 404   200 404   200 404
delete_file               401        403 403   204 403   204 204

# Events and the record of changes
stream_events             401        200 -     200 -     200 -
list_audit_entries        401        403 -     403 -     200 -
# Background work
list_tasks                401        200 -     200 -     200 -
read_task                 401        200 404   200 404   200 200
cancel_task               401        204 404   204 404   204 204
read_dashboard            401        403 -     200 -     200 -
retry_task.failed         401        202 404   202 404   202 202
list_notifications        401        200 -     200 -     200 -
send_notification         401        403 -     403 -     202 -

# GraphQL; each field asks for its own scope
execute_graphql           401        200 -     200 -     200 -
follow_graphql            401        101 -     101 -     101 -
show_graphql              anonymous  200

# Rooms; 101 is an open WebSocket
join_room                 401        101 -     101 -     101 -
# Other services
read_external_resource    401        200 -     200 -     200 -
read_aggregate            401        200 -     200 -     200 -

# Webhooks
list_webhooks             401        403 -     200 -     200 -
create_webhook            401        403 -     201 -     201 -
read_webhook              401        403 403   200 404   200 200
update_webhook            401        403 403   200 404   200 200
delete_webhook            401        403 403   204 404   204 204
test_webhook              401        403 403   202 404   202 202
rotate_webhook_secret     401        403 403   200 404   200 200
list_webhook_deliveries   401        403 403   200 404   200 200
redeliver_webhook_delivery 401       403 403   202 404   202 202

# The service itself
read_liveness             anonymous  200
read_readiness            anonymous  200
read_health               anonymous  200
read_version              anonymous  200
read_metrics              anonymous  200
read_jwks                 anonymous  200
read_oauth_metadata       anonymous  200
read_security_txt         anonymous  200
read_openapi              anonymous  200
show_landing_page         anonymous  200
show_problem_types        anonymous  200
show_problem_type         anonymous  200
show_swagger_ui           anonymous  200
show_oauth2_redirect      anonymous  200
show_redoc                anonymous  200
read_static_file          anonymous  200
redirect_to_docs          anonymous  307
show_chat                 anonymous  200
show_verification         anonymous  200
confirm_verification      anonymous  200
show_reset                anonymous  200
confirm_reset             anonymous  200
show_dashboard            anonymous  200
list_mails                anonymous  200
read_mail                 anonymous  200
show_mail_page            anonymous  200
"""

# What an account may do before its e-mail address is confirmed: read itself, sign out, correct
# its credentials and its address, delete itself. GraphQL checks each field.
BEFORE_CONFIRMATION = {
    "change_email",
    "change_password",
    "delete_profile",
    "execute_graphql",
    "logout",
    "logout_everywhere",
    "read_profile",
    "read_user",
    "request_verification",
}
# What no API key may do: credentials are managed by sessions.
SESSION_ONLY = {
    "change_email",
    "change_password",
    "create_api_key",
    "delete_profile",
    "end_session",
    "list_api_keys",
    "list_sessions",
    "logout",
    "logout_everywhere",
    "request_verification",
    "revoke_api_key",
    "rotate_api_key",
}

INTRODUCTION = """\
# Permissions of each operation

Generated from the table in `tests/authorization.py` by `python -m tests.authorization`. Each cell
is a test: a valid request of that caller, and the status of the response. A route without a row
fails the suite.

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
    """Every cell of the table; who owns nothing, as the anonymous, meets the thing of another."""
    return [cell for name, columns in rows() for cell in cells_of(name, columns)]


def rows() -> Iterator[tuple[str, list[str]]]:
    for line in TABLE.splitlines():
        if line and not line.startswith("#"):
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
            found[name] = Operation(name, WEBSOCKET, path, scopes, False, {})
            continue
        operation = documented.get(name, {})
        security = operation.get("security", [])
        scopes = tuple(scope for option in security for scope in option.get("OAuth2", ()))
        method = min(getattr(route, "methods", None) or ["GET"])
        found[name] = Operation(name, method, path, scopes, not security, operation)
    return found


def scopes_of(route: APIWebSocketRoute) -> tuple[str, ...]:
    """What the handshake needs; OpenAPI knows no WebSockets."""
    asked = (each.own_oauth_scopes or [] for each in route.dependant.dependencies)
    return tuple(str(scope) for scopes in asked for scope in scopes)


def document() -> str:
    """docs/authorization.md."""
    known = operations(create_app(default_settings()))
    lines = [INTRODUCTION.rstrip()]
    for line in TABLE.splitlines():
        if line.startswith("#"):
            lines += ["", f"#{line}", "", HEADINGS, "|---" * 9 + "|"]
        elif line:
            name, *columns = line.split()
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


def yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"


def own_and_other(own: str, other: str) -> str:
    return own if other in {own, "-"} else f"{own} / {other}"


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(), encoding="utf-8")
