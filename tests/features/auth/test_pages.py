"""The pages that the links in mails lead to."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.auth.crud import email_changes, mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.users.models.user import User
from tests.conftest import Database
from tests.state import units_of_work

NEW_PASSWORD = "another sound passphrase"


async def mailed(app: FastAPI, user: User, purpose: Purpose) -> str:
    async with units_of_work(app).begin() as uow:
        return await mailed_tokens.create(uow, user, purpose)


class TestVerifyEmailPage:
    async def test_shows_a_form_that_only_this_service_receives(self, client: AsyncClient) -> None:
        response = await client.get("/verify-email", params={"token": 'x"><script>'})

        assert response.status_code == 200
        assert "x&quot;&gt;&lt;script&gt;" in response.text
        assert "form-action 'self'" in response.headers["content-security-policy"]

    async def test_confirms_once(self, app: FastAPI, client: AsyncClient, user: User) -> None:
        token = await mailed(app, user, Purpose.VERIFY_EMAIL)

        pages = [await client.post("/verify-email", data={"token": token}) for _ in range(2)]

        assert "All is well" in pages[0].text
        assert "That did not work" in pages[1].text

    async def test_confirms_a_change_of_address(
        self, app: FastAPI, client: AsyncClient, user: User, database: Database
    ) -> None:
        async with units_of_work(app).begin() as uow:
            change = await email_changes.create(uow, user, "moved@example.com")
            issued = await email_changes.issue_token(uow, change.id)
        assert issued

        page = await client.post("/verify-email", data={"token": issued[1]})

        assert "All is well" in page.text
        assert await database("SELECT email FROM users") == [{"email": "moved@example.com"}]


class TestResetPasswordPage:
    async def test_hides_what_is_typed_and_lets_password_managers_help(
        self, client: AsyncClient
    ) -> None:
        page = (await client.get("/reset-password")).text

        (field,) = [part for part in page.split("<") if 'name="new_password"' in part]
        assert {'type="password"', 'autocomplete="new-password"'} <= set(field.split())

    async def test_sets_the_password(self, app: FastAPI, client: AsyncClient, user: User) -> None:
        token = await mailed(app, user, Purpose.RESET_PASSWORD)

        page = await client.post(
            "/reset-password", data={"token": token, "new_password": NEW_PASSWORD}
        )

        assert "All is well" in page.text
        form = {"username": user.username, "password": NEW_PASSWORD}
        assert (await client.post("/api/v1/auth/token", data=form)).status_code == 200

    @pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa"])
    async def test_weak_password_leaves_the_link_good(
        self, app: FastAPI, client: AsyncClient, user: User, password: str
    ) -> None:
        token = await mailed(app, user, Purpose.RESET_PASSWORD)

        refused = await client.post(
            "/reset-password", data={"token": token, "new_password": password}
        )

        assert "That did not work" in refused.text
        again = {"token": token, "new_password": NEW_PASSWORD}
        assert "All is well" in (await client.post("/reset-password", data=again)).text
