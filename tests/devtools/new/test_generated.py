"""A resource with fields of all types, generated in a copy: checks, migrations, its own tests."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from alembic import command
from app.db import migrations
from app.devtools.new.arguments import Options, resource_of
from app.devtools.new.command import sources_of
from app.devtools.new.files import write
from app.devtools.new.kinds import ITEM_COLUMNS, KINDS
from app.devtools.new.specification import parse
from tests.conftest import execute

ROOT = Path(__file__).parents[3]
# With what Python and mypy have cached, which saves half of the time.
NOT_COPIED = shutil.ignore_patterns(".[!m]*", "deploy", "images", "node_modules", "peers")
FIELDS = [
    "number:str",
    "notes:text?",
    "order:int",  # A reserved word of SQL, as `group`.
    "price:money",
    "group:money?",
    "express:bool",
    "due:date?",
    "sent_at:datetime",
    "seen_at:datetime?",
    "external:uuid",
    "attributes:json",
    "extra:json?",
    "status:enum(draft,sent)",
    "category:ref(categories)",
    "item:ref(items)?",
    "tags:str[]",
    "counts:int[]",
    "codes:uuid[]",
    "modes:enum(air,sea)[]",
]
# Another Python imports the whole service, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)
OPTIONS = Options(owned_by="user", soft_delete=True)
LAYERS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
FOLDERS = ("app/features/template_specimens", "tests/features/template_specimens")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the resource, without the documents that are generated."""
    root = tmp_path_factory.mktemp("copy") / "root"
    shutil.copytree(ROOT, root, ignore=NOT_COPIED)
    written, changed = sources_of(root, resource_of(root, "template_specimen", FIELDS, OPTIONS))
    write(root, {**written, **changed})
    return root


def run(root: Path, *arguments: str) -> None:
    """Run Python in the copy, whose modules come before those of this checkout."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_type_is_generated() -> None:
    specs = [spec for spec in map(parse, FIELDS) if spec]

    assert {spec.type for spec in specs if not spec.is_list} == {*KINDS, "enum", "ref"}
    assert {spec.type for spec in specs if spec.is_list} == {*ITEM_COLUMNS}


def test_code_passes_the_checks(copy: Path) -> None:
    (migration,) = (copy / "alembic/versions").glob("*_template_specimens.py")
    paths = [*FOLDERS, str(migration.relative_to(copy))]

    run(copy, "-m", "ruff", "check", *paths)
    run(copy, "-m", "ruff", "format", "--check", *paths)
    run(copy, "-m", "mypy", *paths)
    run(copy, "-c", LAYERS)


def test_longest_names_fit_into_the_lines(copy: Path) -> None:
    fields = [*(f"{'n' * 8}_{field}" for field in FIELDS), f"{'n' * 30}:text?"]
    resource = resource_of(copy, "longest_specimen_of_all", fields, Options(owned_by="user"))

    written, _ = sources_of(copy, resource)

    for path, source in written.items():
        assert max(map(len, [*source.splitlines(), ""])) <= 100, path


def test_migration_runs_up_and_down(copy: Path, empty_database: str) -> None:
    config = migrations.alembic_config(empty_database)
    config.set_main_option("script_location", str(copy / "alembic"))
    insertion = "INSERT INTO template_specimens (number) VALUES ('1')"

    command.upgrade(config, "head")
    with pytest.raises(asyncpg.NotNullViolationError):
        asyncio.run(execute(empty_database, insertion))
    command.downgrade(config, "-1")
    with pytest.raises(asyncpg.UndefinedTableError):
        asyncio.run(execute(empty_database, insertion))
    command.upgrade(config, "head")


def test_tests_of_the_resource_pass(copy: Path) -> None:
    run(
        copy,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "tests/features/template_specimens",
    )
