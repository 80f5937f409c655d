"""`app shell` and `app routes`, as a terminal runs them."""

import json
import os
import subprocess
from pathlib import Path

from app.db import migrations
from tests.e2e.service import ROOT, app_command

SESSION = """
async with begin() as uow:
    created = await categories.create(uow, CategoryCreate(name="Lamps"))

print("stored", await reads.scalar(NAME))
absent
"""
IMPORTS = """
from sqlalchemy import select
from app.db.compiled import CompiledStatement
from app.features.categories.schemas import CategoryCreate
NAME = CompiledStatement(select(Category.name))
"""


def run(folder: Path, *command: str, database_url: str = "", typed: str = "") -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
    }
    done = subprocess.run(
        app_command(*command),
        env=environment,
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_shell_awaits_statements_and_commits(tmp_path: Path, empty_database: str) -> None:
    migrations.upgrade(empty_database)

    said = run(tmp_path, "shell", database_url=empty_database, typed=IMPORTS + SESSION)

    assert "stored Lamps" in said
    assert "NameError: name 'absent' is not defined" in said
    assert "shell.py" not in said


def test_routes_name_their_functions(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "routes", "--json"))

    (read,) = [each for each in found if each["name"] == "read_item"]
    assert read["methods"] == "GET"
    assert read["path"] == "/api/v1/items/{item_id}"
    assert read["endpoint"] == "app.features.items.router.read_item"
