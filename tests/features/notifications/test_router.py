"""Notifications: by mail and in a list."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.features.background_jobs.worker import Worker
from app.features.mail.settings import MailSettings
from app.features.users.models.user import User
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import make_user
from tests.features.conftest import address, read_mails
from tests.problems import assert_problem
from tests.state import resources_of

NOTIFICATIONS = "/api/v1/notifications"
BODY = {"subject": "Your <b>order</b>", "message": "It leaves on Friday."}

# All that the headers of a mail take for one.
LINE_ENDS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


class TestSendNotification:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        response = await client.post(f"{NOTIFICATIONS}/ada@example.com", json=BODY)

        assert_problem(response, 401, "unauthenticated")

    async def test_reaches_mailbox_and_list(
        self, app: FastAPI, as_user: As, admin: User, save: Save, settings: Settings
    ) -> None:
        reader = await save(make_user(email=address()))

        response = await (await as_user(admin)).post(
            f"{NOTIFICATIONS}/{reader.email.capitalize()}", json=BODY
        )
        await resources_of(app)[Worker].drain()

        assert response.status_code == 202
        listed = (await (await as_user(reader)).get(NOTIFICATIONS)).json()["items"]
        assert [(message["subject"], message["message"]) for message in listed] == [
            tuple(BODY.values())
        ]
        mails = dict(read_mails(settings.of(MailSettings).mail_folder))
        assert mails[reader.email.capitalize()].strip() == BODY["message"]

    @pytest.mark.parametrize(
        ("bound", "recipients"),
        [
            ({"notifications_per_address": 2}, ["ada@example.com"] * 3),
            (
                {"notifications_per_account": 2},
                ["ada@example.com", "bob@example.com", "cy@example.com"],
            ),
        ],
    )
    async def test_number_of_messages_is_bounded(
        self, running: Running, admin: User, bound: dict[str, int], recipients: list[str]
    ) -> None:
        async with running(**bound) as app:
            token = await access_token(app, admin)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                responses = [
                    await client.post(f"{NOTIFICATIONS}/{email}", json=BODY) for email in recipients
                ]

        assert [response.status_code for response in responses] == [202, 202, 429]
        assert_problem(responses[-1], 429, "too_many_attempts")
        assert int(responses[-1].headers["Retry-After"]) > 0

    async def test_is_in_the_list_although_no_mail_can_be_sent(
        self, as_user: As, admin: User, user: User
    ) -> None:
        for _ in range(2):
            await (await as_user(admin)).post(
                f"{NOTIFICATIONS}/{user.email}", json=BODY, headers={"Idempotency-Key": "one"}
            )

        listed = (await (await as_user(user)).get(NOTIFICATIONS)).json()["items"]
        assert [message["subject"] for message in listed] == [BODY["subject"]]

    async def test_address_without_an_account_gets_the_mail(
        self, app: FastAPI, as_user: As, admin: User, settings: Settings
    ) -> None:
        recipient = address()

        await (await as_user(admin)).post(f"{NOTIFICATIONS}/{recipient}", json=BODY)
        await resources_of(app)[Worker].drain()

        assert recipient in dict(read_mails(settings.of(MailSettings).mail_folder))

    @pytest.mark.parametrize(
        ("recipient", "fields"),
        [
            ("nobody", {}),
            ("a@example.com", {"subject": "One\nBcc: b@example.com"}),
            *(("a@example.com", {"subject": f"One{end}Two"}) for end in LINE_ENDS),
            ("a@example.com", {"subject": ""}),
            ("a@example.com", {"message": "x" * 5001}),
            ("a@example.com", {"html": "x"}),
        ],
    )
    async def test_invalid_input_is_rejected(
        self, as_user: As, admin: User, recipient: str, fields: dict[str, str]
    ) -> None:
        signed_in = await as_user(admin)

        response = await signed_in.post(f"{NOTIFICATIONS}/{recipient}", json=BODY | fields)

        assert_problem(response, 422, "validation_failed")


class TestListNotifications:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(NOTIFICATIONS), 401, "unauthenticated")
