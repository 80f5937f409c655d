"""GraphQL clients from npm, set up as their manuals show: Apollo Client, urql and graphql-ws."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.features.events.lifespan import EventResources
from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import As, access_token
from tests.factories import item_body
from tests.polling import eventually
from tests.state import resources_of

FOLDER = Path(__file__).parent
FILES = ("clients.mjs", "package.json", "package-lock.json")
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
PROGRAMS = ("node", "npm")
PATIENCE_SECONDS = 120
FOLLOWERS = 3


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """The script with its packages, outside of the repository."""
    for name in FILES:
        shutil.copy(FOLDER / name, tmp_path)
    output = await run(*INSTALL, folder=tmp_path)
    assert (tmp_path / "node_modules").exists(), output
    return tmp_path


async def run(*command: str, folder: Path) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    return output.decode()


@asynccontextmanager
async def running(*command: str, folder: Path) -> AsyncIterator[asyncio.Task[str]]:
    """Run the command in the background; the task returns its output."""
    task = asyncio.create_task(run(*command, folder=folder))
    try:
        yield task
    finally:
        task.cancel()


def results(output: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {f"{line['client']} {line['kind']}": line["value"] for line in lines}


@pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason="node or npm was not found.")
async def test_clients_work_as_their_manuals_show(
    app: FastAPI, user: User, as_user: As, folder: Path
) -> None:
    feed, token = resources_of(app)[EventResources].feed, await access_token(app, user)
    async with serving(app) as port:
        command = ("node", "clients.mjs", f"http://127.0.0.1:{port}/graphql", token)
        async with running(*command, folder=folder) as clients:
            await eventually(lambda: clients.done() or feed.subscribers == FOLLOWERS)
            await (await as_user(user)).post("/api/v1/items", json=item_body())
            output = await clients

    me = {"__typename": "User", "username": user.username, "role": "USER"}
    assert results(output) == {
        "apollo read": me,
        "apollo created": "of apollo",
        "apollo event": "CREATED",
        "urql read": me,
        "urql created": "of urql",
        "urql event": "CREATED",
        "graphql-ws closed": 4403,
        "graphql-ws event": "CREATED",
        "anonymous closed": 4401,
    }, output
