"""API keys from outside, over two workers: what one may do, and how long."""

from functools import partial
from typing import Any

import httpx2
import pytest

from tests.e2e.service import Service, wait_until
from tests.e2e.test_identity import API, EndUser, is_rejected_by


@pytest.fixture
def end_user(service: Service) -> EndUser:
    end_user = EndUser(service)
    end_user.register()
    end_user.confirm_email()
    return end_user.sign_in()


def program(service: Service, key: str) -> EndUser:
    return EndUser(service, access_token=key)


def test_key_reads_and_writes_nothing(end_user: EndUser) -> None:
    item = end_user.does(201, "POST", "/items", json={"name": "Walnut desk", "price": "899.00"})
    body = {"name": "import", "scopes": ["items:read"]}
    key = end_user.does(201, "POST", "/auth/api-keys", json=body)["key"]
    path, headers = f"{API}/items/{item['id']}", {"X-API-Key": key}
    read = end_user.service.request("GET", path, headers=headers)
    deletion = end_user.service.request("DELETE", path, headers=headers)

    assert (read.status_code, deletion.status_code) == (200, 403)


def test_key_is_revoked_in_every_worker(service: Service, end_user: EndUser) -> None:
    body = {"name": "import", "scopes": ["users:read"]}
    created = end_user.does(201, "POST", "/auth/api-keys", json=body)
    program = EndUser(service, access_token=created["key"])
    for worker in service.workers():
        with service.only(worker):
            assert program.is_signed_in()

    end_user.does(204, "DELETE", f"/auth/api-keys/{created['id']}")

    for worker in service.workers():
        wait_until(partial(is_rejected_by, worker, program))


def test_leaked_key_does_not_take_over_the_account(service: Service) -> None:
    victim = EndUser(service)
    victim.register()
    victim.confirm_email()
    victim.sign_in()
    body = {"name": "leaked", "scopes": ["users:read", "users:write"]}
    thief = program(service, victim.does(201, "POST", "/auth/api-keys", json=body)["key"])
    attacker = EndUser(service)

    move = {"email": attacker.email, "current_password": "guessed password"}
    attempts: list[httpx2.Response] = [
        thief.send("PATCH", "/users/me", json={"email": attacker.email}),
        thief.send("PUT", "/users/me/email", json=move),
        thief.send("DELETE", "/users/me", json={"current_password": "guessed password"}),
        thief.send("POST", "/auth/api-keys", json={"name": "more", "scopes": ["users:read"]}),
        thief.send("GET", "/auth/sessions"),
        thief.send("POST", "/auth/logout-all"),
    ]
    attacker.does(202, "POST", "/auth/forgot-password", json={"email": attacker.email})

    assert [attempt.status_code for attempt in attempts] == [422, 403, 403, 403, 403, 403]
    assert {problem_code(attempt) for attempt in attempts[1:]} == {"session_required"}
    assert victim.does(200, "GET", "/users/me")["email"] == victim.email
    assert attacker.mails() == []
    assert victim.is_signed_in()


def problem_code(response: httpx2.Response) -> Any:
    return response.json()["code"]
