"""HTTP client of the service: authenticates, respects rate limits, retries."""

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, cast

import httpx

from app.config.settings import ConfigError

# Together a minute and a half: longer than a restart or a failover.
DELAYS_SECONDS = (1, 2, 4, 8, 15, 30, 30)
TIMEOUT = httpx.Timeout(60, connect=5)
PAGE_SIZE = 100
BATCH_SIZE = 1000

UNAVAILABLE = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)

Body = dict[str, Any]
Flow = Generator[httpx.Request, httpx.Response, None]


class RetryableError(Exception):
    """The request failed, and a retry may succeed; `seconds` is the requested delay."""

    def __init__(self, reason: str, *, seconds: int = 0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class RateLimited(RetryableError):
    """The rate limit is used up: the request had no effect."""


class ResponseLost(RetryableError):
    """No response: the request may have had an effect."""


class RequestRejected(ConfigError):
    """The service rejected the request; `problem` is the response body (RFC 9457)."""

    def __init__(self, place: str, problem: Body) -> None:
        super().__init__(
            f"The service responds {place}: {problem.get('detail', 'no reason given')}"
        )
        self.problem = problem


class Backoff:
    """Waits longer each time, for a limited number of retries."""

    def __init__(self) -> None:
        self._delays = iter(DELAYS_SECONDS)

    def wait(self, error: RetryableError, *, at_least_seconds: float = 0) -> None:
        """Sleep for the delay that the service requested, or the next longer one.

        Raises:
            ConfigError: no retries are left.
        """
        delay = next(self._delays, None)
        if delay is None:
            raise ConfigError(
                f"The service is not coming back ({error}): start the import again later, "
                "it goes on where it stopped."
            )
        seconds = max(delay, error.seconds, at_least_seconds)
        print(f"Waiting {seconds:g} s for the service ({error}).", file=sys.stderr)
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
                f"The service rejects the user name {self._form['username']} or its password: "
                "name them with --username and --password or IMPORT_PASSWORD."
            )
        self._token = body_of(response).get("access_token", "")

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ServiceClient:
    """The API calls of the importer."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def check(self) -> None:
        """Sign in, without retries.

        Raises:
            ConfigError: the service is unreachable, limits the rate or rejects the password.
        """
        try:
            self._send("GET", "/users/me/items", params={"limit": 1})
        except RateLimited as error:
            raise ConfigError(
                f"The service rejects requests ({error}): try again in {error.seconds} s."
            ) from None
        except ResponseLost as error:
            raise ConfigError(
                f"The service at {self._http.base_url} does not respond ({error}): start it "
                "with `make run`, or name its address with --url."
            ) from None

    def own_items(self) -> Iterator[Body]:
        """Yield all items of the user, oldest first: items created meanwhile are at the end."""
        query: dict[str, Any] = {"limit": PAGE_SIZE, "sort": "created_at"}
        while True:
            page = self._retry("GET", "/users/me/items", retry_on=RetryableError, params=query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def create_items(self, items: list[Body]) -> list[Body]:
        """Create up to `BATCH_SIZE` items; return one result for each.

        Raises:
            ResponseLost: the items may have been created, or not.
        """
        body = self._retry("POST", "/items/batch", retry_on=RateLimited, json={"items": items})
        return cast("list[Body]", body["results"])

    def change_price(self, item: Body, price: str) -> Body | None:
        """Set the price if the item is unchanged; return the problem if the service rejects it."""
        headers = {"If-Match": f'"{item["version"]}"'}
        path, body = f"/items/{item['id']}", {"price": price}
        try:
            self._retry("PATCH", path, retry_on=RetryableError, json=body, headers=headers)
        except RequestRejected as error:
            return error.problem
        return None

    def _retry(
        self, method: str, path: str, *, retry_on: type[RetryableError], **content: Any
    ) -> Body:
        backoff = Backoff()
        while True:
            try:
                return self._send(method, path, **content)
            except retry_on as error:
                backoff.wait(error)

    def _send(self, method: str, path: str, **content: Any) -> Body:
        try:
            return body_of(self._http.request(method, path, **content))
        except httpx.RequestError as error:
            raise ResponseLost(str(error) or type(error).__name__) from None


@contextmanager
def connect(url: str, *, username: str, password: str) -> Iterator[ServiceClient]:
    """Sign in at the API with the base URL `url`, including its version.

    Raises:
        ConfigError: the service is unreachable, or rejects the password.
    """
    auth = PasswordAuth(f"{url}/auth/token", username, password)
    # A service on this machine is never behind the proxy of the environment.
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
    """Return the body of a successful response.

    Raises:
        RetryableError: the request failed, and a retry may succeed.
        ConfigError: the request failed for good.
    """
    place = f"{response.status_code} to {response.request.method} {response.request.url.path}"
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(place, seconds=retry_after(response))
    if response.status_code in UNAVAILABLE:
        raise ResponseLost(place, seconds=retry_after(response))
    body = json_object(response)
    if not response.is_success:
        raise RequestRejected(place, body)
    return body


def json_object(response: httpx.Response) -> Body:
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict):
            return body
    raise ConfigError(f"The server at {response.request.url} is not this service.")


def retry_after(response: httpx.Response) -> int:
    value = response.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() else 0
