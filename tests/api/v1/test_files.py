"""Files over HTTP."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.core.config import Settings
from app.models.file import File
from app.models.user import User
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import make_file
from tests.problems import assert_problem, broken

FILES = "/api/v1/files"
BATCH = f"{FILES}/batch"
NOBODY = "018f2f63-0000-7000-8000-000000000000"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
MIB = 1024 * 1024

Sent = dict[str, tuple[str, bytes, str]]


@pytest.fixture
async def owner(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def stranger(as_user: As, other_user: User) -> AsyncClient:
    return await as_user(other_user)


@pytest.fixture
def folder(settings: Settings) -> Path:
    return Path(settings.storage_url)


@pytest.fixture(autouse=True)
async def no_orphans(app: FastAPI, folder: Path) -> AsyncIterator[None]:
    """Whatever a test does: each object has its row, and each row its object."""
    before = stored(folder)
    yield
    async with app.state.sessionmaker() as session:
        rows = {str(row) for row in await session.scalars(select(File.id))}
    assert stored(folder) - before == rows


def stored(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.exists() else set()


def pdf(name: str = "report.pdf", content: bytes = PDF) -> Sent:
    return {"file": (name, content, "application/pdf")}


async def upload(client: AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post(FILES, files=pdf(), data=fields)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


class TestCreateFile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(FILES, files=pdf())

        assert_problem(response, 401, "unauthenticated")

    async def test_it_is_yours(self, owner: AsyncClient, user: User) -> None:
        response = await owner.post(FILES, files=pdf(), data={"description": " The report. ", "path":"a/b.pdf"})

        assert response.status_code == 201, response.text
        print(response.headers, response.json())
        r = await owner.get(response.headers["Location"]+"/content", headers={"range":"bytes=0-7"})
        print(r.status_code, r.headers, r.content)
        assert 0
