"""Audit entries of a change of the e-mail address."""

from httpx2 import AsyncClient

from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import make_user
from tests.features.auth.test_email_changes import change, confirm
from tests.features.conftest import MailedToken, address


class TestChangeEmail:
    async def test_audit_log_has_the_request_and_the_change(
        self,
        client: AsyncClient,
        as_user: As,
        save: Save,
        admin: User,
        mailed_token: MailedToken,
    ) -> None:
        ada = await save(make_user(email=address()))
        old, new = ada.email, address()
        await change(await as_user(ada), new)
        await confirm(client, await mailed_token(new, "verify-email"))

        log = (await (await as_user(admin)).get("/api/v1/audit")).json()["items"]
        requested = next(entry for entry in log if entry["action"] == "email_change.created")
        changed = next(entry for entry in log if entry["action"] == "user.updated")
        assert (requested["actor_id"], requested["after"]["email"]) == (str(ada.id), new)
        assert "token_hash" not in requested["after"]
        assert (changed["before"]["email"], changed["after"]["email"]) == (old, new)
