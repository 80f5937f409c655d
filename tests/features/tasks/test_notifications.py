"""Tasks of a registration, with the notification of administrators."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.background_jobs.worker import Worker
from app.features.users.models.user import User
from app.security.principals import Role
from tests.conftest import As
from tests.features.tasks.test_router import TASKS
from tests.state import resources_of


class TestSignUp:
    async def test_registration_sends_mails_and_notifies_administrators(
        self, app: FastAPI, client: AsyncClient, as_user: As, admin: User
    ) -> None:
        assert admin.role is Role.ADMIN
        body = {"email": "zoe@example.com", "username": "zoe", "password": "a good long passphrase"}

        await client.post("/api/v1/auth/register", json=body)
        await resources_of(app)[Worker].drain()

        signed_in = await as_user(admin)
        tasks = (await signed_in.get(TASKS)).json()["items"]
        assert {(task["kind"], task["status"]) for task in tasks} == {
            ("send_welcome_mail", "succeeded"),
            ("send_verification_mail", "succeeded"),
            ("notify_admins", "succeeded"),
        }
        (message,) = (await signed_in.get("/api/v1/notifications")).json()["items"]
        assert message["subject"] == "A new account: zoe"
