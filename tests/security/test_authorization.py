"""Every cell of the table of who may call what, and every forged token."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Request, Response

from app.config.settings import Settings
from app.features.api_keys import crud as api_keys
from app.features.api_keys.schemas import ApiKeyCreate
from app.features.auth.crud import mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.auth.resources import AuthResources
from app.features.files.lifespan import FileResources
from app.features.files.storage import Download
from app.features.users.crud import sessions
from app.features.users.models.user import User
from app.http.resources import HttpResources
from app.jobs.models import TaskStatus
from app.runtime.clock import now
from app.security.principals import Role, Scope
from tests.authorization import (
    BEFORE_CONFIRMATION,
    DOCUMENT,
    EVERYBODY,
    ROLES,
    SESSION_ONLY,
    WEBSOCKET,
    Cell,
    Operation,
    cells,
    document,
    operations,
    rows,
)
from tests.conftest import As, Save, access_token
from tests.factories import (
    PASSWORD,
    item_body,
    make_category,
    make_delivery,
    make_file,
    make_item,
    make_post,
    make_published_post,
    make_task,
    make_user,
    make_webhook,
)
from tests.forged_tokens import Target, forged_tokens, sendable
from tests.problems import assert_problem
from tests.servers import serving
from tests.sockets import handshake
from tests.state import opened, units_of_work

Row = TypeVar("Row")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@dataclass
class Scene:
    """What stands behind one request: whose thing it is about, and in which state."""

    app: FastAPI
    owner: User
    state: str = ""

    async def save(self, row: Row) -> Row:
        async with units_of_work(self.app).begin() as uow:
            uow.session.add(row)
        return row


async def a_post(scene: Scene) -> uuid.UUID:
    make = make_published_post if scene.state == "published" else make_post
    return (await scene.save(make(scene.owner))).id


async def an_item(scene: Scene) -> uuid.UUID:
    deleted_at = scene.owner.created_at if scene.state == "deleted" else None
    return (await scene.save(make_item(scene.owner, deleted_at=deleted_at))).id


async def a_category(scene: Scene) -> uuid.UUID:
    return (await scene.save(make_category())).id


async def a_file(scene: Scene, **fields: Any) -> uuid.UUID:
    async def chunks() -> AsyncIterator[bytes]:
        yield PNG

    file = await scene.save(make_file(scene.owner, size=len(PNG), **fields))
    await opened(scene.app)[FileResources].storage.write(
        str(file.id), chunks(), Download("image/png", "inline")
    )
    return file.id


async def a_file_path(scene: Scene) -> str:
    await scene.save(make_file(scene.owner, path="docs/report.pdf"))
    return "docs/report.pdf"


async def a_user(scene: Scene) -> uuid.UUID:
    return scene.owner.id


async def a_session(scene: Scene) -> uuid.UUID:
    async with units_of_work(scene.app).begin() as uow:
        row = await sessions.create(
            uow, scene.owner.id, scopes=["users:read"], user_agent="", address="127.0.0.1"
        )
    return row.id


async def an_api_key(scene: Scene) -> uuid.UUID:
    data = ApiKeyCreate(name="import", scopes=[Scope.ITEMS_READ])
    async with units_of_work(scene.app).begin() as uow:
        expires_at = now() + timedelta(days=1)
        row, _ = await api_keys.create(
            uow, data, user_id=scene.owner.id, expires_at=expires_at, limit=10
        )
    return row.id


async def a_task(scene: Scene) -> uuid.UUID:
    status = TaskStatus.FAILED if scene.state == "failed" else TaskStatus.QUEUED
    return (await scene.save(make_task(scene.owner, status=status))).id


async def a_mail(scene: Scene) -> str:
    folder, name = opened(scene.app)[Settings].mail_folder, str(uuid.uuid4())
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.eml").write_text("Subject: Hello\nTo: ada@example.com\n\nGood morning.\n")
    return name


async def a_webhook(scene: Scene) -> uuid.UUID:
    return (await scene.save(make_webhook(scene.owner))).id


async def a_webhook_and_its_delivery(scene: Scene) -> str:
    webhook = await scene.save(make_webhook(scene.owner))
    delivery = await scene.save(make_delivery(webhook))
    return f"{webhook.id}/deliveries/{delivery.id}"


# What stands for a parameter of a path.
THINGS: dict[str, Callable[[Scene], Awaitable[object]]] = {
    "item_id": an_item,
    "post_id": a_post,
    "category_id": a_category,
    "file_id": a_file,
    "file_path:path": a_file_path,
    "user_id": a_user,
    "session_id": a_session,
    "task_id": a_task,
    "mail_name": a_mail,
    "webhook_id}/deliveries/{delivery_id": a_webhook_and_its_delivery,
    "webhook_id": a_webhook,
    "api_key_id": an_api_key,
}
STREAMS = {"stream_events"}
NAMES = {
    "email": "ada@example.com",
    "code": "not_found",
    "name": "site.css",
    "resource_id": "news",
    "room": "lobby",
}


async def credentials(scene: Scene) -> dict[str, Any]:
    return {"data": {"username": scene.owner.email, "password": PASSWORD}}


async def a_revocation(scene: Scene) -> dict[str, Any]:
    return {
        "data": {
            "token": opened(scene.app)[AuthResources].token_issuer.refresh.issue(
                await a_session(scene), 0
            )
        }
    }


async def a_refresh_token(scene: Scene) -> dict[str, Any]:
    token = opened(scene.app)[AuthResources].token_issuer.refresh.issue(await a_session(scene), 0)
    return {"json": {"refresh_token": token}}


async def link(scene: Scene, purpose: Purpose) -> str:
    async with units_of_work(scene.app).begin() as uow:
        return await mailed_tokens.create(uow, scene.owner, purpose)


async def verification(scene: Scene) -> dict[str, Any]:
    unconfirmed = Scene(scene.app, await scene.save(make_user(email_verified=False)))
    return {"json": {"token": await link(unconfirmed, Purpose.VERIFY_EMAIL)}}


async def verification_form(scene: Scene) -> dict[str, Any]:
    return {"data": (await verification(scene))["json"]}


async def reset(scene: Scene) -> dict[str, Any]:
    token = await link(scene, Purpose.RESET_PASSWORD)
    return {"json": {"token": token, "new_password": "a quite different passphrase"}}


async def reset_form(scene: Scene) -> dict[str, Any]:
    return {"data": (await reset(scene))["json"]}


async def password_change(scene: Scene) -> dict[str, Any]:
    passwords = {"current_password": PASSWORD, "new_password": "a quite different passphrase"}
    return {"json": passwords}


async def current_password(scene: Scene) -> dict[str, Any]:
    return {"json": {"current_password": PASSWORD}}


async def email_update(scene: Scene) -> dict[str, Any]:
    return {"json": {"email": "moved@example.com", "current_password": PASSWORD}}


async def upload(scene: Scene) -> dict[str, Any]:
    return {"files": {"file": ("dot.png", PNG, "image/png")}}


async def uploads(scene: Scene) -> dict[str, Any]:
    return {"files": [("files", ("dot.png", PNG, "image/png"))]}


async def an_item_body(scene: Scene) -> dict[str, Any]:
    return {"json": item_body()}


async def another_item_body(scene: Scene) -> dict[str, Any]:
    return {"json": item_body(name="Cherry desk")}


async def an_item_body_v2(scene: Scene) -> dict[str, Any]:
    return {"json": item_body(price={"amount": "899.00", "currency": "EUR"})}


async def name_alone(scene: Scene) -> dict[str, Any]:
    return {"json": {"name": "Renamed"}}


# What is sent, where the example of the documentation will not do.
BODIES: dict[str, Callable[[Scene], Awaitable[dict[str, Any]]]] = {
    "create_token": credentials,
    "refresh_token": a_refresh_token,
    "revoke_token": a_revocation,
    "verify_email": verification,
    "confirm_verification": verification_form,
    "reset_password": reset,
    "confirm_reset": reset_form,
    "change_password": password_change,
    "change_email": email_update,
    "delete_profile": current_password,
    "create_file": upload,
    "create_files": uploads,
    "create_item": an_item_body,
    "replace_item": another_item_body,
    "update_item": name_alone,
    "create_item_v2": an_item_body_v2,
    "update_item_v2": name_alone,
    "create_category": name_alone,
    "update_category": name_alone,
}


async def path_of(operation: Operation, scene: Scene) -> str:
    path = operation.path
    for parameter, make in THINGS.items():
        if f"{{{parameter}}}" in path:
            path = path.replace(f"{{{parameter}}}", str(await make(scene)))
    return path.format_map(NAMES)


async def body_of(operation: Operation, scene: Scene) -> dict[str, Any]:
    if operation.name in BODIES:
        return await BODIES[operation.name](scene)
    content = operation.documented.get("requestBody", {}).get("content", {})
    examples = [media["example"] for media in content.values()]
    return {"json": examples[0]} if examples else {}


async def call(operation: Operation, scene: Scene, client: AsyncClient) -> Response:
    path, body = await path_of(operation, scene), await body_of(operation, scene)
    if operation.method == WEBSOCKET:
        return await shake_hands(path, scene.app, client)
    # A stream has no end; who may open it is told by its head.
    method = "HEAD" if operation.name in STREAMS else operation.method
    return await client.request(method, path, **body)


async def shake_hands(path: str, app: FastAPI, client: AsyncClient) -> Response:
    headers = {name: client.headers[name] for name in ("authorization",) if name in client.headers}
    async with serving(app) as port:
        status, answered, problem = await handshake(port, path, headers)
    request = Request("GET", f"http://test{path}")
    content = json.dumps(problem).encode() if problem else b""
    return Response(status, headers=answered, content=content, request=request)


class TestTable:
    @pytest.mark.parametrize("cell", cells(), ids=str)
    async def test_cell(self, app: FastAPI, client: AsyncClient, save: Save, cell: Cell) -> None:
        await save(make_user(role=Role.ADMIN))  # So that nobody is the last one.
        caller = await save(make_user(role=Role(cell.role) if cell.role in ROLES else Role.USER))
        owner = caller if cell.owns or cell.role == EVERYBODY else await save(make_user())
        if cell.role in ROLES:
            client.headers["Authorization"] = f"Bearer {await access_token(app, caller)}"

        scene = Scene(app, owner, cell.state)
        response = await call(operations(app)[cell.operation], scene, client)

        assert response.status_code == cell.status, response.text
        if cell.status >= 400:
            assert response.headers["Content-Type"] == "application/problem+json"

    def test_every_route_has_a_row_and_every_row_a_route(self, shared_app: FastAPI) -> None:
        assert {name.partition(".")[0] for name, _ in rows()} == set(operations(shared_app))

    def test_what_is_for_everybody_says_so_in_the_documentation(self, shared_app: FastAPI) -> None:
        public = {name for name, columns in rows() if columns[0] == EVERYBODY}

        assert public == {each.name for each in operations(shared_app).values() if each.is_public}

    def test_documentation_is_in_step(self) -> None:
        assert DOCUMENT.read_text(encoding="utf-8") == document(), "python -m tests.authorization"


class TestScopes:
    async def test_token_without_the_scope_is_refused_everywhere(
        self, app: FastAPI, as_user: As, admin: User
    ) -> None:
        for operation in operations(app).values():
            for missing in operation.scopes:
                others = tuple(scope for scope in Scope if scope != missing)
                client = await as_user(admin, scopes=others)
                response = await call(operation, Scene(app, admin), client)

                body = assert_problem(response, 403, "insufficient_scope")
                assert missing in body["detail"]
                assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


class TestCredentials:
    """Which operations are open to an API key, and which before the address is confirmed."""

    async def test_api_key_manages_no_credentials(
        self, app: FastAPI, save: Save, client: AsyncClient
    ) -> None:
        await save(make_user(role=Role.ADMIN))
        for operation in protected(app):
            owner = await save(make_user(role=Role.ADMIN))
            client.headers["Authorization"] = f"Bearer {await key_of(app, owner)}"

            response = await call(operation, Scene(app, owner), client)

            if operation.name in SESSION_ONLY:
                assert_problem(response, 403, "session_required")
            else:
                assert "session_required" not in response.text, operation.name

    async def test_account_only_reads_and_corrects_itself_until_its_address_is_confirmed(
        self, app: FastAPI, save: Save, client: AsyncClient
    ) -> None:
        for operation in protected(app):
            owner = await save(make_user(email_verified=False))
            client.headers["Authorization"] = f"Bearer {await access_token(app, owner)}"

            response = await call(operation, Scene(app, owner), client)

            if operation.name in BEFORE_CONFIRMATION:
                assert response.status_code < 300, (operation.name, response.text)
            else:
                assert response.status_code == 403, (operation.name, response.text)
                lacks_scope = "admin" in operation.scopes
                code = "insufficient_scope" if lacks_scope else "email_not_verified"
                assert code in response.text or operation.name in STREAMS, operation.name

    def test_documentation_names_keys_only_where_they_are_accepted(
        self, shared_app: FastAPI
    ) -> None:
        documented = [each for each in protected(shared_app) if each.documented]
        refused = {
            each.name for each in documented if {"ApiKey": []} not in each.documented["security"]
        }

        assert refused == SESSION_ONLY


def protected(app: FastAPI) -> list[Operation]:
    return [each for each in operations(app).values() if not each.is_public]


async def key_of(app: FastAPI, owner: User) -> str:
    """A key with all scopes."""
    data = ApiKeyCreate(name="import", scopes=list(Scope))
    async with units_of_work(app).begin() as uow:
        expires_at = now() + timedelta(days=1)
        _, key = await api_keys.create(uow, data, user_id=owner.id, expires_at=expires_at, limit=10)
    return key


# One or more for each way in which an endpoint asks who is there.
REPRESENTATIVES = [
    "list_items",
    "create_item",
    "update_profile",
    "list_users",
    "end_session",
    "create_api_key",
    "create_file",
    "logout",
    "stream_events",
]


class TestForgedTokens:
    @pytest.mark.parametrize("name", REPRESENTATIVES)
    async def test_forged_tokens_are_refused(
        self, app: FastAPI, client: AsyncClient, admin: User, name: str
    ) -> None:
        operation, scene = operations(app)[name], Scene(app, admin)
        path, body = await path_of(operation, scene), await body_of(operation, scene)
        forged = sendable(forged_tokens(await target(app, admin))) | await mixed_up(scene)

        for what, token in forged.items():
            headers = {"Authorization": f"Bearer {token}"}
            response = await client.request(operation.method, path, headers=headers, **body)
            assert response.status_code == 401, f"{what}: {response.text}"
            assert_problem(response, 401, "invalid_token")
            assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

        assert len(forged) >= 60

    async def test_the_same_forge_makes_tokens_that_work(
        self, app: FastAPI, client: AsyncClient, admin: User
    ) -> None:
        token = (await target(app, admin)).token()

        response = await client.get("/api/v1/items", headers={"Authorization": f"Bearer {token}"})

        assert response.status_code == 200

    @pytest.mark.parametrize(
        "value", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer:x", "Token x", "\u00e9"]
    )
    async def test_no_bearer_token_at_all(self, client: AsyncClient, value: str) -> None:
        headers = {b"Authorization": value.encode("latin-1")}

        response = await client.get("/api/v1/items", headers=headers)

        assert_problem(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"


async def target(app: FastAPI, user: User) -> Target:
    settings = opened(app)[Settings]
    scene = Scene(app, user)
    return Target(
        secret=settings.signing_secret,
        kid=opened(app)[AuthResources].token_signer.kid,
        issuer=settings.public_url,
        audience=settings.project_name,
        subject=str(user.id),
        session_id=str(await a_session(scene)),
        scope=" ".join(Scope),
    )


async def mixed_up(scene: Scene) -> dict[str, str]:
    """What the service itself gives away, for other purposes."""
    session_id = await a_session(scene)
    other = await scene.save(make_user())
    return {
        "a refresh token": opened(scene.app)[AuthResources].token_issuer.refresh.issue(
            session_id, 0
        ),
        "a mailed token": await link(scene, Purpose.VERIFY_EMAIL),
        "a cursor": opened(scene.app)[HttpResources].cursor_signer.sign([["name"], ["x"]]),
        "the session of another user": opened(scene.app)[AuthResources].token_signer.issue(
            subject=other.id, session_id=session_id, scopes=set(Scope)
        ),
        "a session that nobody opened": opened(scene.app)[AuthResources].token_signer.issue(
            subject=scene.owner.id, session_id=uuid.uuid4(), scopes=set(Scope)
        ),
    }
