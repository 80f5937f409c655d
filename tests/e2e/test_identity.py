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

from tests.e2e.service import Service, app_command
from tests.polling import wait_until

API = "/api/v1"
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"


@dataclass
class Person:
    """Somebody with a mailbox and a browser."""

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
        """Send a request that is expected to be answered with this status."""
        response = self.send(method, path, **content)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def register(self) -> None:
        body = {"email": self.email, "username": self.name, "password": self.password}
        self.does(201, "POST", "/auth/register", json=body)

    def sign_in(self) -> "Person":
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
def person(service: Service) -> Person:
    person = Person(service)
    person.register()
    person.confirm_email()
    return person.sign_in()


@pytest.fixture(scope="session")
def admin(service: Service) -> Person:
    return create_admin(service)


def create_admin(service: Service) -> Person:
    """An administrator, as operators make one."""
    admin = Person(service)
    options = ["--email", admin.email, "--username", admin.name]
    subprocess.run(
        app_command("users", "create-admin", *options),
        env=service.environment | {"ADMIN_PASSWORD": PASSWORD},
        cwd=service.folder,
        check=True,
    )
    return admin


def test_from_registration_to_logout(service: Service) -> None:
    person = Person(service)
    person.register()
    person.confirm_email()
    person.sign_in()
    assert person.does(200, "GET", "/users/me")["email_verified"] is True
    assert verified_claims(person)["scope"].split() >= ["files:read"]

    person.does(201, "POST", "/items", json={"name": "Walnut desk", "price": "899.00"})
    person.keep(
        person.does(200, "POST", "/auth/refresh", json={"refresh_token": person.refresh_token})
    )

    passwords = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    person.does(204, "PUT", "/users/me/password", json=passwords)
    assert person.is_signed_in()
    person.does(204, "POST", "/auth/logout")
    wait_until(lambda: not person.is_signed_in())
    assert Person(service, NEW_PASSWORD, person.name).sign_in().is_signed_in()


def verified_claims(person: Person) -> dict[str, Any]:
    """What somebody else's service reads in the token, with our public keys alone."""
    keys = person.service.request("GET", "/.well-known/jwks.json").json()
    claims: dict[str, Any] = jwt.decode(
        person.access_token, keys, algorithms=["ES256"], audience="Reference API"
    )
    return claims


REVOCATIONS: dict[str, Callable[[Person, Person], object]] = {
    "logout": lambda person, _: person.does(204, "POST", "/auth/logout"),
    "revocation by the access token": lambda person, _: person.does(
        200, "POST", "/auth/revoke", data={"token": person.access_token}
    ),
    "revocation by the refresh token": lambda person, _: person.does(
        200, "POST", "/auth/revoke", data={"token": person.refresh_token}
    ),
    "logout everywhere": lambda person, _: person.does(204, "POST", "/auth/logout-all"),
    "deletion": lambda person, _: person.does(
        204, "DELETE", "/users/me", json={"current_password": PASSWORD}
    ),
    "password": lambda person, _: (
        Person(person.service, name=person.name)
        .sign_in()
        .does(
            204,
            "PUT",
            "/users/me/password",
            json={"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        )
    ),
    "disabling": lambda person, admin: administer(person, admin, {"is_active": False}),
    "role": lambda person, admin: administer(person, admin, {"role": "guest"}),
}


def administer(person: Person, admin: Person, change: dict[str, object]) -> None:
    user_id = person.does(200, "GET", "/users/me")["id"]
    admin.sign_in().does(200, "PATCH", f"/users/{user_id}", json=change)


@pytest.mark.parametrize("revocation", REVOCATIONS)
def test_revocation_reaches_every_worker(
    service: Service, person: Person, admin: Person, revocation: str
) -> None:
    workers = service.workers()
    for worker in workers:
        with service.only(worker):
            assert person.is_signed_in()

    REVOCATIONS[revocation](person, admin)

    for worker in workers:
        wait_until(partial(is_refused_by, worker, person))


def is_refused_by(worker: int, person: Person) -> bool:
    with person.service.only(worker):
        return not person.is_signed_in()


def test_guesses_are_counted_over_all_workers(service: Service, person: Person) -> None:
    workers = itertools.cycle(service.workers())
    form = {"username": person.email, "password": "wrong"}

    statuses = []
    for worker in itertools.islice(workers, 12):
        with service.only(worker):
            statuses.append(Person(service).send("POST", "/auth/token", data=form).status_code)

    assert statuses == [401] * 10 + [429] * 2
    assert person.is_signed_in()


def test_service_goes_on_when_a_worker_is_killed(service: Service, person: Person) -> None:
    killed, survivor = service.workers()

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: killed not in service.workers())
    assert person.is_signed_in()
    wait_until(lambda: len(service.workers()) == 2)
    (successor,) = set(service.workers()) - {survivor}
    wait_until(lambda: serves(successor, person), seconds=20)


def serves(worker: int, person: Person) -> bool:
    """Whether the worker alone answers; it is given only a moment, since the others stand still."""
    with person.service.only(worker):
        try:
            url = f"{person.service.url}/liveness"
            return httpx2.get(url, trust_env=False, timeout=1).status_code == 200
        except httpx2.TransportError:
            return False
