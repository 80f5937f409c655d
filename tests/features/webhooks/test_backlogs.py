"""Backlogs: the queue of a webhook is bounded, and no event beyond the bound is lost."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest
from fastapi import FastAPI

from app.features.events.crud import consumer_offsets, events
from app.features.events.models.event import Position
from app.features.events.schemas import PublishedEvent
from app.features.users.models.user import User
from app.features.webhooks.crud import backlogs as webhook_backlogs
from app.features.webhooks.crud import webhooks
from app.features.webhooks.dispatcher import WebhookDispatcher
from app.features.webhooks.models.backlog import BACKLOG_RETENTION
from app.features.webhooks.models.queue import QueueLimits
from app.features.webhooks.models.webhook import Webhook
from app.features.webhooks.sender import WebhookSender
from app.features.webhooks.settings import WebhookSettings
from app.runtime.clock import now
from tests.conftest import As, Database, Save
from tests.factories import make_item
from tests.features.webhooks.conftest import Subscribe
from tests.features.webhooks.factories import make_delivery, make_webhook
from tests.polling import eventually
from tests.problems import assert_problem
from tests.receivers import receiving
from tests.state import reads_of, resources_of, units_of_work

SMALL = QueueLimits(per_webhook=4, per_account=6)
QUEUED = "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = :id"
ACCEPT = """
UPDATE webhook_deliveries SET status = 'succeeded', next_attempt_at = NULL
WHERE status = 'pending'
"""
NAMES = """
SELECT event.data ->> 'name' AS name FROM webhook_deliveries AS delivery JOIN events AS event
ON event.transaction_id = delivery.event_transaction_id AND event.id = delivery.event_id
WHERE delivery.webhook_id = :id ORDER BY event.transaction_id, event.id
"""


def dispatcher(app: FastAPI, limits: QueueLimits = SMALL, page: int = 1000) -> WebhookDispatcher:
    return WebhookDispatcher(
        reads_of(app),
        units_of_work(app),
        limits,
        page=page,
    )


@pytest.fixture(autouse=True)
async def _reader(app: FastAPI) -> None:
    async with units_of_work(app).begin() as uow:
        await consumer_offsets.begin(uow, webhooks.READER)


async def dispatch_all(dispatcher: WebhookDispatcher) -> None:
    async def is_done() -> bool:
        return not await dispatcher.dispatch()

    await eventually(is_done)


async def settle(dispatcher: WebhookDispatcher) -> None:
    async def is_done() -> bool:
        return not any([await dispatcher.dispatch(), await dispatcher.catch_up()])

    await eventually(is_done)


async def create_items(app: FastAPI, owner: User, names: Sequence[str]) -> None:
    async with units_of_work(app).begin() as uow:
        uow.session.add_all([make_item(owner, name=name) for name in names])


async def queued(database: Database, webhook: Webhook) -> list[str]:
    return [row["name"] for row in await database(NAMES, id=webhook.id)]


class TestLimit:
    async def test_webhook_beyond_its_limit_gets_a_backlog_and_one_notification(
        self, app: FastAPI, save: Save, database: Database, user: User, as_user: As
    ) -> None:
        webhook = await save(make_webhook(user))
        for _ in range(3):
            await create_items(app, user, ["a", "b", "c"])
            await dispatch_all(dispatcher(app))

        assert await queued(database, webhook) == ["a", "b", "c"]
        shown = (await (await as_user(user)).get(f"/api/v1/webhooks/{webhook.id}")).json()
        assert shown["backlog_since"] is not None
        found = await database("SELECT user_id, subject FROM notifications")
        assert found == [{"user_id": user.id, "subject": "A webhook is behind"}]

    async def test_account_has_a_limit_for_all_of_its_webhooks(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        for _ in range(4):
            await save(make_webhook(user))
        await create_items(app, user, ["a", "b", "c"])

        await settle(dispatcher(app))

        (row,) = await database("SELECT count(*) AS waiting FROM webhook_deliveries")
        assert row["waiting"] == SMALL.per_account
        assert len(await database("SELECT id FROM notifications")) == 1

    async def test_webhook_of_another_account_is_not_affected(
        self, app: FastAPI, save: Save, database: Database, user: User, other_user: User
    ) -> None:
        full, other = await save(make_webhook(user)), await save(make_webhook(other_user))
        for _ in range(4):
            await save(make_delivery(full))
        await create_items(app, user, ["a", "b", "c"])

        await settle(dispatcher(app))

        assert await queued(database, full) == []
        assert await queued(database, other) == ["a", "b", "c"]

    async def test_test_message_beyond_the_limit_is_rejected(
        self, app: FastAPI, save: Save, user: User, as_user: As, database: Database
    ) -> None:
        webhook = await save(make_webhook(user))
        await database(
            "INSERT INTO webhook_deliveries (id, webhook_id, event_type, payload)"
            " SELECT uuidv7(), :id, 'webhook.test', '{}' FROM generate_series(1, :waiting)",
            id=webhook.id,
            waiting=resources_of(app)[WebhookSettings].webhook_max_waiting,
        )

        response = await (await as_user(user)).post(f"/api/v1/webhooks/{webhook.id}/test")

        assert_problem(response, 409, "too_many_deliveries_waiting")


class TestCatchUp:
    async def test_catch_up_queues_every_event_once_and_in_order(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        names = [f"item {number:02}" for number in range(25)]
        for start in range(0, 25, 5):
            await create_items(app, user, names[start : start + 5])
        for _ in range(10):
            await settle(dispatcher(app))
            (row,) = await database(
                "SELECT count(*) AS waiting FROM webhook_deliveries WHERE status = 'pending'"
            )
            assert row["waiting"] <= SMALL.per_webhook
            await database(ACCEPT)

        assert await queued(database, webhook) == names
        (row,) = await database("SELECT backlog_since FROM webhooks")
        assert row["backlog_since"] is None

    async def test_catch_up_waits_until_half_of_the_limit_is_free(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        rows = [await save(make_delivery(webhook, next_attempt_at=now())) for _ in range(4)]
        await create_items(app, user, ["a"])
        await settle(dispatcher(app))
        await database(f"{ACCEPT} AND id = :id", id=rows[0].id)

        assert not await dispatcher(app).catch_up()
        await database(f"{ACCEPT} AND id = :id", id=rows[1].id)
        await settle(dispatcher(app))

        assert await queued(database, webhook) == ["a"]

    async def test_concurrent_catch_up_queues_nothing_twice(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        await create_items(app, user, [f"item {number}" for number in range(10)])
        await dispatch_all(dispatcher(app))

        for _ in range(5):
            await asyncio.gather(*(settle(dispatcher(app)) for _ in range(3)))
            await database(ACCEPT)

        names = await queued(database, webhook)
        assert len(names) == len(set(names)) == 10

    async def test_disabled_webhook_does_not_catch_up(
        self, app: FastAPI, save: Save, database: Database, user: User, as_user: As
    ) -> None:
        webhook = await save(make_webhook(user))
        await create_items(app, user, list("abcdef"))
        await dispatch_all(dispatcher(app))
        client, path = await as_user(user), f"/api/v1/webhooks/{webhook.id}"

        assert (await client.patch(path, json={"is_active": False})).status_code == 200
        enabled = await client.patch(path, json={"is_active": True})
        await settle(dispatcher(app))

        assert enabled.json()["backlog_since"] is None
        assert await queued(database, webhook) == []


class TestExpiry:
    async def test_expired_backlog_is_a_failed_delivery_and_a_notification(
        self, app: FastAPI, save: Save, database: Database, user: User, as_user: As
    ) -> None:
        since = now() - BACKLOG_RETENTION - timedelta(minutes=1)
        webhook = await save(
            make_webhook(user, backlog_since=since, backlog_transaction_id=1, backlog_event_id=0)
        )

        async with units_of_work(app).begin() as uow:
            await webhook_backlogs.delete_expired(uow)

        client, path = await as_user(user), f"/api/v1/webhooks/{webhook.id}"
        (shown,) = (await client.get(f"{path}/deliveries")).json()["items"]
        assert (shown["status"], shown["error"]) == ("failed", "backlog_expired")
        assert (await client.get(path)).json()["backlog_since"] is None
        (found,) = await database("SELECT subject FROM notifications")
        assert found["subject"] == "Events were not sent to a webhook"
        again = await client.post(f"{path}/deliveries/{shown['id']}/redeliver")
        assert_problem(again, 410, "message_expired")

    async def test_expired_event_fails_its_delivery_and_not_the_webhook(
        self,
        app: FastAPI,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        database: Database,
        user: User,
    ) -> None:
        async with receiving() as receiver:
            webhook = await subscribe(receiver.url)
            await create_items(app, user, ["a"])
            await dispatch_all(dispatcher(app))
            await database("DELETE FROM events")

            await sender.drain()

        (row,) = await database("SELECT status, error, next_attempt_at FROM webhook_deliveries")
        assert row == {"status": "failed", "error": "message_expired", "next_attempt_at": None}
        (row,) = await database("SELECT failing_since FROM webhooks")
        assert (receiver.connections, row["failing_since"]) == (0, None)
        assert webhook.is_active


class TestPages:
    @pytest.mark.parametrize("page", [1, 2, 3, 7, 50])
    async def test_any_page_size_queues_each_event_once_for_each_webhook(
        self, app: FastAPI, save: Save, database: Database, user: User, page: int
    ) -> None:
        created = [await save(make_webhook(user)) for _ in range(5)]
        names = ["a", "b", "c"]
        await create_items(app, user, names)

        await dispatch_all(dispatcher(app, QueueLimits(100, 1000), page=page))

        for webhook in created:
            assert await queued(database, webhook) == names

    async def test_transaction_writes_at_most_one_page_of_rows(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        for _ in range(5):
            await save(make_webhook(user))
        await create_items(app, user, ["a", "b", "c"])

        await dispatch_all(dispatcher(app, QueueLimits(100, 1000), page=2))

        rows = await database(
            "SELECT count(*) AS written FROM webhook_deliveries GROUP BY xmin::text"
        )
        assert sum(row["written"] for row in rows) == 15
        assert max(row["written"] for row in rows) <= 2

    async def test_webhook_deleted_meanwhile_is_skipped(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        webhook = await save(make_webhook(user))
        await create_items(app, user, ["a"])
        batch = await everything(app)

        async with units_of_work(app).begin() as uow:
            due = {uuid.uuid4(): batch, webhook.id: batch}
            await webhook_backlogs.queue(uow, due, SMALL, behind=Position(0, 0))

        assert await queued(database, webhook) == ["a"]


async def everything(app: FastAPI) -> list[PublishedEvent]:
    found: list[PublishedEvent] = []

    async def has_events() -> bool:
        found[:] = (await events.read_behind(reads_of(app), Position(0, 0))).events
        return bool(found)

    await eventually(has_events)
    return found


class TestEventReference:
    async def test_thirty_webhooks_and_a_batch_store_no_copy_of_the_events(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        for _ in range(31):
            await save(make_webhook(user))
        await create_items(app, user, ["x" * 100] * 50)

        await dispatch_all(dispatcher(app, QueueLimits(1000, 5000)))

        (row,) = await database(
            "SELECT count(*) AS written, count(payload) AS copies,"
            " max(pg_column_size(d.*)) AS largest FROM webhook_deliveries AS d"
        )
        assert (row["written"], row["copies"]) == (31 * 50, 0)
        assert row["largest"] < 200

    async def test_body_equals_the_event_stream(
        self,
        app: FastAPI,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        user: User,
    ) -> None:
        async with receiving() as receiver:
            await subscribe(receiver.url)
            await create_items(app, user, ["b\u00fccher"])
            await dispatch_all(dispatcher(app))

            await sender.drain()

        (message,) = receiver.received
        (event,) = await everything(app)
        assert message.body == event.json
        assert json.loads(message.body)["data"]["name"] == "b\u00fccher"
