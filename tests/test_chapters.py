"""Every chapter of the guide that this service is based on has a working example."""

import inspect
import uuid

from fastapi.testclient import TestClient
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.features.categories.schemas import CategoryNode
from app.features.users.models.user import User
from app.features.users.schemas import UserBase, UserCreate, UserRegister
from app.http.pagination import Pagination
from app.main import create_app
from app.security.authentication import authentication
from app.security.principals import Principal, Role
from tests.conftest import As, Save
from tests.factories import item_body, make_item
from tests.scopes import PERMISSIONS

ITEMS = "/api/v1/items"


class TestChapter2Requests:
    async def test_path_query_body_and_form(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        address = {"street": "1 Way", "city": "Rome", "country": "IT", "postal_code": "00100"}

        nested = await client.patch("/api/v1/users/me", json={"address": address})

        assert nested.json()["address"] == address


class TestChapter3Responses:
    async def test_union_shows_administrators_more(
        self, as_user: As, user: User, admin: User
    ) -> None:
        path = f"/api/v1/users/{user.id}"

        own = (await (await as_user(user)).get(path)).json()
        administered = (await (await as_user(admin)).get(path)).json()

        assert administered.keys() - own.keys() == {"last_login_at", "session_count"}

    async def test_text(self, client: AsyncClient) -> None:
        text = await client.get("/.well-known/security.txt")

        assert text.headers["content-type"].startswith("text/plain")


class TestChapter4Dependencies:
    async def test_cookie_remembers_the_last_query(
        self, as_user: As, save: Save, user: User
    ) -> None:
        await save(make_item(user, name="Walnut desk"))
        await save(make_item(user, name="Brass lamp"))
        client = await as_user(user)

        first = await client.get(ITEMS, params={"q": "walnut", "remember": True})
        again = await client.get(ITEMS, params={"remember": True})

        assert [item["name"] for item in again.json()["items"]] == ["Walnut desk"]
        assert "HttpOnly" in first.headers["Set-Cookie"]
        assert "Secure" not in first.headers["Set-Cookie"]

    async def test_cookie_is_secure_over_https(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        client.base_url = "https://test"

        response = await client.get(ITEMS, params={"q": "walnut", "remember": True})

        assert "Secure" in response.headers["Set-Cookie"]

    async def test_class_carries_the_page(self) -> None:
        assert inspect.isclass(Pagination)


class TestChapter5Models:
    def test_schemas_inherit_and_recur(self) -> None:
        assert issubclass(UserCreate, UserRegister)
        assert issubclass(UserRegister, UserBase)
        leaf = {"id": uuid.uuid4(), "name": "leaf", "children": []}
        tree = CategoryNode.model_validate({"id": uuid.uuid4(), "name": "root", "children": [leaf]})
        assert isinstance(tree.children[0], CategoryNode)


class TestChapter9Lifespan:
    def test_lifespan_owns_the_resources_of_the_application(self, settings: Settings) -> None:
        app = create_app(settings)

        with TestClient(app) as client:
            response = client.get("/readiness")

        assert response.status_code == 200
        assert float(response.headers["x-process-time"]) > 0


class TestChapter10Tests:
    def test_dependency_is_overridden(self, settings: Settings) -> None:
        overridden = create_app(settings)
        guest = Principal(uuid.uuid4(), Role.GUEST, PERMISSIONS.granted(Role.GUEST, frozenset()))
        overridden.dependency_overrides[authentication] = lambda: guest

        with TestClient(overridden) as client:
            response = client.get(ITEMS)

        assert response.status_code == 200

    async def test_client_is_asynchronous(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).post(ITEMS, json=item_body())

        assert response.status_code == 201
