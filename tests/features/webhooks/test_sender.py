"""Sender: signatures, retries, disabling, and isolation of receivers."""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from app.features.users.models.user import User
from app.features.webhooks.crud.deliveries import delete_old
from app.features.webhooks.crud.queue import MAX_CONCURRENT
from app.features.webhooks.delivery import encoded, new_secret
from app.features.webhooks.models.delivery import DELAYS, DeliveryStatus, WebhookDelivery
from app.features.webhooks.models.webhook import Webhook
from app.features.webhooks.sender import MAX_IN_FLIGHT, WebhookSender
from app.features.webhooks.ssrf_guard import SsrfGuard, guarded_client
from app.runtime.clock import now
from app.security.resources import SecurityResources
from tests.conftest import Database, Save
from tests.factories import make_task
from tests.features.webhooks.conftest import NewSender, Subscribe
from tests.features.webhooks.factories import make_delivery, make_webhook
from tests.polling import PATIENCE_SECONDS, eventually
from tests.receivers import Message, receiving
from tests.state import reads_of, resources_of, units_of_work

HANGING = 20
# Receivers that hang are never given up within a test.
NEVER = 2 * PATIENCE_SECONDS
PAYLOAD = '{"type":"webhook.test","data":{"name":"b\u00fccher"}}'


async def due(save: Save, webhook: Webhook, **fields: object) -> WebhookDelivery:
    given = {"payload": PAYLOAD, "next_attempt_at": now()}
    return await save(make_delivery(webhook, **given | fields))


async def load(app: FastAPI, row: WebhookDelivery) -> WebhookDelivery:
    async with units_of_work(app).begin() as uow:
        return await uow.session.get_one(WebhookDelivery, row.id)


async def load_webhook(app: FastAPI, webhook: Webhook) -> Webhook:
    async with units_of_work(app).begin() as uow:
        return await uow.session.get_one(Webhook, webhook.id)


class TestMessage:
    async def test_message_is_verified_by_standard_webhooks(
        self, sender: WebhookSender, subscribe: Subscribe, save: Save, app: FastAPI
    ) -> None:
        secret = new_secret()
        async with receiving() as receiver:
            row = await due(save, await subscribe(receiver.url, secret=secret))

            await sender.drain()

        (message,) = receiver.received
        assert message.body == PAYLOAD
        assert message.headers["webhook-id"] == str(row.id)
        assert message.headers["content-type"] == "application/json"
        Verifier(encoded(secret)).verify(message.body, message.headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(encoded(new_secret())).verify(message.body, message.headers)
        sent = await load(app, row)
        assert (sent.status, sent.attempts, sent.response_status) == (
            DeliveryStatus.SUCCEEDED,
            1,
            200,
        )

    @pytest.mark.parametrize(("hours", "signatures"), [(1, 2), (-1, 1)])
    async def test_message_is_signed_with_the_old_secret_while_it_is_valid(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        app: FastAPI,
        hours: int,
        signatures: int,
    ) -> None:
        old, new = new_secret(), new_secret()
        async with receiving() as receiver:
            webhook = await subscribe(
                receiver.url,
                secret=new,
                old_secret_encrypted=resources_of(app)[SecurityResources].encryptor.encrypt(old),
                overlap_until=now() + timedelta(hours=hours),
            )
            await due(save, webhook)

            await sender.drain()

        (message,) = receiver.received
        assert len(message.headers["webhook-signature"].split()) == signatures
        for secret in [new, old][:signatures]:
            Verifier(encoded(secret)).verify(message.body, message.headers)

    async def test_message_with_an_unreadable_secret_is_not_sent(
        self, sender: WebhookSender, save: Save, user: User, app: FastAPI
    ) -> None:
        async with receiving() as receiver:
            foreign = await save(make_webhook(user, url=receiver.url, secret_encrypted=b"x" * 60))
            row = await due(save, foreign)

            await sender.drain()

        assert receiver.connections == 0
        assert (await load(app, row)).error == "secret_unreadable"


class Starts(httpx.AsyncBaseTransport):
    """Receivers that respond at once, and the event loop iteration of each request."""

    def __init__(self) -> None:
        self.iteration = 0
        self.seen: Counter[int] = Counter()

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        self.seen[self.iteration] += 1
        return httpx.Response(200)

    async def count(self) -> None:
        while True:
            self.iteration += 1
            await asyncio.sleep(0)


async def test_claimed_deliveries_do_not_start_in_one_iteration(
    subscribe: Subscribe, save: Save, app: FastAPI
) -> None:
    starts = Starts()
    for _ in range(10):
        await due(save, await subscribe("http://127.0.0.1:9/"))
    counting = asyncio.create_task(starts.count())
    async with httpx.AsyncClient(transport=starts) as client:
        sender = WebhookSender(
            reads_of(app),
            units_of_work(app),
            client,
            resources_of(app)[SecurityResources].encryptor,
        )
        await sender.drain()
    counting.cancel()

    assert sum(starts.seen.values()) == 10
    assert max(starts.seen.values()) == 1


class TestFailure:
    @pytest.mark.parametrize("status", [301, 404, 500])
    async def test_failure_is_retried_with_the_same_id_and_body(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        app: FastAPI,
        database: Database,
        status: int,
    ) -> None:
        async with receiving(status) as receiver:
            webhook = await subscribe(receiver.url)
            row = await due(save, webhook)
            await sender.drain()
            waiting = await load(app, row)
            receiver.status = 204
            await database("UPDATE webhook_deliveries SET next_attempt_at = now()")

            await sender.drain()

        assert (waiting.status, waiting.response_status) == (DeliveryStatus.PENDING, status)
        assert waiting.next_attempt_at is not None
        first, second = receiver.received
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        sent = await load(app, row)
        assert (sent.status, sent.attempts) == (DeliveryStatus.SUCCEEDED, 2)
        assert (await load_webhook(app, webhook)).failing_since is None

    async def test_failure_is_not_retried_before_its_time(
        self, sender: WebhookSender, subscribe: Subscribe, save: Save
    ) -> None:
        async with receiving() as receiver:
            webhook = await subscribe(receiver.url)
            await due(save, webhook, next_attempt_at=now() + timedelta(seconds=5))

            await sender.drain()

        assert receiver.connections == 0

    async def test_last_failure_ends_the_delivery(
        self, sender: WebhookSender, subscribe: Subscribe, save: Save, app: FastAPI
    ) -> None:
        async with receiving(500) as receiver:
            row = await due(save, await subscribe(receiver.url), attempts=len(DELAYS))

            await sender.drain()

        failed = await load(app, row)
        assert (failed.status, failed.next_attempt_at) == (DeliveryStatus.FAILED, None)

    async def test_refused_connection_is_a_failure(
        self, sender: WebhookSender, subscribe: Subscribe, save: Save, app: FastAPI
    ) -> None:
        async with receiving() as receiver:
            pass
        row = await due(save, await subscribe(receiver.url))

        await sender.drain()

        failed = await load(app, row)
        assert (failed.status, failed.error) == (DeliveryStatus.PENDING, "upstream_failed")

    async def test_name_of_a_private_address_is_rejected(
        self, subscribe: Subscribe, save: Save, app: FastAPI
    ) -> None:
        async def inside(host: str, port: int) -> list[str]:
            return ["10.0.0.1"]

        client = guarded_client(SsrfGuard(), inside)
        row = await due(save, await subscribe("https://hooks.example.com/"))

        await WebhookSender(
            reads_of(app),
            units_of_work(app),
            client,
            resources_of(app)[SecurityResources].encryptor,
        ).drain()

        await client.aclose()
        assert (await load(app, row)).error == "destination_refused"

    async def test_delivery_of_a_lost_sender_is_sent_again(
        self, sender: WebhookSender, subscribe: Subscribe, save: Save, app: FastAPI
    ) -> None:
        sending = {"status": DeliveryStatus.SENDING, "attempts": 1}
        async with receiving() as receiver:
            webhook = await subscribe(receiver.url)
            lost = await due(save, webhook, **sending)
            await due(save, webhook, **sending | {"next_attempt_at": now() + timedelta(minutes=1)})

            await sender.drain()

        assert [message.headers["webhook-id"] for message in receiver.received] == [str(lost.id)]


class TestDisabling:
    async def disabled(self, app: FastAPI, webhook: Webhook, database: Database) -> bool:
        found_message = await database("SELECT user_id, subject FROM notifications")
        expected = [{"user_id": webhook.owner_id, "subject": "A webhook was disabled"}]
        assert found_message in ([], expected)
        is_active = (await load_webhook(app, webhook)).is_active
        assert is_active == (found_message == [])
        return not is_active

    @pytest.mark.parametrize(("days", "is_disabled"), [(5.1, True), (4.9, False)])
    async def test_webhook_is_disabled_after_five_days_of_failure(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        app: FastAPI,
        database: Database,
        days: float,
        is_disabled: bool,
    ) -> None:
        async with receiving(500) as receiver:
            failing_since = now() - timedelta(days=days)
            webhook = await subscribe(receiver.url, failing_since=failing_since)
            waiting = await due(save, webhook, next_attempt_at=now() + timedelta(hours=1))
            await due(save, webhook)

            await sender.drain()

        assert await self.disabled(app, webhook, database) == is_disabled
        left = await load(app, waiting)
        assert left.error == ("webhook_disabled" if is_disabled else None)

    async def test_webhook_is_disabled_at_once_by_410(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        app: FastAPI,
        database: Database,
    ) -> None:
        async with receiving(410) as receiver:
            webhook = await subscribe(receiver.url)
            await due(save, webhook)

            await sender.drain()

        assert await self.disabled(app, webhook, database)

    @pytest.mark.parametrize(
        "statement",
        ["UPDATE webhooks SET is_active = false", "UPDATE users SET is_active = false"],
    )
    async def test_disabling_fails_waiting_deliveries(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        database: Database,
        statement: str,
    ) -> None:
        async with receiving() as receiver:
            await due(save, await subscribe(receiver.url))
            await database(statement)

            await sender.drain()

        assert receiver.connections == 0


class TestPermission:
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE users SET role = 'user'", "UPDATE webhooks SET scopes = '{items:read}'"],
        ids=["role of the owner", "scopes of the webhook"],
    )
    async def test_queued_message_that_may_no_longer_be_read_is_not_sent(
        self,
        app: FastAPI,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        database: Database,
        user: User,
        other_user: User,
        statement: str,
    ) -> None:
        await database("UPDATE users SET role = 'admin' WHERE id = :id", id=user.id)
        event = await event_about_task_of(save, database, other_user)
        async with receiving() as receiver:
            webhook = await subscribe(receiver.url, scopes=["admin", "items:read"])
            rows = [await due(save, webhook, payload=None, **event) for _ in range(2)]
            await database(statement)

            await sender.drain()

        assert receiver.connections == 0
        assert {(await load(app, row)).error for row in rows} == {"not_permitted"}


async def event_about_task_of(save: Save, database: Database, owner: User) -> dict[str, object]:
    task = await save(make_task(owner))
    await database("UPDATE tasks SET progress = 50 WHERE id = :id", id=task.id)
    (row,) = await database("SELECT transaction_id, id FROM events WHERE type = 'task.updated'")
    return {"event_transaction_id": row["transaction_id"], "event_id": row["id"]}


class TestHangingReceiver:
    async def test_delays_no_other_receiver(
        self, new_sender: NewSender, subscribe: Subscribe, save: Save
    ) -> None:
        sender = new_sender(timeout_seconds=NEVER, grace_seconds=0)
        async with receiving(is_hanging=True) as hanging, receiving() as receiver:
            for _ in range(HANGING):
                webhook = await subscribe(hanging.url)
                for _ in range(MAX_CONCURRENT + 1):
                    await due(save, webhook)
            sender.start()
            await eventually(lambda: is_full(len(hanging.received)))
            other = await subscribe(receiver.url)

            for _ in range(3):
                await due(save, other)
            sender.notify()
            await eventually(lambda: are(receiver.received, 3))

            assert hanging.connections == HANGING * MAX_CONCURRENT
            await sender.close()

    async def test_delays_no_other_receiver_however_many_hang(
        self, new_sender: NewSender, subscribe: Subscribe, save: Save
    ) -> None:
        sender = new_sender(timeout_seconds=NEVER, grace_seconds=0)
        places = MAX_IN_FLIGHT[True]
        async with receiving(is_hanging=True) as hanging, receiving() as receiver:
            for _ in range(places + 1):
                await due(save, await subscribe(hanging.url, failing_since=now()))
            sender.start()
            await eventually(lambda: are(hanging.received, places))

            await due(save, await subscribe(receiver.url))
            sender.notify()
            await eventually(lambda: are(receiver.received, 1))

            assert hanging.connections == places
            await sender.close()

    async def test_hanging_receiver_gets_no_further_messages(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        database: Database,
    ) -> None:
        async with receiving(is_hanging=True) as hanging:
            webhook = await subscribe(hanging.url)
            await due(save, webhook)
            await sender.work()
            await eventually(lambda: are(hanging.received, 1))
            await database(
                "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - interval '1.1 s'"
            )
            await due(save, webhook)

            await sender.work()

            assert len(sender.attempts) == 1
            hanging.closing.set()
            await asyncio.wait(sender.attempts)

    async def test_that_works_again_is_not_behind_the_backlog_of_others(
        self, new_sender: NewSender, subscribe: Subscribe, save: Save
    ) -> None:
        sender = new_sender(max_in_flight={False: 300, True: 1})
        async with receiving(500) as broken, receiving() as receiver:
            for _ in range(2):
                webhook = await subscribe(broken.url, failing_since=now())
                for _ in range(100):
                    await due(save, webhook, next_attempt_at=now() - timedelta(hours=1))
            await due(save, await subscribe(receiver.url, failing_since=now()))

            for _ in range(50):
                await sender.work()
                await asyncio.wait(sender.attempts)

        assert len(receiver.received) == 1

    async def test_webhook_that_fails_too_long_is_disabled_in_time(
        self, new_sender: NewSender, subscribe: Subscribe, save: Save, app: FastAPI
    ) -> None:
        sender = new_sender(timeout_seconds=0.2)
        async with receiving(is_hanging=True) as hanging:
            row = await due(save, await subscribe(hanging.url))

            await sender.drain()

        failed = await load(app, row)
        assert (failed.error, failed.response_status) == ("upstream_timeout", None)

    async def test_failed_receiver_gets_one_message_at_a_time(
        self,
        sender: WebhookSender,
        subscribe: Subscribe,
        save: Save,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async with receiving(is_hanging=True) as hanging:
            webhook = await subscribe(hanging.url, failing_since=now())
            for _ in range(3):
                await due(save, webhook)

            for _ in range(3):
                await sender.work()
            await eventually(lambda: are(hanging.received, 1))
            assert len(sender.attempts) == 1

            hanging.closing.set()
            await asyncio.wait(sender.attempts)


class TestSeveralSenders:
    async def test_concurrent_senders_send_each_message_once(
        self, app: FastAPI, subscribe: Subscribe, save: Save
    ) -> None:
        client = guarded_client(SsrfGuard(loopback=True))
        senders = [
            WebhookSender(
                reads_of(app),
                units_of_work(app),
                client,
                resources_of(app)[SecurityResources].encryptor,
            )
            for _ in range(3)
        ]
        async with receiving() as receiver:
            webhooks = [await subscribe(receiver.url) for _ in range(3)]
            rows = [await due(save, webhook) for webhook in webhooks for _ in range(5)]

            while len(receiver.received) < len(rows):
                await asyncio.gather(*(sender.drain() for sender in senders))

        await client.aclose()
        sent = [uuid.UUID(message.headers["webhook-id"]) for message in receiver.received]
        assert sorted(sent) == sorted(row.id for row in rows)


class TestRetention:
    async def test_deliveries_are_stored_for_thirty_days(
        self, app: FastAPI, subscribe: Subscribe, save: Save
    ) -> None:
        webhook = await subscribe("https://hooks.example.com/")
        await save(make_delivery(webhook, created_at=now() - timedelta(days=31)))
        kept = await save(make_delivery(webhook, created_at=now() - timedelta(days=29)))

        async with units_of_work(app).begin() as uow:
            await delete_old(uow)

        assert (await load(app, kept)).id == kept.id


async def is_full(connections: int) -> bool:
    return connections == HANGING * MAX_CONCURRENT


async def are(received: list[Message], count: int) -> bool:
    return len(received) == count
