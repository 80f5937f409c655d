"""The start of a process: large packages are imported where they are used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Packages that a process may serve its first requests without.
LAZY = (
    "alembic",
    "graphql",
    "opentelemetry.exporter",
    "opentelemetry.sdk",
    "pgqueuer",
    "redis",
    "strawberry",
    "typer",
    "uvicorn",
    "watchfiles",
)
LIFESPAN = """
import asyncio
from app.main import create_app

async def start():
    app = create_app()
    async with app.router.lifespan_context(app):
        pass

asyncio.run(start())
"""
STATEMENTS = {"import": "import app.main", "lifespan": LIFESPAN}
# What a process of the server runs, other than the process that starts it.
WORKER = "from app.commands.serve import create_worker; create_worker()"
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "1f83d9abfb41bd6b5be0cd19137e2179a54ff53a5f1d36f1510e527fade682d1",
    "DATABASE_URL": "postgresql://app@127.0.0.1:1/nowhere",
    "PUBLIC_URL": "https://api.example.com",
}


def imported(statement: str) -> set[str]:
    """The names of the modules that a new process has after the statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **PRODUCTION},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("statement", STATEMENTS)
def test_imports_no_package_that_the_first_requests_do_not_need(statement: str) -> None:
    assert imported(STATEMENTS[statement]).isdisjoint(LAZY)


def test_server_process_does_not_import_alembic() -> None:
    assert "alembic" not in imported(WORKER)


def test_parent_of_the_processes_does_not_import_the_service() -> None:
    parent = imported("import app.commands.serve, app.devtools.development")

    assert parent.isdisjoint({"app.main", "alembic", "fastapi", "sqlalchemy", "uvicorn"})
