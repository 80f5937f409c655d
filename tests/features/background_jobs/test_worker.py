"""Tasks: committed with the change that causes them, and completed despite failures."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from app.db.resources import DatabaseResources
from app.errors import Conflict
from app.feature import load_features
from app.features.background_jobs import crud as tasks
from app.features.background_jobs.declarations import BackgroundJobs, joined
from app.features.background_jobs.job import Job, JobContext, LeaseLost, PermanentFailure, enqueue
from app.features.background_jobs.models import Task, TaskStatus
from app.features.background_jobs.runner import MAX_CRASHES
from app.features.background_jobs.worker import Worker
from app.features.categories.models import Category
from app.features.tasks.crud import cancel, retry_failed
from app.features.users.models.user import User
from app.observability.request_context import begin_request, request_id
from tests.cleaner import APPLICATION_NAME
from tests.factories import make_category
from tests.polling import eventually
from tests.state import resources_of, units_of_work

seen: list[Any] = []
gates: dict[str, asyncio.Event] = {}


class Note(Job):
    """Stores a row in its completion, after the gate is opened."""

    kind: ClassVar[str] = "note"

    user_id: uuid.UUID
    gate: str = ""

    async def run(self, context: JobContext) -> None:
        seen.append(request_id.get())
        if self.gate:
            gates["entered"].set()
            await gates[self.gate].wait()
        context.result = {"attempt": context.attempt}
        async with context.completion() as uow:
            uow.session.add(make_category())


FAILURES: dict[str, Exception] = {
    "give_up": PermanentFailure("The item is gone."),
    "app": Conflict("Taken."),
    "odd": ValueError("secret"),
}


class Break(Job):
    """Fails as configured."""

    kind: ClassVar[str] = "break"

    how: str

    async def run(self, context: JobContext) -> None:
        seen.append(context.attempt)
        raise FAILURES[self.how]

    @classmethod
    def delay_after(cls, attempt: int) -> timedelta:
        return timedelta(0)


class Linger(Job):
    kind: ClassVar[str] = "linger"
    max_attempts: ClassVar[int] = 1
    timeout_seconds: ClassVar[float] = 0.01

    async def run(self, context: JobContext) -> None:
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()
    gates.update(entered=asyncio.Event(), open=asyncio.Event())


@pytest.fixture
async def worker(app: FastAPI) -> AsyncIterator[Worker]:
    """A worker that runs."""
    worker = new_worker(app)
    worker.start()
    yield worker
    await worker.close()


def new_worker(app: FastAPI, **options: Any) -> Worker:
    own: Worker = resources_of(app)[Worker]
    jobs: tuple[type[Job], ...] = (*own.jobs, Note, Break, Linger)
    return Worker(own.connect, own.resources, jobs=jobs, schedules=(), concurrency=10, **options)


async def put(app: FastAPI, job: Job, **options: Any) -> uuid.UUID:
    async with units_of_work(app).begin() as uow:
        return await enqueue(uow, job, **options)


async def load(app: FastAPI, task_id: uuid.UUID) -> Task:
    async with units_of_work(app).begin() as uow:
        return await uow.session.get_one(Task, task_id)


async def effects(app: FastAPI) -> int:
    async with units_of_work(app).begin() as uow:
        return await uow.session.scalar(select(func.count(Category.id))) or 0


async def ends(app: FastAPI, task_id: uuid.UUID, status: TaskStatus) -> None:
    async def has_ended() -> bool:
        return (await load(app, task_id)).status is status

    await eventually(has_ended, seconds=30)


class TestEnqueue:
    async def test_committed_job_runs(self, app: FastAPI, user: User) -> None:
        task_id = await put(app, Note(user_id=user.id), owner_id=user.id)

        await new_worker(app).drain()

        task = await load(app, task_id)
        assert (task.status, task.attempts, task.progress) == (TaskStatus.SUCCEEDED, 1, 100)
        assert task.result == {"attempt": 1}
        assert await effects(app) == 1

    async def test_rolled_back_job_does_not_run(self, app: FastAPI, user: User) -> None:
        async def enqueue_in_vain() -> None:
            async with units_of_work(app).begin() as uow:
                await enqueue(uow, Note(user_id=user.id))
                raise Conflict

        with pytest.raises(Conflict):
            await enqueue_in_vain()
        await new_worker(app).drain()

        assert await effects(app) == 0

    async def test_same_key_is_the_same_task_while_unfinished(
        self, app: FastAPI, user: User
    ) -> None:
        ids = [await put(app, Note(user_id=user.id), key="one") for _ in range(3)]
        await new_worker(app).drain()
        later = await put(app, Note(user_id=user.id), key="one")

        assert len(set(ids)) == 1
        assert later not in ids
        assert await effects(app) == 1

    async def test_delayed_job_waits(self, app: FastAPI, user: User) -> None:
        await put(app, Note(user_id=user.id), delay=timedelta(hours=1))

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            worker = new_worker(app)
            worker.start()
            await put(app, Note(user_id=user.id))
            await group.create_task(eventually(lambda: one_effect(app), seconds=20))
            await worker.close()

        assert await effects(app) == 1

    async def test_request_id_reaches_the_log_of_the_job(self, app: FastAPI, user: User) -> None:
        begin_request("the-request")
        await put(app, Note(user_id=user.id))
        begin_request("another")

        await new_worker(app).drain()

        assert seen == ["the-request"]


async def one_effect(app: FastAPI) -> bool:
    return await effects(app) == 1


class TestFailures:
    async def test_fifth_failure_is_the_last(self, app: FastAPI) -> None:
        task_id = await put(app, Break(how="odd"))

        await new_worker(app).drain()

        task = await load(app, task_id)
        assert (task.status, seen) == (TaskStatus.FAILED, [1, 2, 3, 4, 5])
        assert "secret" not in (task.error or "")

    @pytest.mark.parametrize(
        ("how", "attempts", "error"),
        [("give_up", 1, "The item is gone."), ("app", 5, "Taken.")],
    )
    async def test_error_shows_only_public_details(
        self, app: FastAPI, how: str, attempts: int, error: str
    ) -> None:
        task_id = await put(app, Break(how=how))

        await new_worker(app).drain()

        task = await load(app, task_id)
        assert (task.status, task.attempts, task.error) == (TaskStatus.FAILED, attempts, error)

    async def test_job_has_limited_time(self, app: FastAPI) -> None:
        task_id = await put(app, Linger())

        await new_worker(app).drain()

        assert (await load(app, task_id)).error == "The attempt took too long."

    async def test_job_that_kills_its_worker_fails(self, app: FastAPI, user: User) -> None:
        task_id = await put(app, Note(user_id=user.id))
        for _ in range(MAX_CRASHES):
            async with units_of_work(app).begin() as uow:
                await tasks.begin(uow, task_id)

        await new_worker(app).drain()

        task = await load(app, task_id)
        assert (task.status, seen) == (TaskStatus.FAILED, [])

    async def test_failed_task_can_be_retried(self, app: FastAPI) -> None:
        task_id = await put(app, Break(how="give_up"))
        await new_worker(app).drain()

        async with units_of_work(app).begin() as uow:
            retried = await retry_failed(uow, [task_id])
        await new_worker(app).drain()

        assert (retried, seen) == ((1, 0), [1, 1])

    def test_backoff_grows_with_jitter(self) -> None:
        pauses = [Note.delay_after(attempt).total_seconds() for attempt in range(1, 20)]

        assert all(2 ** (n - 1) <= pause <= 2**n for n, pause in enumerate(pauses[:5], 1))
        assert max(pauses) <= 3600

    def test_mails_survive_half_an_hour_without_a_mail_server(self) -> None:
        declared = joined(load_features().extensions("background_jobs", BackgroundJobs))
        for kind in (each for each in declared.jobs if each.kind.startswith("send_")):
            pauses = [kind.delay_after(attempt) for attempt in range(1, kind.max_attempts)]

            assert sum(pauses, timedelta(0)) > timedelta(minutes=30), kind


class TestAttempts:
    async def test_superseded_attempt_has_no_effect(self, app: FastAPI, user: User) -> None:
        task_id = await put(app, Note(user_id=user.id))
        for _ in range(2):
            async with units_of_work(app).begin() as uow:
                await tasks.begin(uow, task_id)
        overtaken = JobContext(resources_of(app)[Worker].resources, task_id, attempt=1)

        with pytest.raises(LeaseLost):
            await Note(user_id=user.id).run(overtaken)

        assert await effects(app) == 0

    async def test_cancelled_task_is_stopped_and_has_no_effect(
        self, app: FastAPI, user: User, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receivers = resources_of(app)[DatabaseResources].notifications.receivers
        monkeypatch.setitem(receivers, tasks.CHANNEL, [worker.cancel])
        task_id = await put(app, Note(user_id=user.id, gate="open"))
        await gates["entered"].wait()

        async with units_of_work(app).begin() as uow:
            await cancel(uow, await uow.session.get_one(Task, task_id))
        await eventually(lambda: is_idle(worker))

        assert (await load(app, task_id)).status is TaskStatus.CANCELLED
        assert await effects(app) == 0

    async def test_stopping_worker_requeues_tasks(self, app: FastAPI, user: User) -> None:
        stopping = new_worker(app, grace_seconds=0.1)
        stopping.start()
        task_id = await put(app, Note(user_id=user.id, gate="open"))
        await gates["entered"].wait()

        await stopping.close()

        task = await load(app, task_id)
        assert (task.status, task.attempts) == (TaskStatus.QUEUED, 0)
        gates["open"].set()
        await new_worker(app).drain()
        assert await effects(app) == 1

    async def test_stopping_worker_finishes_short_tasks(self, app: FastAPI, user: User) -> None:
        stopping = new_worker(app)
        stopping.start()
        task_id = await put(app, Note(user_id=user.id, gate="open"))
        await gates["entered"].wait()

        closing = asyncio.create_task(stopping.close())
        gates["open"].set()
        await closing

        assert (await load(app, task_id)).status is TaskStatus.SUCCEEDED

    async def test_worker_reconnects_after_a_lost_connection(
        self, app: FastAPI, user: User, worker: Worker
    ) -> None:
        await ends(app, await put(app, Note(user_id=user.id)), TaskStatus.SUCCEEDED)

        async with units_of_work(app).begin() as uow:
            await uow.session.execute(LOSE_CONNECTIONS)

        await ends(app, await put(app, Note(user_id=user.id)), TaskStatus.SUCCEEDED)

    async def test_task_missing_in_the_queue_is_enqueued_again(
        self, app: FastAPI, user: User
    ) -> None:
        await put(app, Note(user_id=user.id))
        async with units_of_work(app).begin() as uow:
            await uow.session.execute(text("DELETE FROM queue.pgqueuer"))
            await uow.session.execute(
                text("UPDATE tasks SET updated_at = now() - interval '1 hour'")
            )

        async with units_of_work(app).begin() as uow:
            counts = [await tasks.requeue_lost(uow) for _ in range(2)]
        await new_worker(app).drain()

        assert (counts, await effects(app)) == ([1, 0], 1)


# All but our own: that of the worker is among them.
LOSE_CONNECTIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query ~ 'pgqueuer'"
    f" AND application_name <> '{APPLICATION_NAME}'"
)


async def is_idle(worker: Worker) -> bool:
    return worker.is_idle
