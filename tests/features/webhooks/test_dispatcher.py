"""Dispatcher: one delivery of each event for each webhook that may receive it."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from app.features.background_jobs.models import TaskStatus
from app.features.events.crud import consumer_offsets
from app.features.users.models.user import User
from app.features.webhooks.crud import webhooks
from app.features.webhooks.dispatcher import WebhookDispatcher
from app.features.webhooks.models.queue import QueueLimits
from app.features.webhooks.models.webhook import Webhook
from app.security.principals import Role
from tests.conftest import Database, Save
from tests.factories import make_item, make_task
from tests.features.webhooks.factories import make_webhook
from tests.polling import eventually
from tests.state import reads_of, units_of_work

WRITTEN = "SELECT webhook_id, event_type, status FROM webhook_deliveries ORDER BY id"
POINTED_AT = """
SELECT event.resource_id FROM webhook_deliveries AS delivery JOIN events AS event
ON event.transaction_id = delivery.event_transaction_id AND event.id = delivery.event_id
WHERE delivery.payload IS NULL
"""
LIMITS = QueueLimits(per_webhook=1000, per_account=5000)


@pytest.fixture
async def dispatcher(app: FastAPI) -> WebhookDispatcher:
    """A dispatcher whose position is the newest event."""
    async with units_of_work(app).begin() as uow:
        await consumer_offsets.begin(uow, webhooks.READER)
    return new_dispatcher(app)


def new_dispatcher(app: FastAPI) -> WebhookDispatcher:
    return WebhookDispatcher(
        reads_of(app),
        units_of_work(app),
        LIMITS,
    )


async def dispatch_all(dispatcher: WebhookDispatcher) -> None:
    async def is_done() -> bool:
        return not await dispatcher.dispatch()

    await eventually(is_done, 30)


async def publish_everything(app: FastAPI, save: Save, owner: User) -> None:
    item, task = await save(make_item(owner)), await save(make_task(owner))
    async with units_of_work(app).begin() as uow:
        for row in (item, task):
            uow.session.add(row)
        item.name, task.status = "Cherry desk", TaskStatus.RUNNING


class TestDispatch:
    async def test_writes_each_event_once_for_each_webhook(
        self, dispatcher: WebhookDispatcher, save: Save, database: Database, user: User
    ) -> None:
        first, second = await save(make_webhook(user)), await save(make_webhook(user))
        item = await save(make_item(user))

        for _ in range(2):
            await dispatch_all(dispatcher)

        rows = await database(WRITTEN)
        assert {row["webhook_id"] for row in rows} == {first.id, second.id}
        assert [row["event_type"] for row in rows] == ["item.created"] * 2
        pointed = await database(POINTED_AT)
        assert [row["resource_id"] for row in pointed] == [item.id] * 2

    async def test_writes_deliveries_of_subscribed_events(
        self,
        dispatcher: WebhookDispatcher,
        app: FastAPI,
        save: Save,
        database: Database,
        user: User,
    ) -> None:
        await save(make_webhook(user, events=["item.updated", "task.updated"]))
        await publish_everything(app, save, user)

        await dispatch_all(dispatcher)

        types = [row["event_type"] for row in await database(WRITTEN)]
        assert sorted(types) == ["item.updated", "task.updated"]

    @pytest.mark.parametrize(
        ("role", "fields", "expected"),
        [
            (Role.USER, {}, {"item.created", "item.updated"}),
            (Role.ADMIN, {}, {"item.created", "item.updated", "task.updated"}),
            (Role.ADMIN, {"scopes": ["items:read"]}, {"item.created", "item.updated"}),
            # Set up by an administrator who is one no more.
            (Role.USER, {"scopes": ["items:read", "admin"]}, {"item.created", "item.updated"}),
            (Role.USER, {"scopes": ["users:read"]}, set()),
            (Role.USER, {"is_active": False}, set()),
        ],
    )
    async def test_delivers_only_what_the_owner_may_read(
        self,
        dispatcher: WebhookDispatcher,
        app: FastAPI,
        save: Save,
        database: Database,
        user: User,
        other_user: User,
        role: Role,
        fields: dict[str, Any],
        expected: set[str],
    ) -> None:
        await database("UPDATE users SET role = :role WHERE id = :id", role=role, id=user.id)
        user.role = role
        await save(make_webhook(user, **fields))
        await publish_everything(app, save, other_user)

        await dispatch_all(dispatcher)

        assert {row["event_type"] for row in await database(WRITTEN)} == expected

    async def test_delivers_task_events_to_the_owner(
        self,
        dispatcher: WebhookDispatcher,
        app: FastAPI,
        save: Save,
        database: Database,
        user: User,
    ) -> None:
        await save(make_webhook(user, events=["task.updated"]))
        await publish_everything(app, save, user)

        await dispatch_all(dispatcher)

        assert [row["event_type"] for row in await database(WRITTEN)] == ["task.updated"]

    @pytest.mark.parametrize(
        "change", ["UPDATE users SET is_active = false", "UPDATE users SET deleted_at = now()"]
    )
    async def test_delivers_nothing_to_disabled_accounts(
        self,
        dispatcher: WebhookDispatcher,
        save: Save,
        database: Database,
        user: User,
        other_user: User,
        change: str,
    ) -> None:
        await save(make_webhook(user))
        await database(f"{change} WHERE id = :id", id=user.id)
        await save(make_item(other_user))

        await dispatch_all(dispatcher)

        assert await database(WRITTEN) == []

    async def test_concurrent_dispatchers_write_nothing_twice(
        self,
        dispatcher: WebhookDispatcher,
        app: FastAPI,
        save: Save,
        database: Database,
        user: User,
    ) -> None:
        await save(make_webhook(user))
        for _ in range(5):
            await save(make_item(user))

        several = [dispatcher, *(new_dispatcher(app) for _ in range(3))]
        await asyncio.gather(*(dispatch_all(each) for each in several))

        assert [row["event_type"] for row in await database(WRITTEN)] == ["item.created"] * 5

    async def test_continues_at_the_position_of_another_dispatcher(
        self,
        dispatcher: WebhookDispatcher,
        app: FastAPI,
        save: Save,
        database: Database,
        user: User,
    ) -> None:
        await save(make_webhook(user))
        await save(make_item(user))
        await dispatch_all(dispatcher)
        await save(make_item(user))

        await dispatch_all(new_dispatcher(app))

        assert len(await database(WRITTEN)) == 2

    async def test_reads_no_events_without_webhooks(
        self, app: FastAPI, save: Save, database: Database, user: User
    ) -> None:
        await save(make_item(user))

        assert not await new_dispatcher(app).dispatch()

        assert await database("SELECT * FROM consumer_offsets") == []

    async def test_starts_at_the_newest_event_in_a_restored_database(
        self, dispatcher: WebhookDispatcher, save: Save, database: Database, user: User
    ) -> None:
        await save(make_webhook(user))
        await database("UPDATE consumer_offsets SET transaction_id = transaction_id + 1000000")
        await dispatch_all(dispatcher)
        await save(make_item(user))

        await dispatch_all(dispatcher)

        assert len(await database(WRITTEN)) == 1

    async def test_skips_a_webhook_deleted_meanwhile(
        self,
        dispatcher: WebhookDispatcher,
        app: FastAPI,
        save: Save,
        database: Database,
        user: User,
    ) -> None:
        webhook: Webhook = await save(make_webhook(user))
        kept = await save(make_webhook(user))
        await save(make_item(user))

        async def is_waiting() -> bool:
            locks = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            return bool(await database(f"{locks} AND datname = current_database()"))

        async with units_of_work(app).begin() as deleting:
            await deleting.session.delete(await deleting.session.get_one(Webhook, webhook.id))
            await deleting.session.flush()
            dispatching = asyncio.create_task(dispatch_all(dispatcher))
            await eventually(is_waiting)
        await dispatching

        assert [row["webhook_id"] for row in await database(WRITTEN)] == [kept.id]
