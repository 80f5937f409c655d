"""Delivery of one message to one receiver, signed according to Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import os
import time
import uuid
from collections.abc import Sequence

import httpx
from standardwebhooks import Webhook as Signer

from app.features.http_client.client import UpstreamFailed, UpstreamTimeout, send_for_status
from app.features.webhooks.models.delivery import Outcome
from app.features.webhooks.ssrf_guard import DestinationRejected
from app.runtime.clock import now

TIMEOUT_SECONDS = 10.0
SECRET_BYTES = 32


def new_secret() -> bytes:
    return os.urandom(SECRET_BYTES)


def encoded(secret: bytes) -> str:
    """Return the secret in the format of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secret).decode()}"


async def deliver(
    client: httpx.AsyncClient,
    url: str,
    message_id: uuid.UUID,
    body: str,
    secrets: Sequence[bytes],
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Outcome:
    """Send the message, signed with each secret; the response status decides the outcome."""
    started, status, error = time.perf_counter(), None, None
    headers = signed(str(message_id), body, secrets)
    try:
        request = client.build_request("POST", url, content=body.encode(), headers=headers)
        status = await send_for_status(client, request, seconds=timeout_seconds)
    except DestinationRejected:
        error = "destination_refused"
    except (UpstreamFailed, UpstreamTimeout) as failure:
        error = failure.code
    return Outcome(round(1000 * (time.perf_counter() - started)), status, error)


def signed(message_id: str, body: str, secrets: Sequence[bytes]) -> dict[str, str]:
    at = now()
    return {
        "Content-Type": "application/json",
        "User-Agent": "webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(
            Signer(secret).sign(message_id, at, body) for secret in secrets
        ),
    }
