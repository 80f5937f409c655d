"""Migrations: upgrade, downgrade and upgrade, by any number of replicas at once."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.config.settings import ConfigError, Settings
from app.db import migrations, revisions
from app.db.base import Base
from app.devtools.postgres_process import binary
from app.main import create_app
from tests.conftest import execute, new_client, plain
from tests.e2e.service import ROOT, app_command

REPLICAS = 5
REVISIONS = [
    script.revision
    for script in ScriptDirectory.from_config(migrations.alembic_config("")).walk_revisions()
]


def schema(url: str) -> str:
    """The schema as pg_dump writes it."""
    done = subprocess.run(
        [binary("pg_dump"), "--schema-only", "--restrict-key=tests", plain(url)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


class TestUpgrade:
    def test_creates_the_schema_of_the_models(self, empty_database: str) -> None:
        migrations.upgrade(empty_database)

        migrations.check(empty_database)

    def test_model_without_a_migration_is_noticed(self, empty_database: str) -> None:
        migrations.upgrade(empty_database)
        asyncio.run(execute(empty_database, "ALTER TABLE items DROP COLUMN processed_at"))

        with pytest.raises(ConfigError, match="processed_at"):
            migrations.check(empty_database)

    @pytest.mark.parametrize("go", [migrations.upgrade, migrations.downgrade])
    def test_unknown_revision_is_one_sentence(
        self, empty_database: str, go: Callable[[str, str], None]
    ) -> None:
        with pytest.raises(ConfigError, match=r"^Can't locate revision identified by 'nothing'\.$"):
            go(empty_database, "nothing")

    def test_second_upgrade_changes_nothing(self, empty_database: str) -> None:
        migrations.upgrade(empty_database)
        before = schema(empty_database)

        migrations.upgrade(empty_database)

        assert schema(empty_database) == before

    def test_replicas_may_start_at_once(self, empty_database: str, tmp_path: Path) -> None:
        environment = {"DATABASE_URL": empty_database, "PYTHONPATH": str(ROOT)}
        command = app_command("db", "upgrade")
        replicas = [
            subprocess.Popen(command, env=environment, cwd=tmp_path) for _ in range(REPLICAS)
        ]

        assert [replica.wait(60) for replica in replicas] == [0] * REPLICAS
        migrations.check(empty_database)

    async def test_service_is_ready_afterwards(
        self, settings: Settings, empty_database: str
    ) -> None:
        app = create_app(settings.model_copy(update={"database_url": empty_database}))

        async with app.router.lifespan_context(app), new_client(app) as client:
            before = await client.get("/readiness")
            await asyncio.to_thread(migrations.upgrade, empty_database)
            after = await client.get("/readiness")

        assert (before.status_code, after.status_code) == (503, 200)

    def test_unreachable_database_is_one_sentence(self, tmp_path: Path) -> None:
        done = subprocess.run(
            app_command("db", "upgrade"),
            env={"DATABASE_URL": "postgresql://app@127.0.0.1:1/app", "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 1
        assert done.stderr.startswith("The database cannot be reached: ")
        assert done.stderr.count("\n") == 1


class TestDowngrade:
    def test_and_upgrade_give_an_equal_schema(self, empty_database: str) -> None:
        migrations.upgrade(empty_database)
        before = schema(empty_database)

        migrations.downgrade(empty_database, "base")
        assert not {f"CREATE TABLE public.{name} " for name in Base.metadata.tables} & set(
            schema(empty_database).splitlines()
        )
        migrations.upgrade(empty_database)

        assert schema(empty_database) == before

    def test_each_step_can_be_undone(self, empty_database: str) -> None:
        schemas = []
        for revision in reversed(REVISIONS):
            migrations.upgrade(empty_database, revision)
            schemas.append(schema(empty_database))

        for revision, expected in zip(REVISIONS, reversed(schemas), strict=True):
            migrations.downgrade(empty_database, revision)
            assert schema(empty_database) == expected


def test_revisions_are_linear_and_numbered() -> None:
    script = ScriptDirectory.from_config(migrations.alembic_config(""))

    assert [REVISIONS[0]] == script.get_heads()
    assert revisions.known_revisions()[0] == REVISIONS[0]
    assert set(revisions.known_revisions()) == set(REVISIONS)
    assert len({int(revision) for revision in REVISIONS}) == len(REVISIONS)
