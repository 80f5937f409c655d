"""Webhooks over HTTP: subscriptions require the scopes of their events."""

import asyncio
import base64
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from standardwebhooks import Webhook as Verifier

from app.config.settings import Settings
from app.features.users.models.user import User
from app.features.webhooks.crud.webhooks import record_failure
from app.features.webhooks.sender import WebhookSender
from app.features.webhooks.settings import WebhookSettings
from app.features.webhooks.ssrf_guard import SsrfGuard, guarded_client
from app.security.resources import SecurityResources
from tests.conftest import As, Database, Running, Save, access_token, new_client
from tests.factories import make_item
from tests.features.webhooks.factories import make_delivery, make_webhook
from tests.polling import eventually
from tests.problems import assert_problem
from tests.receivers import receiving
from tests.state import reads_of, resources_of, units_of_work

WEBHOOKS = "/api/v1/webhooks"
URL = "https://hooks.example.com/reference"


async def create(client: AsyncClient, **fields: Any) -> Response:
    return await client.post(WEBHOOKS, json={"url": URL, "events": ["item.created"]} | fields)


class TestCreateWebhook:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await create(client), 401, "unauthenticated")

    async def test_shows_the_secret_once(self, as_user: As, user: User) -> None:
        client = await as_user(user)

        response = await create(client, description="The warehouse")

        created = response.json()
        assert response.status_code == 201
        secret = created.pop("secret")
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
        read = await client.get(response.headers["Location"])
        assert read.json() == created
        assert (created["is_active"], created["failing_since"]) == (True, None)

    async def test_stores_no_secret_in_clear(
        self, as_user: As, user: User, database: Database
    ) -> None:
        secret = (await create(await as_user(user))).json()["secret"]

        (row,) = await database("SELECT * FROM webhooks")
        entries = await database("SELECT after::text FROM audit_entries WHERE action ~ 'webhook'")

        assert base64.b64decode(secret.removeprefix("whsec_")) not in row["secret_encrypted"]
        assert len(entries) == 1
        assert "sealed" not in entries[0]["after"]

    @pytest.mark.parametrize(
        "url",
        [
            "http://hooks.example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://localhost/",
            "https://user:password@hooks.example.com/",
            "https://hooks.example.com:5432/",
            "file:///etc/passwd",
            "nonsense",
            "https://xn--zz/",
            "https://xn--a.example.com/",
        ],
    )
    async def test_forbidden_url_is_rejected(self, as_user: As, user: User, url: str) -> None:
        body = assert_problem(await create(await as_user(user), url=url), 422, "validation_failed")

        (error,) = body["errors"]
        assert (error["pointer"], error["code"]) == ("/body/url", "destination_refused")

    @pytest.mark.parametrize("events", [[], ["item.stolen"], ["webhook.test"], "item.created"])
    async def test_unknown_event_is_rejected(self, as_user: As, user: User, events: object) -> None:
        response = await create(await as_user(user), events=events)

        assert_problem(response, 422, "validation_failed")

    async def test_webhook_beyond_the_limit_is_rejected_under_concurrency(
        self, as_user: As, user: User, save: Save, settings: Settings
    ) -> None:
        client = await as_user(user)
        for _ in range(settings.of(WebhookSettings).webhooks_per_user - 1):
            await save(make_webhook(user))

        responses = await asyncio.gather(*(create(client) for _ in range(4)))

        assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
        rejected = next(response for response in responses if response.status_code == 409)
        assert_problem(rejected, 409, "too_many_webhooks")


class TestListWebhooks:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(WEBHOOKS), 401, "unauthenticated")

    async def test_shows_only_own_webhooks_and_no_secret(
        self, as_user: As, save: Save, user: User, other_user: User
    ) -> None:
        own = await save(make_webhook(user))
        await save(make_webhook(other_user))

        (shown,) = (await (await as_user(user)).get(WEBHOOKS)).json()["items"]

        assert shown["id"] == str(own.id)
        assert not {name for name in shown if "secret" in name}


class TestReadWebhook:
    async def test_copy_from_before_a_failure_is_not_current(
        self, app: FastAPI, as_user: As, user: User, save: Save
    ) -> None:
        client, webhook = await as_user(user), await save(make_webhook(user))
        before = await client.get(f"{WEBHOOKS}/{webhook.id}")
        async with units_of_work(app).begin() as uow:
            await record_failure(uow, webhook.id)

        after = await client.get(
            f"{WEBHOOKS}/{webhook.id}", headers={"If-None-Match": before.headers["ETag"]}
        )

        assert after.status_code == 200
        assert after.json()["failing_since"] is not None
        assert after.json()["version"] == before.json()["version"]


class TestUpdateWebhook:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        response = await client.patch(f"{WEBHOOKS}/{'0' * 32}", json={})

        assert_problem(response, 401, "unauthenticated")

    async def test_changes_the_given_fields(self, as_user: As, save: Save, user: User) -> None:
        client, webhook = await as_user(user), await save(make_webhook(user, description="old"))

        response = await client.patch(
            f"{WEBHOOKS}/{webhook.id}", json={"events": ["item.deleted"], "description": None}
        )

        changed = response.json()
        assert (changed["events"], changed["description"]) == (["item.deleted"], None)
        assert changed["url"] == webhook.url

    async def test_forbidden_url_is_rejected(self, as_user: As, save: Save, user: User) -> None:
        client, webhook = await as_user(user), await save(make_webhook(user))

        response = await client.patch(
            f"{WEBHOOKS}/{webhook.id}", json={"url": "https://192.168.0.1/"}
        )

        assert_problem(response, 422, "validation_failed")

    async def test_credential_without_the_scope_is_rejected(
        self, as_user: As, save: Save, user: User
    ) -> None:
        """Otherwise a key for webhooks alone could forward events that it may not read."""
        webhook = await save(make_webhook(user))
        client = await as_user(user, scopes=("webhooks:manage",))

        response = await client.patch(
            f"{WEBHOOKS}/{webhook.id}", json={"url": "https://elsewhere.example.com/"}
        )

        assert_problem(response, 403, "insufficient_scope")

    async def test_updated_webhook_has_the_scopes_of_the_credential(
        self, as_user: As, save: Save, admin: User, database: Database
    ) -> None:
        webhook = await save(make_webhook(admin, events=["task.updated"]))
        client = await as_user(admin, scopes=("webhooks:manage",))

        response = await client.patch(f"{WEBHOOKS}/{webhook.id}", json={"description": "mine"})

        assert response.status_code == 200
        assert await database("SELECT scopes FROM webhooks") == [{"scopes": []}]

    async def test_disables_and_enables(
        self, as_user: As, save: Save, user: User, database: Database
    ) -> None:
        client, webhook = await as_user(user), await save(make_webhook(user))
        await save(make_delivery(webhook))
        path = f"{WEBHOOKS}/{webhook.id}"

        disabled = await client.patch(path, json={"is_active": False})
        rejected = await client.post(f"{path}/test")
        enabled = await client.patch(path, json={"is_active": True})

        assert (disabled.json()["is_active"], enabled.json()["is_active"]) == (False, True)
        assert_problem(rejected, 409, "webhook_disabled")
        assert await database("SELECT status, error FROM webhook_deliveries") == [
            {"status": "failed", "error": "webhook_disabled"}
        ]

    async def test_stale_version_is_rejected(self, as_user: As, save: Save, user: User) -> None:
        client, webhook = await as_user(user), await save(make_webhook(user))

        response = await client.patch(
            f"{WEBHOOKS}/{webhook.id}", json={}, headers={"If-Match": '"7"'}
        )

        assert_problem(response, 412, "precondition_failed")


class TestDeleteWebhook:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.delete(f"{WEBHOOKS}/{'0' * 32}"), 401, "unauthenticated")

    async def test_deletes_its_deliveries(
        self, as_user: As, save: Save, user: User, database: Database
    ) -> None:
        client, webhook = await as_user(user), await save(make_webhook(user))
        await save(make_delivery(webhook))

        response = await client.delete(f"{WEBHOOKS}/{webhook.id}")

        assert response.status_code == 204
        assert (await client.get(f"{WEBHOOKS}/{webhook.id}")).status_code == 404
        assert await database("SELECT * FROM webhook_deliveries") == []


class TestRotateSecret:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        response = await client.post(f"{WEBHOOKS}/{'0' * 32}/rotate-secret")

        assert_problem(response, 401, "unauthenticated")

    async def test_message_is_verified_with_both_secrets(
        self, app: FastAPI, as_user: As, user: User, database: Database
    ) -> None:
        client = await as_user(user)
        created = (await create(client)).json()
        path = f"{WEBHOOKS}/{created['id']}"
        rotated = (await client.post(f"{path}/rotate-secret")).json()
        assert rotated["secret"] != created["secret"]
        outbound = guarded_client(SsrfGuard(loopback=True))
        async with receiving() as receiver:
            await database("UPDATE webhooks SET url = :url", url=receiver.url)
            assert (await client.post(f"{path}/test")).status_code == 202

            await WebhookSender(
                reads_of(app),
                units_of_work(app),
                outbound,
                resources_of(app)[SecurityResources].encryptor,
            ).drain()

        await outbound.aclose()
        (message,) = receiver.received
        for secret in (created["secret"], rotated["secret"]):
            found_message = Verifier(secret).verify(message.body, message.headers)
            assert found_message["data"] == {"webhook_id": created["id"]}


class TestService:
    async def test_service_delivers_events_to_a_receiver(
        self, app: FastAPI, running: Running, save: Save, user: User
    ) -> None:
        """End to end, in a process with a worker: request, event, delivery, message."""
        async with (
            running(webhook_loopback=True, run_worker=True) as working,
            receiving() as receiver,
            new_client(
                working, Authorization=f"Bearer {await access_token(working, user)}"
            ) as client,
        ):
            created = (await create(client, url=receiver.url)).json()
            item = await save(make_item(user))

            async def has_received() -> bool:
                return bool(receiver.received)

            await eventually(has_received, seconds=20)

        (message,) = receiver.received
        found_message = Verifier(created["secret"]).verify(message.body, message.headers)
        assert (found_message["type"], found_message["data"]["id"]) == (
            "item.created",
            str(item.id),
        )
