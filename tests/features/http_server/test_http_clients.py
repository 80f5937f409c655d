"""The response to a rejected body, as the HTTP clients of three languages read it."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from benchmarks.harness.servers import serving

CLIENTS = Path(__file__).parents[2] / "clients"
MEGABYTES = 30_000_000
ROUNDS = 20

COMMANDS = {
    "urllib": (sys.executable, "post.py"),
    "node": ("node", "post.mjs"),
    "java": ("java", "Post.java"),
}


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with serving(app) as port:
        yield f"http://127.0.0.1:{port}/api/v1/auth/refresh"


async def statuses(client: str, url: str, size: int, count: int) -> list[str]:
    program, script = COMMANDS[client]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    process = await asyncio.create_subprocess_exec(
        program, str(CLIENTS / script), url, str(size), str(count), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode().split()


@pytest.mark.parametrize("client", COMMANDS)
async def test_client_reads_the_rejection_of_a_large_body(client: str, url: str) -> None:
    assert await statuses(client, url, MEGABYTES, ROUNDS) == ["413"] * ROUNDS


@pytest.mark.parametrize("client", COMMANDS)
async def test_body_of_the_client_is_read(client: str, url: str) -> None:
    # Blanks are no JSON; without a body the response would be another.
    assert await statuses(client, url, 100, 2) == ["422"] * 2
