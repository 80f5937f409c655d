"""Changes of a webhook under conditions."""

from app.features.users.models.user import User
from tests.changes import Change
from tests.conftest import Save
from tests.features.webhooks.factories import make_webhook

CHANGES: list[Change] = [
    ("PATCH", "", {"description": "New"}),
    ("DELETE", "", None),
    ("POST", "/test", None),
    ("POST", "/rotate-secret", None),
]
IS_UNDATED = True


async def path(save: Save, owner: User) -> str:
    return f"/api/v1/webhooks/{(await save(make_webhook(owner))).id}"
