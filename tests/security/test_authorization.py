"""Every cell of the authorization table, and forged tokens."""

import uuid

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.features.auth.models.mailed_token import Purpose
from app.features.auth.resources import AuthResources
from app.features.users.models.user import User
from app.http.resources import HttpResources
from app.security.principals import Role
from tests.authorization import (
    ANONYMOUS,
    AUTHORIZATIONS,
    BEFORE_CONFIRMATION,
    DOCUMENT,
    ROLES,
    Cell,
    cells,
    document,
    operations,
    protected,
    rows,
)
from tests.conftest import As, Save, access_token
from tests.factories import make_user
from tests.features.auth.authorization import a_session, link
from tests.forged_tokens import Target, forged_tokens, sendable
from tests.problems import assert_problem
from tests.scenes import Scene
from tests.scopes import SCOPES
from tests.state import resources_of
from tests.valid_requests import STREAMS, body_of, call, path_of

# One or more for each way in which an endpoint authenticates its caller.
REPRESENTATIVES = [name for each in AUTHORIZATIONS.values() for name in each.representatives]


class TestTable:
    @pytest.mark.parametrize("cell", cells(), ids=str)
    async def test_cell(self, app: FastAPI, client: AsyncClient, save: Save, cell: Cell) -> None:
        await save(make_user(role=Role.ADMIN))  # So that no caller is the last one.
        caller = await save(make_user(role=Role(cell.role) if cell.role in ROLES else Role.USER))
        owner = caller if cell.owns or cell.role == ANONYMOUS else await save(make_user())
        if cell.role in ROLES:
            client.headers["Authorization"] = f"Bearer {await access_token(app, caller)}"

        scene = Scene(app, owner, cell.state)
        response = await call(operations(app)[cell.operation], scene, client)

        assert response.status_code == cell.status, response.text
        if cell.status >= 400:
            assert response.headers["Content-Type"] == "application/problem+json"

    def test_every_route_has_a_row_and_every_row_a_route(self, shared_app: FastAPI) -> None:
        assert {name.partition(".")[0] for name, _ in rows()} == set(operations(shared_app))

    def test_public_operations_are_documented_as_public(self, shared_app: FastAPI) -> None:
        public = {name for name, columns in rows() if columns[0] == ANONYMOUS}

        assert public == {each.name for each in operations(shared_app).values() if each.is_public}

    def test_documentation_is_up_to_date(self) -> None:
        assert DOCUMENT.read_text(encoding="utf-8") == document(), "python -m tests.authorization"


class TestScopes:
    async def test_token_without_the_scope_is_rejected_everywhere(
        self, app: FastAPI, as_user: As, admin: User
    ) -> None:
        for operation in operations(app).values():
            for missing in operation.scopes:
                others = tuple(scope for scope in SCOPES if scope != missing)
                client = await as_user(admin, scopes=others)
                response = await call(operation, Scene(app, admin), client)

                body = assert_problem(response, 403, "insufficient_scope")
                assert missing in body["detail"]
                assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


class TestConfirmation:
    """Operations of accounts whose address is not confirmed."""

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


class TestForgedTokens:
    @pytest.mark.parametrize("name", REPRESENTATIVES)
    async def test_forged_tokens_are_rejected(
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

    async def test_forgery_helper_also_makes_valid_tokens(
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
    settings = resources_of(app)[Settings]
    scene = Scene(app, user)
    return Target(
        secret=settings.signing_secret,
        kid=resources_of(app)[AuthResources].token_signer.kid,
        issuer=settings.public_url,
        audience=settings.project_name,
        subject=str(user.id),
        session_id=str(await a_session(scene)),
        scope=" ".join(SCOPES),
    )


async def mixed_up(scene: Scene) -> dict[str, str]:
    """Tokens that the service issues for other purposes."""
    session_id = await a_session(scene)
    other = await scene.save(make_user())
    return {
        "a refresh token": resources_of(scene.app)[AuthResources].token_issuer.refresh.issue(
            session_id, 0
        ),
        "a mailed token": await link(scene, Purpose.VERIFY_EMAIL),
        "a cursor": resources_of(scene.app)[HttpResources].cursor_signer.sign(
            ["items", ["name"], ["x"]]
        ),
        "the session of another user": resources_of(scene.app)[AuthResources].token_signer.issue(
            subject=other.id, session_id=session_id, scopes=set(SCOPES)
        ),
        "an unknown session": resources_of(scene.app)[AuthResources].token_signer.issue(
            subject=scene.owner.id, session_id=uuid.uuid4(), scopes=set(SCOPES)
        ),
    }
