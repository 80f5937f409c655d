"""The migrations of an optional feature can be deleted: the others still run, up and down."""

import asyncio
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command
from app.db import migrations
from app.db.base import Base
from app.feature import load_features, load_models
from tests.conftest import plain
from tests.e2e.service import ROOT

FEATURES = load_features()
ALWAYS_THERE = {"users", "auth", "mail", "categories", "items", "tasks"}
OPTIONAL = FEATURES.by_name.keys() - ALWAYS_THERE
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def feature_of_tables() -> dict[str, str]:
    load_models()
    modules = {
        str(mapper.local_table): mapper.class_.__module__ for mapper in Base.registry.mappers
    }
    return {
        name: module.split(".")[2] if module.startswith("app.features.") else "kernel"
        for name, module in modules.items()
    }


FEATURE_OF = feature_of_tables()


def with_dependents(name: str) -> set[str]:
    return {each for each in FEATURES.by_name if each == name or name in FEATURES.required_by(each)}


REMOVALS = {
    **{name: with_dependents(name) for name in sorted(OPTIONAL & set(FEATURE_OF.values()))},
    "every optional feature": OPTIONAL,
}


def remove(scripts: Config, names: Iterable[str]) -> None:
    """Delete the migrations of the features and link their successors to their predecessors."""
    found = list(ScriptDirectory.from_config(scripts).walk_revisions())
    kept = None
    for script in reversed(found):
        path = Path(script.path)
        if script.module.feature in names:
            path.unlink()
            continue
        text = path.read_text(encoding="utf-8")
        linked = re.sub(r"(?m)^(down_revision: .* = ).*", rf"\g<1>{kept!r}", text)
        path.write_text(linked, encoding="utf-8")
        kept = script.revision


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(plain(url))
    try:
        return {row["tablename"] for row in await connection.fetch(TABLES)} - {"alembic_version"}
    finally:
        await connection.close()


@pytest.fixture
def scripts(tmp_path: Path, empty_database: str) -> Config:
    copied = shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    config = migrations.alembic_config(empty_database)
    config.set_main_option("script_location", str(copied))
    return config


@pytest.mark.parametrize("names", REMOVALS.values(), ids=REMOVALS)
def test_migrations_run_without_a_feature(
    names: set[str], scripts: Config, empty_database: str
) -> None:
    remove(scripts, names)

    command.upgrade(scripts, "head")

    expected = {table for table, feature in FEATURE_OF.items() if feature not in names}
    assert asyncio.run(tables(empty_database)) == expected
    command.downgrade(scripts, "base")
    assert asyncio.run(tables(empty_database)) == set()
