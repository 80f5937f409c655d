"""An account that an attacker registered first, from outside over two workers."""

from functools import partial

from tests.e2e.service import Service, wait_until
from tests.e2e.test_api_keys import problem_code, program
from tests.e2e.test_identity import NEW_PASSWORD, EndUser, is_rejected_by

ATTACKER_PASSWORD = "the password of the attacker"


KEY = {"name": "back door", "scopes": ["items:read"]}
HOOK = {"url": "https://attacker.example.com/", "events": ["item.created"]}


def test_password_reset_revokes_everything_of_an_attacker_who_registered_first(
    service: Service,
) -> None:
    attacker = EndUser(service, ATTACKER_PASSWORD)
    attacker.register()
    attacker.sign_in()
    for path, body in (("/auth/api-keys", KEY), ("/webhooks", HOOK), ("/auth/ws-ticket", None)):
        rejected = attacker.send("POST", path, json=body)
        assert (rejected.status_code, problem_code(rejected)) == (403, "email_not_verified")
    victim = EndUser(service, name=attacker.name)
    victim.confirm_email()
    # The session from before the confirmation counts now: the attacker hurries.
    back_door = program(service, attacker.does(201, "POST", "/auth/api-keys", json=KEY)["key"])
    hook_id = attacker.does(201, "POST", "/webhooks", json=HOOK)["id"]
    pending = pending_email_change(attacker)

    owner = reset_password(victim)

    for worker in service.workers():
        for intruder in (attacker, back_door):
            wait_until(partial(is_rejected_by, worker, intruder))
    assert attacker.send("POST", "/auth/verify-email", json={"token": pending}).status_code == 400
    refreshed = {"refresh_token": attacker.refresh_token}
    assert EndUser(service).send("POST", "/auth/refresh", json=refreshed).status_code == 401
    assert owner.does(200, "GET", "/users/me")["email"] == victim.email
    assert owner.does(200, "GET", f"/webhooks/{hook_id}")["is_active"] is False
    assert owner.does(200, "GET", "/auth/api-keys")["items"] == []


def pending_email_change(attacker: EndUser) -> str:
    """The token of a change to a mailbox of the attacker."""
    mailbox = EndUser(attacker.service)
    body = {"email": mailbox.email, "current_password": ATTACKER_PASSWORD}
    attacker.does(202, "PUT", "/users/me/email", json=body)
    return mailbox.mailed_token()


def reset_password(victim: EndUser) -> EndUser:
    """The owner of the mailbox, signed in with a new password."""
    victim.does(202, "POST", "/auth/forgot-password", json={"email": victim.email})
    body = {"token": victim.mailed_token("reset-password"), "new_password": NEW_PASSWORD}
    victim.does(204, "POST", "/auth/reset-password", json=body)
    return EndUser(victim.service, NEW_PASSWORD, victim.name).sign_in()
