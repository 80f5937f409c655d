"""Dump and restore: atomic, and without overwriting data by accident."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.config.settings import ConfigError, Settings
from app.db import migrations, revisions
from app.features.backup import commands as backup
from app.features.users.models.user import User
from benchmarks.harness.database_content import content
from tests.conftest import Save, execute
from tests.e2e.service import ROOT, app_command
from tests.factories import make_category, make_item, make_task, make_user
from tests.state import resources_of


async def dumped(app: FastAPI, folder: Path) -> Path:
    file = folder / "app.dump"
    await asyncio.to_thread(backup.dump, resources_of(app)[Settings].database_url, file)
    return file


@pytest.fixture
async def rows(save: Save, user: User) -> None:
    await save(make_user(full_name="Zo\u00eb \\ \t'\"", address={"city": "Gda\u0144sk"}))
    await save(make_category(name="Desks"))
    await save(make_item(user, tags=["a", "b"], description="two\nlines"))
    await save(make_task(user))


class TestRestore:
    async def test_restores_every_row_and_the_schema(
        self, app: FastAPI, rows: None, empty_database: str, tmp_path: Path
    ) -> None:
        before = await content(resources_of(app)[Settings].database_url)
        file = await dumped(app, tmp_path)

        said = await asyncio.to_thread(backup.restore, empty_database, file, force=False)

        assert await content(empty_database) == before
        assert any("Gda\u0144sk" in row for row in before["users"])
        assert said.endswith(f"is at migration {revisions.known_revisions()[0]}, the newest.")
        await asyncio.to_thread(migrations.check, empty_database)

    async def test_rejects_a_database_that_is_not_empty(self, app: FastAPI, tmp_path: Path) -> None:
        file = await dumped(app, tmp_path)

        with pytest.raises(ConfigError, match="not empty: --force"):
            backup.restore(resources_of(app)[Settings].database_url, file, force=False)

    async def test_force_replaces_a_database_in_use(
        self, app: FastAPI, rows: None, empty_database: str, tmp_path: Path
    ) -> None:
        file = await dumped(app, tmp_path)
        await asyncio.to_thread(migrations.upgrade, empty_database)
        await execute(empty_database, "CREATE TABLE other_table (id int)")

        await asyncio.to_thread(backup.restore, empty_database, file, force=True)

        assert await content(empty_database) == await content(
            resources_of(app)[Settings].database_url
        )
        await asyncio.to_thread(migrations.check, empty_database)

    async def test_jobs_alone_are_not_empty(
        self, app: FastAPI, empty_database: str, tmp_path: Path
    ) -> None:
        file = await dumped(app, tmp_path)
        await execute(empty_database, "CREATE SCHEMA queue; CREATE TABLE queue.jobs (id int)")

        with pytest.raises(ConfigError, match="not empty: --force"):
            await asyncio.to_thread(backup.restore, empty_database, file, force=False)

    async def test_force_deletes_all_other_tables(
        self, app: FastAPI, rows: None, empty_database: str, tmp_path: Path
    ) -> None:
        file = await dumped(app, tmp_path)
        await execute(
            empty_database, "CREATE TABLE other_table (id int); CREATE TABLE users (id int)"
        )

        await asyncio.to_thread(backup.restore, empty_database, file, force=True)

        assert await content(empty_database) == await content(
            resources_of(app)[Settings].database_url
        )

    async def test_damaged_dump_changes_nothing(
        self, app: FastAPI, rows: None, empty_database: str, tmp_path: Path
    ) -> None:
        file = await dumped(app, tmp_path)
        # Which of the two programs notices first depends on what the cut leaves.
        file.write_bytes(file.read_bytes()[:-200])
        await execute(empty_database, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        before = await content(empty_database)

        with pytest.raises(ConfigError, match=r"(pg_restore|psql) failed"):
            await asyncio.to_thread(backup.restore, empty_database, file, force=True)

        assert await content(empty_database) == before

    async def test_dump_of_an_older_release_requires_migrations(
        self, empty_database: str, tmp_path: Path
    ) -> None:
        await asyncio.to_thread(migrations.upgrade, empty_database, "004_users")
        file = tmp_path / "older.dump"
        await asyncio.to_thread(backup.dump, empty_database, file)

        said = await asyncio.to_thread(backup.restore, empty_database, file, force=True)

        assert said.endswith("is at migration 004_users: run `app db upgrade`.")
        await asyncio.to_thread(migrations.upgrade, empty_database)
        await asyncio.to_thread(migrations.check, empty_database)

    async def test_rejects_a_newer_release(
        self, app: FastAPI, empty_database: str, tmp_path: Path
    ) -> None:
        await asyncio.to_thread(migrations.upgrade, empty_database)
        await execute(empty_database, "UPDATE alembic_version SET version_num = '9999'")
        file = tmp_path / "newer.dump"
        await asyncio.to_thread(backup.dump, empty_database, file)

        with pytest.raises(ConfigError, match="newer release: it is at migration 9999"):
            backup.restore(empty_database, file, force=True)

    def test_rejects_a_file_that_is_no_dump(self, empty_database: str, tmp_path: Path) -> None:
        file = tmp_path / "letter.txt"
        file.write_text("Dear all", encoding="utf-8")

        with pytest.raises(ConfigError, match="pg_restore failed"):
            backup.restore(empty_database, file, force=False)

    def test_rejects_the_dump_of_another_service(self, empty_database: str, tmp_path: Path) -> None:
        file = tmp_path / "other.dump"
        backup.dump(empty_database, file)

        with pytest.raises(ConfigError, match="names no migration"):
            backup.restore(empty_database, file, force=False)


class TestDump:
    def test_failure_leaves_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="pg_dump failed: "):
            backup.dump("postgresql+asyncpg://app@127.0.0.1:1/app", tmp_path / "app.dump")

        assert list(tmp_path.iterdir()) == []

    def test_password_is_not_on_the_command_line(self) -> None:
        url = "postgresql+asyncpg://app:p%40ss@a:1,b:2/app?target_session_attrs=read-write"

        assert backup.without_password(url) == (
            "postgresql://app@a:1,b:2/app?target_session_attrs=read-write"
        )
        assert backup.secrets(url)["PGPASSWORD"] == "p@ss"

    def test_missing_program_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        monkeypatch.setenv("PATH", "")

        with pytest.raises(ConfigError, match="pg_dump is not installed: install PostgreSQL's"):
            backup.program("pg_dump")


class TestCommandLine:
    @pytest.fixture
    def environment(self, settings: Settings) -> dict[str, str]:
        return {"DATABASE_URL": settings.database_url, "PYTHONPATH": str(ROOT)}

    def test_dumps_and_rejects_to_restore_over_existing_data(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        file = str(tmp_path / "app.dump")

        dump = run("dump", file, environment=environment)
        restore = run("restore", file, environment=environment)

        assert (dump.returncode, dump.stdout, dump.stderr) == (0, "", "")
        assert restore.returncode == 1
        assert restore.stderr == "The database is not empty: --force drops what it holds.\n"


def run(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        app_command("db", *arguments), env=environment, capture_output=True, text=True, check=False
    )
