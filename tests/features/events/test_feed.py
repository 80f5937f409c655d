"""The feed: every event once and in order, despite late commits and lost notifications."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from fastapi import FastAPI

from app.config.settings import Settings
from app.db.resources import DatabaseResources
from app.errors import Conflict
from app.features import FEATURES
from app.features.events.crud import events
from app.features.events.feed import EventFeed, Subscription
from app.features.events.lifespan import EventResources
from app.features.events.models.event import Position
from app.features.events.schemas import PublishedEvent
from app.features.items.models import Item
from app.features.users.models.user import User
from app.security.principals import Principal
from tests.conftest import Database, Running, Save
from tests.factories import make_item, make_task
from tests.polling import eventually
from tests.state import reads_of, resources_of, units_of_work

PATIENCE_SECONDS = 20


class Follower:
    """Stores the received events."""

    def __init__(self, feed: EventFeed, after: Position) -> None:
        self.received: list[PublishedEvent] = []
        self.after = after
        self.task = asyncio.create_task(self.follow(feed, after))
        self.reason = ""

    async def follow(self, feed: EventFeed, after: Position) -> None:
        with feed.subscription() as subscription:
            async for message in subscription.events(after):
                self.received.append(message)
                self.after = message.position
            self.reason = subscription.ended

    @property
    def names(self) -> list[str]:
        return [message.event.data["name"] for message in self.received]

    async def until(self, condition: Callable[["Follower"], bool]) -> None:
        def holds() -> bool:
            assert condition(self) or not self.task.done(), self.task
            return condition(self)

        await eventually(holds, PATIENCE_SECONDS)

    async def until_received(self, count: int) -> None:
        await self.until(lambda follower: len(follower.received) >= count)


Follow = Callable[..., Any]


@pytest.fixture
async def feed(app: FastAPI) -> AsyncIterator[EventFeed]:
    """A feed without notifications: it finds events by polling."""
    feed = EventFeed(reads_of(app))
    feed.poll_seconds = 0.02
    feed.start()
    yield feed
    await feed.close()


@pytest.fixture
async def follow(feed: EventFeed) -> AsyncIterator[Follow]:
    started: list[Follower] = []

    async def start(after: Position | None = None) -> Follower:
        started.append(Follower(feed, after or await feed.end_position()))
        return started[-1]

    yield start
    for follower in started:
        follower.task.cancel()
        with suppress(asyncio.CancelledError):
            await follower.task


def item(user: User, name: object) -> Item:
    return make_item(user, name=str(name))


class TestEvents:
    async def test_data_matches_the_api_response(
        self, follow: Follow, user: User, save: Save
    ) -> None:
        follower = await follow()
        row = await save(make_item(user, price="899.10"))

        await follower.until_received(1)
        (message,) = follower.received
        assert message.event.type == "item.created"
        assert '"price":"899.10","tax":"0.00"' in message.json
        assert message.event.data["created_at"] == row.created_at
        assert set(message.event.data) == {
            "id", "name", "description", "price", "tax", "tags", "category_id", "owner_id",
            "processed_at", "created_at", "updated_at", "version",
        }  # fmt: skip

    async def test_item_events_cover_its_changes(
        self, follow: Follow, user: User, save: Save, database: Database
    ) -> None:
        follower = await follow()
        await save(make_item(user))
        for change in (
            "price = 1",
            "processed_at = now()",
            "deleted_at = now()",
            "category_id = NULL, version = version + 1",  # Deleted: no event.
            "deleted_at = NULL",
        ):
            await database(f"UPDATE items SET {change}")
        await database("DELETE FROM items")

        await follower.until_received(6)
        assert [message.event.type for message in follower.received] == [
            "item.created", "item.updated", "item.processed", "item.deleted", "item.updated",
            "item.deleted",
        ]  # fmt: skip

    async def test_task_events_report_progress_to_the_owner(
        self, follow: Follow, user: User, other_user: User, save: Save, database: Database
    ) -> None:
        follower = await follow()
        await save(make_task(user, payload={"secret": "for the job alone"}))
        await database("UPDATE tasks SET status = 'running', progress = 40")

        await follower.until_received(1)
        (message,) = follower.received
        assert (message.event.type, message.event.data["progress"]) == ("task.updated", 40)
        assert "payload" not in message.event.data
        assert message.is_for(Principal(user.id, user.role, frozenset()))
        assert not message.is_for(Principal(other_user.id, user.role, frozenset()))

    async def test_other_tables_have_no_events(self, user: User, database: Database) -> None:
        assert await database("SELECT 1 FROM audit_entries")
        assert not await database("SELECT 1 FROM events")

    async def test_rolled_back_change_has_no_event(
        self, app: FastAPI, user: User, database: Database
    ) -> None:
        with pytest.raises(Conflict):
            await create_in_vain(app, user)

        assert not await database("SELECT 1 FROM events")


async def create_in_vain(app: FastAPI, user: User) -> None:
    async with units_of_work(app).begin() as uow:
        uow.session.add(make_item(user))
        await uow.session.flush()
        raise Conflict


class TestOrder:
    async def test_late_commit_is_not_skipped(
        self, app: FastAPI, follow: Follow, user: User, save: Save
    ) -> None:
        """The later of two ids is committed first; a naive reader would skip the other."""
        follower = await follow()
        async with units_of_work(app).begin() as slow:
            slow.session.add(item(user, "begun first"))
            await slow.session.flush()
            await save(item(user, "committed first"))
            looks = reads_of(app).statements
            await eventually(lambda: reads_of(app).statements >= looks + 10)
            assert follower.received == []

        await follower.until_received(2)
        assert follower.names == ["begun first", "committed first"]

    async def test_resumed_stream_does_not_skip_a_late_commit(
        self, app: FastAPI, follow: Follow, feed: EventFeed, user: User, save: Save
    ) -> None:
        start = await feed.end_position()
        async with units_of_work(app).begin() as slow:
            slow.session.add(item(user, "begun first"))
            await slow.session.flush()
            await save(item(user, "committed first"))
            batch = await feed.read(start)
            assert (batch.events, batch.is_unsettled) == ([], True)
            follower = await follow(start)

        await follower.until_received(2)
        assert follower.names == ["begun first", "committed first"]

    async def test_batch_keeps_its_order(self, app: FastAPI, follow: Follow, user: User) -> None:
        follower = await follow()
        async with units_of_work(app).begin() as uow:
            uow.session.add_all(item(user, number) for number in range(events.BATCH * 2 + 1))

        await follower.until_received(events.BATCH * 2 + 1)
        assert follower.names == [str(number) for number in range(events.BATCH * 2 + 1)]

    async def test_every_subscriber_receives_every_event_once(
        self, app: FastAPI, follow: Follow, feed: EventFeed, user: User
    ) -> None:
        start = await feed.end_position()
        writers = [asyncio.create_task(write(app, user, f"{each}-", 40)) for each in range(6)]
        followers = []
        for number in range(8):
            followers.append(await follow(start))
            await followers[0].until_received(10 * number)
        await asyncio.gather(*writers)

        for follower in followers:
            await follower.until_received(240)
        assert len(set(followers[0].names)) == len(followers[0].names) == 240
        assert all(follower.names == followers[0].names for follower in followers)

    async def test_resumed_stream_misses_and_repeats_nothing(
        self, app: FastAPI, follow: Follow, feed: EventFeed, user: User
    ) -> None:
        steady = await follow()
        writing = asyncio.create_task(write(app, user, "", 120))
        names: list[str] = []
        after = steady.after
        while len(names) < 120:
            restless = await follow(after)
            await restless.until_received(min(7, 120 - len(names)))
            restless.task.cancel()
            names += restless.names
            after = restless.after
        await writing

        await steady.until_received(120)
        assert names == steady.names == [str(number) for number in range(120)]


async def write(app: FastAPI, user: User, prefix: str, count: int) -> None:
    for number in range(count):
        async with units_of_work(app).begin() as uow:
            uow.session.add(item(user, f"{prefix}{number}"))


class TestSubscribers:
    async def test_feed_without_subscribers_reads_nothing(
        self, app: FastAPI, user: User, save: Save
    ) -> None:
        feed = EventFeed(reads_of(app))
        await save(make_item(user))
        before = reads_of(app).statements

        for _ in range(10):
            await feed.work()

        assert reads_of(app).statements == before

    async def test_slow_subscriber_is_disconnected_and_resumes(
        self, app: FastAPI, feed: EventFeed, follow: Follow, user: User
    ) -> None:
        feed.max_waiting = 10
        with feed.subscription() as subscription:
            received = subscription.events(start := await feed.end_position())
            first = asyncio.ensure_future(anext(received))
            await eventually(lambda: is_admitted(feed))
            await write(app, user, "a", 1)
            name = (await first).event.data["name"]
            await write(app, user, "b", 20)
            await eventually(lambda: is_cut(subscription))

            assert name == "a0"
            assert [each async for each in received] == []
        rest = await follow(Position(start.transaction_id, start.id))
        await rest.until_received(21)

    async def test_streams_end_at_shutdown(self, feed: EventFeed, follow: Follow) -> None:
        before = await follow()
        await eventually(lambda: is_admitted(feed))
        feed.drain()
        after = await follow()

        await asyncio.wait([before.task, after.task], timeout=PATIENCE_SECONDS)
        assert before.reason == after.reason == "shutting down"

    async def test_subscribers_receive_own_commits_at_once(
        self, app: FastAPI, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            resources_of(app)[EventResources].feed, "poll_seconds", PATIENCE_SECONDS * 2
        )
        follower = Follower(
            resources_of(app)[EventResources].feed,
            await resources_of(app)[EventResources].feed.end_position(),
        )
        await eventually(lambda: is_admitted(resources_of(app)[EventResources].feed))
        for number in range(3):
            await write(app, user, "", 1)
            await follower.until_received(number + 1)

        follower.task.cancel()

    async def test_subscribers_survive_an_unreachable_database(
        self, app: FastAPI, feed: EventFeed, follow: Follow, user: User, save: Save,
        database: Database,
    ) -> None:  # fmt: skip
        follower = await follow()
        await eventually(lambda: is_admitted(feed))
        name = resources_of(app)[Settings].project_name
        await database(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = :name AND datname = current_database() "
            "AND pid <> pg_backend_pid()",
            name=name,
        )
        await save(item(user, "afterwards"))

        await follower.until_received(1)


async def is_admitted(feed: EventFeed) -> bool:
    return feed.position is not None


async def is_cut(subscription: Subscription) -> bool:
    return subscription.ended == "too slow"


CARRIERS = ["postgresql", *(["redis"] if "redis" in FEATURES else [])]


class TestOtherProcesses:
    @pytest.mark.parametrize("carrier", CARRIERS)
    async def test_other_processes_are_notified_before_they_poll(
        self, app: FastAPI, running: Running, user: User, carrier: str,
        valkey_url: str,
    ) -> None:  # fmt: skip
        changes = {"redis_url": valkey_url} if carrier == "redis" else {}
        alone = {**changes, "run_worker": False}
        async with running(**alone) as here, running(**alone) as there:
            feed = resources_of(there)[EventResources].feed
            feed.poll_seconds = PATIENCE_SECONDS * 2
            follower = Follower(feed, await feed.end_position())
            await eventually(lambda: is_admitted(feed))
            await eventually(lambda: is_connected(here, there))
            received = asyncio.create_task(follower.until_received(2))
            await write(here, user, "", 2)
            await received
            follower.task.cancel()


async def is_connected(here: FastAPI, there: FastAPI) -> bool:
    """Return whether a notification of one process reaches the other."""
    received = asyncio.Event()

    def receive(payload: str) -> None:
        received.set()
        resources_of(there)[EventResources].feed.notify(payload)

    resources_of(there)[DatabaseResources].notifications.receivers[events.CHANNEL] = [receive]
    resources_of(here)[EventResources].publisher.notify()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await received.wait()
    return received.is_set()


class TestRetention:
    async def test_deletes_old_events_and_events_of_another_server(
        self, app: FastAPI, user: User, save: Save, database: Database
    ) -> None:
        for name in ("old", "new", "restored"):
            await save(item(user, name))
        named = "UPDATE events SET {} WHERE data ->> 'name' = '{}'"
        await database(named.format("created_at = now() - interval '8 days'", "old"))
        await database(named.format("transaction_id = 1e15", "restored"))
        async with units_of_work(app).begin() as uow:
            await events.delete_old(uow)

        left = await database("SELECT data ->> 'name' AS name FROM events")
        assert [row["name"] for row in left] == ["new"]


class Counting(EventFeed):
    """Records how many pages were read concurrently."""

    running = most = pages = 0

    async def read(self, after: Position) -> events.Batch:
        self.running, self.pages = self.running + 1, self.pages + 1
        self.most = max(self.most, self.running)
        try:
            return await super().read(after)
        finally:
            self.running -= 1


class TestReplays:
    async def test_pages_are_read_one_at_a_time_however_many_clients_resume(
        self, app: FastAPI, user: User, database: Database
    ) -> None:
        feed = Counting(reads_of(app))
        start = await feed.end_position()
        await database(
            "INSERT INTO items (id, name, price, owner_id) SELECT gen_random_uuid(), 'item', 1, :id"
            " FROM generate_series(1, 250)",
            id=user.id,
        )

        followers = [Follower(feed, start) for _ in range(3)]
        for follower in followers:
            await follower.until_received(250)
            follower.task.cancel()

        assert feed.most == 1
        assert feed.pages == 6
        assert {len({message.event.id for message in each.received}) for each in followers} == {250}
