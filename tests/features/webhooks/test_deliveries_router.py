"""Deliveries: status of each message, and redelivery."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.users.models.user import User
from app.features.webhooks.models.delivery import DeliveryStatus
from app.runtime.clock import now
from tests.conftest import As, Save
from tests.features.webhooks.factories import make_delivery, make_webhook
from tests.problems import assert_problem
from tests.state import reads_of

NOBODYS = f"/api/v1/webhooks/{'0' * 32}/deliveries"


class TestListDeliveries:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(NOBODYS), 401, "unauthenticated")

    async def test_unknown_webhook_is_not_found(self, as_user: As, user: User) -> None:
        assert_problem(await (await as_user(user)).get(NOBODYS), 404, "not_found")

    async def test_shows_the_status_of_each_delivery(
        self, as_user: As, save: Save, user: User
    ) -> None:
        webhook, other = await save(make_webhook(user)), await save(make_webhook(user))
        failed = make_delivery(
            webhook, status=DeliveryStatus.FAILED, response_status=500, attempts=10, duration_ms=7
        )
        await save(failed)
        await save(make_delivery(webhook))
        await save(make_delivery(other, status=DeliveryStatus.FAILED))
        client, path = await as_user(user), f"/api/v1/webhooks/{webhook.id}/deliveries"

        everything = (await client.get(path)).json()["items"]
        (shown,) = (await client.get(path, params={"status": "failed"})).json()["items"]

        assert len(everything) == 2
        assert (shown["id"], shown["response_status"]) == (str(failed.id), 500)
        assert (shown["attempts"], shown["duration_ms"]) == (10, 7)
        assert "payload" not in shown

    async def test_page_is_two_statements(
        self, app: FastAPI, as_user: As, save: Save, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        for _ in range(5):
            await save(make_delivery(webhook))
        client, path = await as_user(user), f"/api/v1/webhooks/{webhook.id}/deliveries"
        await client.get(path)
        before = reads_of(app).statements

        response = await client.get(path)

        assert len(response.json()["items"]) == 5
        assert reads_of(app).statements - before == 2


class TestRedeliver:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        response = await client.post(f"{NOBODYS}/{'0' * 32}/redeliver")

        assert_problem(response, 401, "unauthenticated")

    async def test_redelivery_is_due_at_once_with_the_same_id(
        self, as_user: As, save: Save, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        row = await save(make_delivery(webhook, status=DeliveryStatus.SUCCEEDED, attempts=1))
        path = f"/api/v1/webhooks/{webhook.id}/deliveries"

        response = await (await as_user(user)).post(f"{path}/{row.id}/redeliver")

        again = response.json()
        assert response.status_code == 202
        assert (again["id"], again["status"], again["attempts"]) == (str(row.id), "pending", 1)
        assert again["next_attempt_at"] is not None

    async def test_redelivery_during_sending_is_rejected(
        self, as_user: As, save: Save, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        sending = {"status": DeliveryStatus.SENDING, "next_attempt_at": now()}
        row = await save(make_delivery(webhook, **sending))
        path = f"/api/v1/webhooks/{webhook.id}/deliveries/{row.id}/redeliver"

        assert_problem(await (await as_user(user)).post(path), 409, "delivery_in_progress")

    async def test_redelivery_to_a_disabled_webhook_is_rejected(
        self, as_user: As, save: Save, user: User
    ) -> None:
        webhook = await save(make_webhook(user, is_active=False))
        row = await save(make_delivery(webhook))
        path = f"/api/v1/webhooks/{webhook.id}/deliveries/{row.id}/redeliver"

        assert_problem(await (await as_user(user)).post(path), 409, "webhook_disabled")

    async def test_delivery_of_another_webhook_is_not_found(
        self, as_user: As, save: Save, user: User
    ) -> None:
        row = await save(make_delivery(await save(make_webhook(user))))
        another = await save(make_webhook(user))
        path = f"/api/v1/webhooks/{another.id}/deliveries/{row.id}/redeliver"

        assert_problem(await (await as_user(user)).post(path), 404, "not_found")
