"""From the registration to the logout, over real HTTP and two worker processes."""

import itertools
import os
import signal
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from functools import partial
from typing import Any

import httpx2
import pytest
from jose import jwt

from tests.e2e.service import Service, app_command, plain_client
from tests.polling import wait_until

API = "/api/v1"
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"


@dataclass
class EndUser:
    """A user with a mailbox and an HTTP client."""

    service: Service
    password: str = PASSWORD
    name: str = field(default_factory=lambda: f"p{uuid.uuid4().hex[:12]}")
    access_token: str = ""
    refresh_token: str = ""

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def send(self, method: str, path: str, **content: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        return self.service.request(method, API + path, headers=headers, **content)

    def does(self, status: int, method: str, path: str, **content: Any) -> Any:
        """Send a request that is expected to get this status."""
        response = self.send(method, path, **content)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def register(self) -> None:
        body = {"email": self.email, "username": self.name, "password": self.password}
        self.does(201, "POST", "/auth/register", json=body)

    def sign_in(self) -> "EndUser":
        form = {"username": self.email, "password": self.password}
        self.keep(self.does(200, "POST", "/auth/token", data=form))
        return self

    def keep(self, pair: dict[str, str]) -> None:
        self.access_token, self.refresh_token = pair["access_token"], pair["refresh_token"]

    def confirm_email(self) -> None:
        self.does(204, "POST", "/auth/verify-email", json={"token": self.mailed_token()})

    def mailed_token(self, page: str = "verify-email") -> str:
        """The token of the newest link to a page, once there is one."""
        wait_until(lambda: any(f"/{page}?token=" in mail for mail in self.mails()))
        mail = [mail for mail in self.mails() if f"/{page}?token=" in mail][-1]
        return mail.split("token=")[1].split()[0]

    def mails(self) -> list[str]:
        folder = self.service.folder / "mails"
        files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        mine = (mail.get_body(("plain",)) for mail in mails if mail["To"] == self.email)
        return [body.get_content() for body in mine if body]

    def is_signed_in(self) -> bool:
        status = self.send("GET", "/users/me").status_code
        assert status in {200, 401}
        return status == 200


@pytest.fixture
def end_user(service: Service) -> EndUser:
    end_user = EndUser(service)
    end_user.register()
    end_user.confirm_email()
    return end_user.sign_in()


@pytest.fixture(scope="package")
def admin(service: Service) -> EndUser:
    return create_admin(service)


def create_admin(service: Service) -> EndUser:
    """An administrator, as operators make one."""
    admin = EndUser(service)
    options = ["--email", admin.email, "--username", admin.name]
    subprocess.run(
        app_command("users", "create-admin", *options),
        env=service.environment | {"ADMIN_PASSWORD": PASSWORD},
        cwd=service.folder,
        check=True,
    )
    return admin


def test_from_registration_to_logout(service: Service) -> None:
    end_user = EndUser(service)
    end_user.register()
    end_user.confirm_email()
    end_user.sign_in()
    assert end_user.does(200, "GET", "/users/me")["email_verified"] is True
    assert verified_claims(end_user)["scope"].split() >= ["files:read"]

    end_user.does(201, "POST", "/items", json={"name": "Walnut desk", "price": "899.00"})
    end_user.keep(
        end_user.does(200, "POST", "/auth/refresh", json={"refresh_token": end_user.refresh_token})
    )

    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    end_user.does(204, "PUT", "/users/me/password", json=passwords)
    assert end_user.is_signed_in()
    end_user.does(204, "POST", "/auth/logout")
    wait_until(lambda: not end_user.is_signed_in())
    assert EndUser(service, NEW_PASSWORD, end_user.name).sign_in().is_signed_in()


def verified_claims(end_user: EndUser) -> dict[str, Any]:
    """Return the claims that another service reads with only our public keys."""
    keys = end_user.service.request("GET", "/.well-known/jwks.json").json()
    claims: dict[str, Any] = jwt.decode(
        end_user.access_token, keys, algorithms=["ES256"], audience="Reference API"
    )
    return claims


REVOCATIONS: dict[str, Callable[[EndUser, EndUser], object]] = {
    "logout": lambda end_user, _: end_user.does(204, "POST", "/auth/logout"),
    "revocation by the access token": lambda end_user, _: end_user.does(
        200, "POST", "/auth/revoke", data={"token": end_user.access_token}
    ),
    "revocation by the refresh token": lambda end_user, _: end_user.does(
        200, "POST", "/auth/revoke", data={"token": end_user.refresh_token}
    ),
    "logout everywhere": lambda end_user, _: end_user.does(204, "POST", "/auth/logout-all"),
    "revocation from another session": lambda end_user, _: revoke_others(end_user),
    "deletion": lambda end_user, _: end_user.does(
        204, "DELETE", "/users/me", json={"current_password": PASSWORD}
    ),
    "password": lambda end_user, _: (
        EndUser(end_user.service, name=end_user.name)
        .sign_in()
        .does(
            204,
            "PUT",
            "/users/me/password",
            json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        )
    ),
    "disabling": lambda end_user, admin: administer(end_user, admin, {"is_active": False}),
    "role": lambda end_user, admin: administer(end_user, admin, {"role": "guest"}),
}


def revoke_others(end_user: EndUser) -> None:
    """Revoke each session that is older than a new one, one by one."""
    older = end_user.does(200, "GET", "/auth/sessions")["items"]
    newest = EndUser(end_user.service, name=end_user.name).sign_in()
    for session in older:
        newest.does(204, "DELETE", f"/auth/sessions/{session['id']}")


def administer(end_user: EndUser, admin: EndUser, change: dict[str, object]) -> None:
    user_id = end_user.does(200, "GET", "/users/me")["id"]
    admin.sign_in().does(200, "PATCH", f"/users/{user_id}", json=change)


@pytest.mark.parametrize("revocation", REVOCATIONS)
def test_revocation_reaches_every_worker(
    service: Service, end_user: EndUser, admin: EndUser, revocation: str
) -> None:
    workers = service.workers()
    for worker in workers:
        with service.only(worker):
            assert end_user.is_signed_in()

    REVOCATIONS[revocation](end_user, admin)

    for worker in workers:
        wait_until(partial(is_rejected_by, worker, end_user))


def is_rejected_by(worker: int, end_user: EndUser) -> bool:
    with end_user.service.only(worker):
        return not end_user.is_signed_in()


def test_wrong_passwords_are_counted_over_all_workers(service: Service, end_user: EndUser) -> None:
    workers = itertools.cycle(service.workers())
    form = {"username": end_user.email, "password": "wrong"}

    statuses = []
    for worker in itertools.islice(workers, 12):
        with service.only(worker):
            statuses.append(EndUser(service).send("POST", "/auth/token", data=form).status_code)

    assert statuses == [401] * 10 + [429] * 2
    assert end_user.is_signed_in()


def test_service_continues_when_a_worker_is_killed(service: Service, end_user: EndUser) -> None:
    killed, survivor = service.workers()

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: killed not in service.workers())
    assert end_user.is_signed_in()
    wait_until(lambda: len(service.workers()) == 2)
    (successor,) = set(service.workers()) - {survivor}
    wait_until(lambda: serves(successor, end_user))


def serves(worker: int, end_user: EndUser) -> bool:
    """Whether the worker responds; only briefly awaited, since the other workers are stopped."""
    with end_user.service.only(worker):
        try:
            with plain_client(base_url=end_user.service.url, timeout=1) as client:
                return client.get("/liveness").status_code == 200
        except httpx2.TransportError:
            return False
