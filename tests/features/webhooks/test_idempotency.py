"""Idempotency-Key: the secret of a webhook."""

from app.features.users.models.user import User
from tests.conftest import As
from tests.features.idempotency.test_replay import keyed

WEBHOOKS = "/api/v1/webhooks"


class TestReplay:
    async def test_credential_with_fewer_scopes_gets_no_stored_secret(
        self, user: User, as_user: As
    ) -> None:
        body = {"url": "https://receiver.example/hook", "events": ["item.created"]}
        mighty = await as_user(user)
        weak = await as_user(user, scopes=("webhooks:manage", "items:read"))
        headers = keyed()

        first = await mighty.post(WEBHOOKS, json=body, headers=headers)
        second = await weak.post(WEBHOOKS, json=body, headers=headers)

        assert (first.status_code, second.status_code) == (201, 201)
        assert "idempotency-replayed" not in second.headers
        assert second.json()["secret"] != first.json()["secret"]
