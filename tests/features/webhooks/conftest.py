"""Fixtures of webhooks: a sender that reaches this machine, webhooks with secrets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from fastapi import FastAPI

from app.features.users.models.user import User
from app.features.webhooks.delivery import new_secret
from app.features.webhooks.models.webhook import Webhook
from app.features.webhooks.sender import WebhookSender
from app.features.webhooks.ssrf_guard import SsrfGuard, guarded_client
from app.security.resources import SecurityResources
from tests.conftest import Save
from tests.features.webhooks.factories import make_webhook
from tests.state import reads_of, resources_of, units_of_work

NewSender = Callable[..., WebhookSender]
Subscribe = Callable[..., Awaitable[Webhook]]


@pytest.fixture
async def new_sender(app: FastAPI) -> AsyncIterator[NewSender]:
    client = guarded_client(SsrfGuard(loopback=True))
    encryptor = resources_of(app)[SecurityResources].encryptor
    yield partial(WebhookSender, reads_of(app), units_of_work(app), client, encryptor)
    await client.aclose()


@pytest.fixture
def sender(new_sender: NewSender) -> WebhookSender:
    return new_sender()


@pytest.fixture
def subscribe(app: FastAPI, save: Save, user: User) -> Subscribe:
    """A webhook of the user with a secret that the service can read."""

    async def save_webhook(url: str, *, secret: bytes = b"", **fields: object) -> Webhook:
        encrypted = resources_of(app)[SecurityResources].encryptor.encrypt(secret or new_secret())
        return await save(make_webhook(user, url=url, secret_encrypted=encrypted, **fields))

    return save_webhook
