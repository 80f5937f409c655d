"""Changes of the e-mail address: proven by the password, confirmed by the new mailbox."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.config.settings import Settings
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.worker import Worker
from app.features.mail.settings import MailSettings
from app.features.users.models.user import User
from tests.conftest import As, Database, Running, Save, access_token, new_client
from tests.factories import PASSWORD, make_user
from tests.features.conftest import (
    AUTH,
    ME,
    NEW_PASSWORD,
    LinkToken,
    MailedToken,
    address,
    bearer,
    links,
    read_mails,
    sign_in,
    statements,
)
from tests.problems import assert_problem, broken
from tests.state import resources_of

EMAIL = f"{ME}/email"


async def change(client: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    return await client.put(EMAIL, json={"email": email, "current_password": password})


async def confirm(client: AsyncClient, token: str) -> Response:
    return await client.post(f"{AUTH}/verify-email", json={"token": token})


@pytest.fixture
async def ada(save: Save) -> User:
    return await save(make_user(email=address()))


class TestChangeEmail:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        assert_problem(await change(client, address()), 401, "unauthenticated")

    async def test_session_without_the_scope_is_rejected(self, as_user: As, ada: User) -> None:
        signed_in = await as_user(ada, scopes=("users:read",))

        assert_problem(await change(signed_in, address()), 403, "insufficient_scope")

    async def test_wrong_current_password_is_named_and_nothing_is_mailed(
        self, as_user: As, ada: User, database: Database
    ) -> None:
        response = await change(await as_user(ada), address(), "wrong")

        assert broken(response) == {"/body/current_password": "wrong_password"}
        assert await database("SELECT * FROM tasks") == []

    @pytest.mark.parametrize("email", ["", "grace", None, 7, "a\0@example.com"])
    async def test_malformed_address_is_rejected(self, as_user: As, ada: User, email: Any) -> None:
        assert broken(await change(await as_user(ada), email)).keys() == {"/body/email"}

    async def test_takes_effect_only_when_the_new_mailbox_confirms(
        self, client: AsyncClient, as_user: As, ada: User, mailed_token: MailedToken
    ) -> None:
        signed_in, old, new = await as_user(ada), ada.email, address()

        response = await change(signed_in, new)
        assert (response.status_code, response.content) == (202, b"")
        assert (await signed_in.get(ME)).json()["email"] == old
        assert (await sign_in(client, new)).status_code == 401

        assert (await confirm(client, await mailed_token(new, "verify-email"))).status_code == 204
        profile = (await signed_in.get(ME)).json()
        assert (profile["email"], profile["email_verified"]) == (new, True)
        assert [(await sign_in(client, name)).status_code for name in (new, old)] == [200, 401]

    async def test_old_address_is_notified_of_the_request_and_the_change(
        self,
        app: FastAPI,
        client: AsyncClient,
        as_user: As,
        ada: User,
        mailed_token: MailedToken,
        settings: Settings,
    ) -> None:
        old, new = ada.email, address()

        await change(await as_user(ada), new)
        token = await mailed_token(new, "verify-email")
        notices = [
            text for to, text in read_mails(settings.of(MailSettings).mail_folder) if to == old
        ]
        assert len(notices) == 1
        assert new in notices[0]

        await confirm(client, token)
        await resources_of(app)[Worker].drain()
        notices = [
            text for to, text in read_mails(settings.of(MailSettings).mail_folder) if to == old
        ]
        assert len(notices) == 2
        assert links(settings, old, "verify-email") == []

    async def test_resets_go_to_the_old_address_until_then(
        self, client: AsyncClient, as_user: As, ada: User, mailed_token: MailedToken
    ) -> None:
        new = address()
        await change(await as_user(ada), new)

        for email in (new, ada.email):
            await client.post(f"{AUTH}/forgot-password", json={"email": email})

        assert await mailed_token(ada.email, "reset-password")
        with pytest.raises(IndexError):
            await mailed_token(new, "reset-password")

    async def test_unconfirmed_account_corrects_its_address(
        self, client: AsyncClient, as_user: As, save: Save, mailed_token: MailedToken
    ) -> None:
        signed_in = await as_user(await save(make_user(email=address(), email_verified=False)))
        right = address()

        await change(signed_in, right)
        await confirm(client, await mailed_token(right, "verify-email"))

        profile = (await signed_in.get(ME)).json()
        assert (profile["email"], profile["email_verified"]) == (right, True)
        assert (await signed_in.get("/api/v1/items")).status_code == 200

    async def test_taken_address_takes_the_same_statements_to_the_same_answer(
        self, app: FastAPI, as_user: As, ada: User, save: Save
    ) -> None:
        taken, free = (await save(make_user(email=address()))).email, address()
        signed_in = await as_user(ada)
        await change(signed_in, address())

        responses = {}
        for email in (taken, free):
            with statements(app) as sent:
                response = await change(signed_in, email)
            responses[email] = (response.status_code, response.content, list(sent))

        assert responses[taken] == responses[free]
        assert responses[free][0] == 202

    async def test_account_and_address_get_a_bounded_number_of_mails(
        self, app: FastAPI, running: Running, ada: User, database: Database
    ) -> None:
        headers, victim = bearer(await access_token(app, ada)), address()
        async with (
            running(mails_per_account=5) as few,
            new_client(few, **headers) as client,
        ):
            same = [await change(client, victim) for _ in range(5)]
            beyond = await change(client, address())

        assert {response.status_code for response in same} == {202}
        assert_problem(beyond, 429, "too_many_attempts")
        mails = await database("SELECT count(*) FROM tasks WHERE kind = 'send_email_change_mail'")
        assert mails == [{"count": 3}]

    async def test_client_with_many_accounts_requests_a_bounded_number_of_changes(
        self, app: FastAPI, running: Running, save: Save
    ) -> None:
        accounts = [await save(make_user(email=address(), email_verified=False)) for _ in range(3)]
        tokens = [await access_token(app, account) for account in accounts]
        async with running(attempts_per_address=2) as few:
            responses = []
            for token in tokens:
                async with new_client(few, **bearer(token)) as client:
                    responses.append(await change(client, address()))

        assert [response.status_code for response in responses] == [202, 202, 429]

    async def test_unproven_old_address_gets_a_bounded_number_of_notices(
        self, as_user: As, save: Save, database: Database
    ) -> None:
        signed_in = await as_user(await save(make_user(email=address(), email_verified=False)))

        for _ in range(6):
            assert (await change(signed_in, address())).status_code == 202

        notices = await database("SELECT count(*) FROM tasks WHERE kind = 'send_notification'")
        assert notices == [{"count": 3}]


class TestEndOfAChange:
    """Each of these ends the pending change: its link is rejected, and the address stays."""

    async def pending(
        self, signed_in: AsyncClient, mailed_token: MailedToken, email: str = ""
    ) -> str:
        new = email or address()
        assert (await change(signed_in, new)).status_code == 202
        return await mailed_token(new, "verify-email")

    async def test_link_works_once(
        self, client: AsyncClient, as_user: As, ada: User, mailed_token: MailedToken
    ) -> None:
        token = await self.pending(await as_user(ada), mailed_token)

        responses = await asyncio.gather(*(confirm(client, token) for _ in range(10)))

        statuses = [response.status_code for response in responses]
        assert (statuses.count(204), statuses.count(400)) == (1, 9)

    async def test_newer_change_replaces_a_pending_one(
        self, client: AsyncClient, as_user: As, ada: User, mailed_token: MailedToken
    ) -> None:
        signed_in = await as_user(ada)
        older = await self.pending(signed_in, mailed_token)
        newer = await self.pending(signed_in, mailed_token)

        assert_problem(await confirm(client, older), 400, "invalid_mailed_token")
        assert (await confirm(client, newer)).status_code == 204

    async def test_pending_change_expires_after_a_day(
        self,
        client: AsyncClient,
        as_user: As,
        ada: User,
        mailed_token: MailedToken,
        database: Database,
    ) -> None:
        token = await self.pending(await as_user(ada), mailed_token)
        (row,) = await database(
            "SELECT expires_at - now() <= interval '1 day' AS is_bounded FROM email_changes"
        )
        assert row["is_bounded"]
        await database("UPDATE email_changes SET expires_at = now()")

        assert_problem(await confirm(client, token), 400, "invalid_mailed_token")

    async def test_address_taken_meanwhile_is_a_conflict_once(
        self,
        client: AsyncClient,
        as_user: As,
        ada: User,
        save: Save,
        mailed_token: MailedToken,
        database: Database,
    ) -> None:
        old, wanted = ada.email, address()
        signed_in = await as_user(ada)
        token = await self.pending(signed_in, mailed_token, wanted)
        await save(make_user(email=wanted))

        assert_problem(await confirm(client, token), 409, "email_taken")
        assert_problem(await confirm(client, token), 400, "invalid_mailed_token")
        assert (await signed_in.get(ME)).json()["email"] == old
        assert await database("SELECT * FROM email_changes") == []

    async def test_password_reset_cancels_a_pending_change(
        self,
        client: AsyncClient,
        as_user: As,
        ada: User,
        mailed_token: MailedToken,
        link_token: LinkToken,
    ) -> None:
        token = await self.pending(await as_user(ada), mailed_token)
        body = {
            "token": await link_token(ada, Purpose.RESET_PASSWORD),
            "new_password": NEW_PASSWORD,
        }
        assert (await client.post(f"{AUTH}/reset-password", json=body)).status_code == 204

        assert_problem(await confirm(client, token), 400, "invalid_mailed_token")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            (
                "PUT",
                f"{ME}/password",
                {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
            ),
            ("POST", f"{AUTH}/logout-all", None),
            ("DELETE", ME, {"current_password": PASSWORD}),
        ],
    )
    async def test_owner_cancels_a_pending_change(
        self,
        client: AsyncClient,
        as_user: As,
        ada: User,
        mailed_token: MailedToken,
        method: str,
        path: str,
        body: Any,
    ) -> None:
        signed_in = await as_user(ada)
        token = await self.pending(signed_in, mailed_token)

        assert (await signed_in.request(method, path, json=body)).status_code == 204

        assert_problem(await confirm(client, token), 400, "invalid_mailed_token")

    async def test_queued_mail_of_a_cancelled_change_is_not_sent(
        self, app: FastAPI, as_user: As, ada: User, settings: Settings
    ) -> None:
        signed_in, new = await as_user(ada), address()
        await change(signed_in, new)
        await signed_in.post(f"{AUTH}/logout-all")

        await resources_of(app)[Worker].drain()

        assert links(settings, new, "verify-email") == []

    @pytest.mark.parametrize("purpose", list(Purpose))
    async def test_links_to_the_old_address_end_with_the_change(
        self,
        client: AsyncClient,
        as_user: As,
        ada: User,
        mailed_token: MailedToken,
        link_token: LinkToken,
        database: Database,
        purpose: Purpose,
    ) -> None:
        old = await link_token(ada, purpose)
        await confirm(client, await self.pending(await as_user(ada), mailed_token))

        assert await database("SELECT * FROM mailed_tokens") == []
        assert_problem(await confirm(client, old), 400, "invalid_mailed_token")
