"""Drills: what they need, and what they count."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from app.db import migrations
from app.db.revisions import is_outdated
from benchmarks.database.__main__ import is_kept
from benchmarks.login_flood import Figure
from benchmarks.tools import MissingTool, require
from benchmarks.upgrade import Locks, check_out, migrate, with_one_more_migration
from tests.conftest import plain

ROOT = Path(__file__).parents[1]
IMPORTED = """
import sys
import benchmarks.upgrade
print([name for name in sys.modules if name.partition(".")[0] in {"tests", "pytest"}])
"""


class TestMissingTool:
    def test_is_one_sentence_and_no_traceback(self, capsys: pytest.CaptureFixture[str]) -> None:
        def drill() -> list[Figure]:
            raise MissingTool("There is no pgbouncer: install it.")

        assert not is_kept("pgbouncer", drill)
        assert (
            capsys.readouterr().out == "pgbouncer: not run. There is no pgbouncer: install it.\n\n"
        )

    def test_is_named_with_its_remedy(self) -> None:
        with pytest.raises(MissingTool, match=r"^There is no no-such-tool: install it\.$"):
            require("no-such-tool", "install it")

    def test_unknown_release_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(MissingTool, match=r"^git has no revision nothing"):
            check_out("nothing", tmp_path)


class TestUpgradeDrill:
    def test_imports_no_test_module(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True
        )

        assert done.stdout.strip() == "[]"

    async def test_migrates_beyond_this_release(self, empty_database: str, tmp_path: Path) -> None:
        await asyncio.to_thread(migrations.upgrade, empty_database)
        after = with_one_more_migration(tmp_path / "this")

        await asyncio.to_thread(migrate, empty_database, after, tmp_path)

        connection = await asyncpg.connect(plain(empty_database))
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        await connection.close()
        assert revision == "999_drill"
        assert not is_outdated(revision)

    def test_measures_the_longest_lock(self) -> None:
        locks = Locks()

        for at, held in enumerate([{"a"}, {"a", "b"}, {"b"}, {"b"}, {"b"}, set(), {"a"}]):
            locks.see(held, float(at))

        assert (locks.worst, locks.longest) == ("b", 4.0)
