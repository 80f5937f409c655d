"""Addresses of notifications."""

import pytest
from fastapi import FastAPI

from app.config.settings import Settings
from app.features.background_jobs.worker import Worker
from app.features.mail.settings import MailSettings
from app.features.users.models.user import User
from tests.conftest import As
from tests.features.conftest import address, read_mails
from tests.state import resources_of


class TestEmailAddresses:
    @pytest.mark.parametrize("domain", ["xn--exmple-cua.com", "ex\u00e4mple.com"])
    async def test_notification_is_sent_to_the_a_labels(
        self, app: FastAPI, as_user: As, admin: User, settings: Settings, domain: str
    ) -> None:
        local = address().partition("@")[0]
        body = {"subject": "Your order", "message": "It leaves on Friday."}

        response = await (await as_user(admin)).post(
            f"/api/v1/notifications/{local}@{domain}", json=body
        )
        await resources_of(app)[Worker].drain()

        assert response.status_code == 202
        assert f"{local}@xn--exmple-cua.com" in dict(
            read_mails(settings.of(MailSettings).mail_folder)
        )
