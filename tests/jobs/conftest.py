"""What the tests of webhooks ask for: a sender that reaches this machine, webhooks with secrets."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from fastapi import FastAPI

from app.integrations.destinations import Destinations, guarded_client
from app.integrations.receivers import new_secret
from app.jobs.webhook_sender import WebhookSender
from app.models.user import User
from app.models.webhook import Webhook
from tests.conftest import Save
from tests.factories import make_webhook

Subscribe = Callable[..., Awaitable[Webhook]]


@pytest.fixture
async def sender(app: FastAPI) -> AsyncIterator[WebhookSender]:
    client = guarded_client(Destinations(loopback=True))
    yield WebhookSender(app.state.sessionmaker, client, app.state.sealer)
    await client.aclose()


@pytest.fixture
def subscribe(app: FastAPI, save: Save, user: User) -> Subscribe:
    """A webhook of the user with a secret that the service can read."""

    async def save_webhook(url: str, *, secret: bytes = b"", **fields: object) -> Webhook:
        sealed = app.state.sealer.seal(secret or new_secret())
        return await save(make_webhook(user, url=url, secret_sealed=sealed, **fields))

    return save_webhook
