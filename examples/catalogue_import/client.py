"""The running service as a patient client sees it: signs in anew, waits, tries again."""

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, cast

import httpx

from app.config.settings import ConfigError

# Together a minute and a half: a restart or a failover passes in that time.
DELAYS_SECONDS = (1, 2, 4, 8, 15, 30, 30)
TIMEOUT = httpx.Timeout(60, connect=5)
PAGE_SIZE = 100
BATCH_SIZE = 1000

AWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)

Body = dict[str, Any]
Flow = Generator[httpx.Request, httpx.Response, None]


class Setback(Exception):
    """No answer to use; the next one may be."""

    def __init__(self, reason: str, *, seconds: int = 0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Limited(Setback):
    """The service asks for patience: the request had no effect."""


class Unanswered(Setback):
    """Nobody knows whether the request had an effect."""


class Refused(ConfigError):
    """The service has a problem with the request, which another try does not solve."""

    def __init__(self, place: str, problem: Body) -> None:
        super().__init__(f"The service answers {place}: {problem.get('detail', 'no reason given')}")
        self.problem = problem


class Patience:
    """Waits longer each time, and has an end."""

    def __init__(self) -> None:
        self._delays = iter(DELAYS_SECONDS)

    def wait(self, setback: Setback, *, at_least_seconds: float = 0) -> None:
        """Sleep as long as the service asks, or a little longer than the last time.

        Raises:
            ConfigError: this was tried often enough.
        """
        delay = next(self._delays, None)
        if delay is None:
            raise ConfigError(
                f"The service is not coming back ({setback}): start the import again later, "
                "it goes on where it stopped."
            )
        seconds = max(delay, setback.seconds, at_least_seconds)
        print(f"Waiting {seconds:g} s for the service ({setback}).", file=sys.stderr)
        time.sleep(seconds)


class PasswordAuth(httpx.Auth):
    """Signs in for the first request, and again when the token has expired."""

    requires_response_body = True

    def __init__(self, token_url: str, username: str, password: str) -> None:
        self._token_url = token_url
        self._form = {"username": username, "password": password}
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Flow:
        if not self._token:
            yield from self._sign_in()
        response = yield self._signed(request)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            yield from self._sign_in()
            yield self._signed(request)

    def _sign_in(self) -> Flow:
        response = yield httpx.Request("POST", self._token_url, data=self._form)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise ConfigError(
                f"The service refuses the user name {self._form['username']} or its password: "
                "name them with --username and --password or IMPORT_PASSWORD."
            )
        self._token = body_of(response).get("access_token", "")

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ServiceClient:
    """What the importer asks of the API."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def check(self) -> None:
        """Sign in, without patience for a service that is not there."""
        try:
            self._ask("GET", "/users/me/items", params={"limit": 1})
        except Limited as setback:
            raise ConfigError(
                f"The service asks for patience ({setback}): try again in {setback.seconds} s."
            ) from None
        except Unanswered as setback:
            raise ConfigError(
                f"The service at {self._http.base_url} does not answer ({setback}): start it "
                "with `make run`, or name its address with --url."
            ) from None

    def own_items(self) -> Iterator[Body]:
        """Every item of the user, oldest first: what is created meanwhile comes at the end."""
        query: dict[str, Any] = {"limit": PAGE_SIZE, "sort": "created_at"}
        while True:
            page = self._insist("GET", "/users/me/items", despite=Setback, params=query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def create_items(self, items: list[Body]) -> list[Body]:
        """One result for each of up to `BATCH_SIZE` items.

        Raises:
            Unanswered: the items may have been created, or not.
        """
        answer = self._insist("POST", "/items/batch", despite=Limited, json={"items": items})
        return cast("list[Body]", answer["results"])

    def change_price(self, item: Body, price: str) -> Body | None:
        """Set the price of an item as it was read; return the problem of a refusal."""
        headers = {"If-Match": f'"{item["version"]}"'}
        path, body = f"/items/{item['id']}", {"price": price}
        try:
            self._insist("PATCH", path, despite=Setback, json=body, headers=headers)
        except Refused as refusal:
            return refusal.problem
        return None

    def _insist(self, method: str, path: str, *, despite: type[Setback], **content: Any) -> Body:
        patience = Patience()
        while True:
            try:
                return self._ask(method, path, **content)
            except despite as setback:
                patience.wait(setback)

    def _ask(self, method: str, path: str, **content: Any) -> Body:
        try:
            return body_of(self._http.request(method, path, **content))
        except httpx.RequestError as error:
            raise Unanswered(str(error) or type(error).__name__) from None


@contextmanager
def connect(url: str, *, username: str, password: str) -> Iterator[ServiceClient]:
    """Sign in at the API whose version starts at `url`.

    Raises:
        ConfigError: nothing answers there, or it refuses the password.
    """
    auth = PasswordAuth(f"{url}/auth/token", username, password)
    # The service on this machine is never behind the proxy of the environment.
    direct = {"all://localhost": None, "all://127.0.0.1": None}
    try:
        http = httpx.Client(base_url=url, auth=auth, timeout=TIMEOUT, mounts=direct)
    except httpx.InvalidURL as error:
        raise ConfigError(f"The address {url} is not usable: {error}.") from None
    with http:
        service = ServiceClient(http)
        service.check()
        yield service


def body_of(response: httpx.Response) -> Body:
    """The body of a good answer.

    Raises:
        Setback: it is worth another try.
        ConfigError: it is not.
    """
    place = f"{response.status_code} to {response.request.method} {response.request.url.path}"
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise Limited(place, seconds=retry_after(response))
    if response.status_code in AWAY:
        raise Unanswered(place, seconds=retry_after(response))
    body = json_object(response)
    if not response.is_success:
        raise Refused(place, body)
    return body


def json_object(response: httpx.Response) -> Body:
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict):
            return body
    raise ConfigError(f"What answers at {response.request.url} is not this service.")


def retry_after(response: httpx.Response) -> int:
    value = response.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() else 0
