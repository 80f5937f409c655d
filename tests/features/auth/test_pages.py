"""The pages that the links in mails lead to."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.features.auth.crud import email_changes, mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.worker import Worker
from app.features.users.models.user import User
from tests.conftest import Database, Running, Save, new_client
from tests.factories import make_user
from tests.features.conftest import address, links
from tests.problems import broken
from tests.state import resources_of, units_of_work

NEW_PASSWORD = "another sound passphrase"


async def mailed(app: FastAPI, user: User, purpose: Purpose) -> str:
    async with units_of_work(app).begin() as uow:
        return await mailed_tokens.create(uow, user, purpose)


class TestVerifyEmailPage:
    async def test_form_submits_only_to_this_service(
        self, app: FastAPI, client: AsyncClient, user: User
    ) -> None:
        token = await mailed(app, user, Purpose.VERIFY_EMAIL)

        response = await client.get("/verify-email", params={"token": token})

        assert response.status_code == 200
        assert "Confirm the address" in response.text
        assert "form-action 'self'" in response.headers["content-security-policy"]

    @pytest.mark.parametrize("path", ["/verify-email", "/reset-password"])
    async def test_invalid_link_offers_a_new_mail(self, client: AsyncClient, path: str) -> None:
        invalid = await client.get(path, params={"token": 'x"><script>'})
        without = await client.get(path)

        assert (invalid.status_code, without.status_code) == (400, 200)
        assert "Invalid link" in invalid.text
        for page in (invalid, without):
            assert f'action="{path}/request"' in page.text
            assert "<script>" not in page.text

    @pytest.mark.parametrize("path", ["/verify-email", "/reset-password"])
    async def test_page_without_a_link_uses_up_no_attempt(
        self, running: Running, user: User, path: str
    ) -> None:
        async with running(attempts_per_address=1) as app, new_client(app) as client:
            without = [await client.get(path) for _ in range(3)]
            token = await mailed(app, user, Purpose.VERIFY_EMAIL)
            wrong = [await client.get("/verify-email", params={"token": "x"}) for _ in range(2)]
            right = await client.get("/verify-email", params={"token": token})

        assert {page.status_code for page in without} == {200}
        assert [page.status_code for page in wrong] == [400, 429]
        assert right.status_code == 200

    async def test_confirms_once(self, app: FastAPI, client: AsyncClient, user: User) -> None:
        token = await mailed(app, user, Purpose.VERIFY_EMAIL)

        pages = [await client.post("/verify-email", data={"token": token}) for _ in range(2)]

        assert [page.status_code for page in pages] == [200, 400]
        assert "All is well" in pages[0].text
        assert "Send a new link" in pages[1].text

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


class TestNewLink:
    @pytest.mark.parametrize("path", ["/verify-email/request", "/reset-password/request"])
    async def test_response_is_the_same_for_all_addresses(
        self, client: AsyncClient, user: User, path: str
    ) -> None:
        pages = [
            await client.post(path, data={"email": email})
            for email in (user.email, "unknown@example.com")
        ]

        assert [page.status_code for page in pages] == [202, 202]
        texts = {page.text for page in pages}
        assert len(texts) == 1

    @pytest.mark.parametrize("path", ["/verify-email/request", "/reset-password/request"])
    async def test_repeated_field_is_rejected(self, client: AsyncClient, path: str) -> None:
        response = await client.post(path, data={"email": ["ada@example.com", "eve@example.com"]})

        assert broken(response) == {"/body/email": "repeated_field"}

    async def test_malformed_address_is_shown_with_the_form(self, client: AsyncClient) -> None:
        page = await client.post("/verify-email/request", data={"email": "nonsense"})

        assert page.status_code == 422
        assert 'role="alert"' in page.text
        assert "Send a new link" in page.text

    @pytest.mark.parametrize(("is_verified", "mails"), [(False, 1), (True, 0)])
    async def test_is_mailed_to_unconfirmed_accounts(
        self,
        app: FastAPI,
        client: AsyncClient,
        settings: Settings,
        save: Save,
        is_verified: bool,
        mails: int,
    ) -> None:
        user = await save(make_user(email=address(), email_verified=is_verified))

        await client.post("/verify-email/request", data={"email": user.email})
        await resources_of(app)[Worker].drain()

        assert len(links(settings, user.email, "verify-email")) == mails


class TestResetPasswordPage:
    async def test_masks_the_password_and_supports_password_managers(
        self, app: FastAPI, client: AsyncClient, user: User
    ) -> None:
        token = await mailed(app, user, Purpose.RESET_PASSWORD)
        page = (await client.get("/reset-password", params={"token": token})).text

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
    async def test_weak_password_shows_the_form_again(
        self, app: FastAPI, client: AsyncClient, user: User, password: str
    ) -> None:
        token = await mailed(app, user, Purpose.RESET_PASSWORD)

        rejected = await client.post(
            "/reset-password", data={"token": token, "new_password": password}
        )

        assert rejected.status_code == 422
        assert 'role="alert"' in rejected.text
        assert f'value="{token}"' in rejected.text
        again = {"token": token, "new_password": NEW_PASSWORD}
        assert "All is well" in (await client.post("/reset-password", data=again)).text
