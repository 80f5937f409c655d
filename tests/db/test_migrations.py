"""Migrations: upgrade, downgrade and upgrade, by any number of replicas at once."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from app.config.settings import ConfigError, Settings
from app.db import migrations, revisions
from app.devtools.postgres_process import binary
from app.features import FEATURES
from app.main import create_app
from tests.conftest import execute, new_client, plain
from tests.e2e.service import ROOT, app_command
from tests.polling import PATIENCE_SECONDS, eventually

REPLICAS = 5
# Below the time limit of a test: five at once take a minute on a busy machine.
START_SECONDS = 110
SCRIPTS = list(ScriptDirectory.from_config(migrations.alembic_config("")).walk_revisions())
REVISIONS = [script.revision for script in SCRIPTS]
FEATURE_OF = {script.module.feature: script.revision for script in reversed(SCRIPTS)}
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"


def schema(url: str) -> str:
    """The schema as pg_dump writes it, without the table of Alembic."""
    done = subprocess.run(
        [
            binary("pg_dump"),
            "--schema-only",
            "--restrict-key=tests",
            "--exclude-table=alembic_version",
            plain(url),
        ],
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

    @pytest.mark.parametrize("revision", ["0001", "0032"])
    def test_squashed_revision_is_one_sentence(self, empty_database: str, revision: str) -> None:
        migrations.upgrade(empty_database, "001_kernel")
        change = f"UPDATE alembic_version SET version_num = '{revision}'"
        asyncio.run(execute(empty_database, change))

        with pytest.raises(
            ConfigError, match=rf"^The database is at migration {revision}, from .+"
        ):
            migrations.upgrade(empty_database)

    def test_again_changes_nothing(self, empty_database: str) -> None:
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

        assert [replica.wait(START_SECONDS) for replica in replicas] == [0] * REPLICAS
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
        empty = schema(empty_database)
        migrations.upgrade(empty_database)
        before = schema(empty_database)

        migrations.downgrade(empty_database, "base")
        assert schema(empty_database) == empty
        migrations.upgrade(empty_database)

        assert schema(empty_database) == before

    def test_each_step_can_be_undone(self, empty_database: str) -> None:
        schemas = [schema(empty_database)]
        for revision in reversed(REVISIONS):
            migrations.upgrade(empty_database, revision)
            schemas.append(schema(empty_database))

        for after in reversed(schemas[:-1]):
            migrations.downgrade(empty_database, "-1")
            assert schema(empty_database) == after


class TestLocks:
    @pytest.mark.parametrize(
        ("mode", "go", "begin", "end"),
        [
            # A foreign key to users locks out writers, and dropping a table also readers.
            ("ROW EXCLUSIVE", migrations.upgrade, "users", "auth"),
            ("ACCESS SHARE", migrations.downgrade, "users", "kernel"),
        ],
    )
    async def test_others_pass_while_a_migration_waits(
        self,
        empty_database: str,
        mode: str,
        go: Callable[[str, str], None],
        begin: str,
        end: str,
    ) -> None:
        await asyncio.to_thread(migrations.upgrade, empty_database, FEATURE_OF[begin])
        holder = await asyncpg.connect(plain(empty_database))
        await holder.execute(f"BEGIN; LOCK TABLE users IN {mode} MODE")
        migration = asyncio.create_task(asyncio.to_thread(go, empty_database, FEATURE_OF[end]))
        other = await asyncpg.connect(plain(empty_database))

        await eventually(lambda: other.fetchval(WAITING))
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Queued behind the migration until its lock timeout expires; the holder keeps its lock.
            await other.execute(f"BEGIN; LOCK TABLE users IN {mode} MODE; COMMIT")
            await holder.execute("COMMIT")
            await migration

        await holder.close()
        await other.close()


class TestRevisions:
    def test_are_one_line_in_the_order_of_their_names(self) -> None:
        script = ScriptDirectory.from_config(migrations.alembic_config(""))

        assert [REVISIONS[0]] == script.get_heads()
        assert revisions.known_revisions() == tuple(REVISIONS)
        assert max(map(len, REVISIONS)) <= migrations.MAX_REVISION_LENGTH

    def test_have_a_number_each(self) -> None:
        numbers = {int(revision.partition("_")[0]) for revision in REVISIONS}

        assert len(numbers) == len(REVISIONS)

    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            ("Add a colour!", "016_add_a_colour"),
            ("a message that is longer than the column", "016_a_message_that_is_longer_tha"),
        ],
    )
    def test_are_numbered_and_named_by_the_message(self, message: str, expected: str) -> None:
        assert migrations.revision_id("015_dashboard", message) == expected

    def test_name_their_features(self) -> None:
        assert {script.module.feature for script in SCRIPTS} <= {"kernel", *FEATURES}
