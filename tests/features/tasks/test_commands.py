"""Task management from the command line."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from app.commands.cli import cli
from app.config.settings import ConfigError, Settings
from app.features.background_jobs.models import Task, TaskStatus
from app.features.background_jobs.worker import Worker
from app.features.tasks import commands as jobs
from app.features.users.models.user import User
from app.runtime.clock import now
from tests.conftest import Database, Save
from tests.factories import make_item, make_task
from tests.state import resources_of

Run = Callable[..., Awaitable[str]]
FAILED: dict[str, Any] = {"status": TaskStatus.FAILED, "attempts": 5, "progress": 50}


@pytest.fixture
def run(app: FastAPI, settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a terminal would, beside the service, and return what it prints."""

    async def run_command(command: Callable[..., None], *arguments: Any) -> str:
        await asyncio.to_thread(command, settings, *arguments)
        return capsys.readouterr().out

    return run_command


async def statuses(database: Database) -> list[str]:
    rows: Sequence[dict[str, Any]] = await database("SELECT status FROM tasks ORDER BY created_at")
    return [row["status"] for row in rows]


class TestList:
    async def test_shows_the_newest_first(self, run: Run, save: Save, user: User) -> None:
        await save(make_task(user))
        newest: Task = await save(make_task(user, error="It broke.", finished_at=now(), **FAILED))

        header, first, second = (await run(jobs.show, None, 20)).splitlines()

        assert header.split("\t")[:3] == ["id", "kind", "status"]
        assert first.startswith(f"{newest.id}\tprocess_item\tfailed\t5\t")
        assert first.endswith("Z\ttests\tIt broke.")
        assert second.endswith("\ttests\t")

    async def test_filters_by_state_and_bounds(self, run: Run, save: Save, user: User) -> None:
        for _ in range(3):
            await save(make_task(user, **FAILED))
        await save(make_task(user))

        lines = (await run(jobs.show, "failed", 2)).splitlines()[1:]

        assert [line.split("\t")[2] for line in lines] == ["failed"] * 2

    def test_absent_database_is_one_sentence(self, settings: Settings) -> None:
        nowhere = "postgresql+asyncpg://a:b@127.0.0.1:1/c"

        with pytest.raises(ConfigError, match="check DATABASE_URL"):
            jobs.show(settings.model_copy(update={"database_url": nowhere}), None, 1)


class TestRetry:
    async def test_retries_all_failed_tasks(
        self, app: FastAPI, run: Run, save: Save, user: User, database: Database
    ) -> None:
        for _ in range(2):
            item = await save(make_item(user))
            await save(make_task(user, payload={"item_id": str(item.id)}, **FAILED))

        message = await run(jobs.retry, [])
        waiting = await database("SELECT attempts, progress FROM tasks")
        await resources_of(app)[Worker].drain()

        assert message == "Enqueued again: 2.\n"
        assert waiting == [{"attempts": 0, "progress": 0}] * 2
        assert await statuses(database) == ["succeeded"] * 2

    async def test_retries_only_the_named_tasks(
        self, run: Run, save: Save, user: User, database: Database
    ) -> None:
        named: Task = await save(make_task(user, **FAILED))
        await save(make_task(user, **FAILED))

        await run(jobs.retry, [named.id, uuid.uuid4()])

        assert await statuses(database) == ["queued", "failed"]

    async def test_conflict_of_one_task_does_not_affect_others(
        self, run: Run, save: Save, user: User, database: Database
    ) -> None:
        for key in ("one", "one", "two"):
            await save(make_task(user, deduplication_key=key, **FAILED))

        message = await run(jobs.retry, [])

        assert (
            message.splitlines()[1]
            == "Not enqueued, because an unfinished task has the same key: 1."
        )
        assert await statuses(database) == ["failed", "queued", "queued"]


class TestPurge:
    async def test_deletes_tasks_with_the_given_status(
        self, run: Run, save: Save, user: User, database: Database
    ) -> None:
        for status in TaskStatus:
            await save(make_task(user, status=status))

        message = await run(jobs.purge, "failed")

        assert message == "Deleted: 1.\n"
        assert await statuses(database) == ["queued", "running", "succeeded", "cancelled"]

    @pytest.mark.parametrize("status", ["queued", "running", "nonsense", ""])
    def test_unfinished_tasks_cannot_be_purged(self, status: str) -> None:
        result = CliRunner().invoke(cli, ["jobs", "purge", status])

        assert result.exit_code == 2
