"""Fixtures of the features: sign-ins, a mailbox, statements that are counted."""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import Engine, event

from app.config.settings import Settings
from app.features.auth.crud import mailed_tokens
from app.features.auth.models.mailed_token import Purpose
from app.features.background_jobs.worker import Worker
from app.features.mail.settings import MailSettings
from app.features.users.models.user import User
from tests.conftest import (
    Database,  # noqa: F401  (for the tests beside)
)
from tests.factories import PASSWORD
from tests.state import resources_of, units_of_work

AUTH = "/api/v1/auth"
ME = "/api/v1/users/me"
NEW_PASSWORD = "a quite different passphrase"

LinkToken = Callable[[User, Purpose], Awaitable[str]]
MailedToken = Callable[[str, str], Awaitable[str]]


async def sign_in(
    client: AsyncClient, login: str, password: str = PASSWORD, **form: str
) -> Response:
    return await client.post(
        f"{AUTH}/token", data={"username": login, "password": password, **form}
    )


async def tokens(client: AsyncClient, login: str, **form: str) -> dict[str, Any]:
    """The pair of a sign-in that is expected to succeed."""
    response = await sign_in(client, login, **form)
    assert response.status_code == 200, response.text
    pair: dict[str, Any] = response.json()
    return pair


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post(f"{AUTH}/refresh", json={"refresh_token": token})


def address() -> str:
    """A unique address, since all tests share one mail folder."""
    return f"{uuid.uuid4().hex}@example.com"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def is_signed_in(client: AsyncClient, access_token: str) -> bool:
    response = await client.get(f"{AUTH}/sessions", headers=bearer(access_token))
    assert response.status_code in {200, 401}, response.text
    return response.status_code == 200


@contextmanager
def statements(app: FastAPI) -> Iterator[list[str]]:
    """The statements that the requests inside send."""
    sent: list[str] = []
    request = asyncio.current_task()

    def note(_: object, __: object, statement: str, *rest: object) -> None:
        if asyncio.current_task() is request:
            sent.append(statement)

    # Of all engines, since guesses are counted on one of their own.
    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def mailed_token(app: FastAPI, settings: Settings) -> MailedToken:
    """The token of the newest link that was mailed to an address, once the queue is empty."""

    async def deliver(address: str, path: str) -> str:
        await resources_of(app)[Worker].drain()
        return links(settings, address, path)[-1]

    return deliver


@pytest.fixture
def link_token(app: FastAPI) -> LinkToken:
    """A token as it would be mailed to the user, without the mail."""

    async def create(user: User, purpose: Purpose) -> str:
        async with units_of_work(app).begin() as uow:
            return await mailed_tokens.create(uow, user, purpose)

    return create


def links(settings: Settings, address: str, path: str) -> list[str]:
    """The tokens of all the links to `path` that were mailed to an address, oldest first."""
    link = re.compile(re.escape(f"{settings.public_url}/{path}?token=") + r"([\w-]+)")
    return [
        token
        for recipient, body in read_mails(settings.of(MailSettings).mail_folder)
        if recipient == address
        for token in link.findall(body)
    ]


def read_mails(folder: Path) -> list[tuple[str, str]]:
    """Recipient and text of every mail, oldest first."""
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    return [(str(mail["To"]), plain_text(mail)) for mail in mails]


def plain_text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
