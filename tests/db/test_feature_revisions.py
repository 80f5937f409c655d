"""The migrations of an optional feature can be deleted: the others still run, up and down."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config

from alembic import command
from app.db import migrations
from app.db.base import Base
from app.devtools.removal.revisions import remove_revisions
from app.devtools.removal.selection import dependents, optional_features
from app.feature import load_features, load_models
from tests.conftest import plain
from tests.e2e.service import ROOT

FEATURES = load_features()
OPTIONAL = set(optional_features(FEATURES))
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


REMOVALS = {
    **{
        name: {name, *dependents(FEATURES, name)}
        for name in sorted(OPTIONAL & set(FEATURE_OF.values()))
    },
    "every optional feature": OPTIONAL,
}


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
    for name in names:
        remove_revisions(Path(scripts.get_main_option("script_location", "")) / "versions", name)

    command.upgrade(scripts, "head")

    expected = {table for table, feature in FEATURE_OF.items() if feature not in names}
    assert asyncio.run(tables(empty_database)) == expected
    command.downgrade(scripts, "base")
    assert asyncio.run(tables(empty_database)) == set()
