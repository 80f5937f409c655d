"""The running service as a patient client sees it: signs in anew, waits, tries again."""

import time
from collections.abc import Generator, Iterator
from typing import Any, cast

import httpx

from app.core.config import ConfigError

# Together more than a minute and a half: a restart or a failover passes in that time.
DELAYS_SECONDS = (1, 2, 4, 8, 15, 30, 30)
TIMEOUT = httpx.Timeout(60, connect=5)
PAGE_SIZE = 100

UNAUTHORIZED = 401
TOO_MANY_REQUESTS = 429
UNAVAILABLE = frozenset({502, 503, 504})


class Setback(Exception):
    """The service asks for patience: the request had no effect."""

    def __init__(self, reason: str, *, seconds: int = 0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Unanswered(Setback):
    """Nobody knows whether the request had an effect."""


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
        time.sleep(max(delay, setback.seconds, at_least_seconds))


class PasswordAuth(httpx.Auth):
    """Signs in for the first request, and again when the token has expired."""

    requires_response_body = True

    def __init__(self, token_url: str, username: str, password: str) -> None:
        self._token_url = token_url
        self._form = {"username": username, "password": password}
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._token:
            self._accept((yield self._sign_in()))
        response = yield self._signed(request)
        if response.status_code == UNAUTHORIZED:
            self._accept((yield self._sign_in()))
            yield self._signed(request)

    def _sign_in(self) -> httpx.Request:
        return httpx.Request("POST", self._token_url, data=self._form)

    def _accept(self, response: httpx.Response) -> None:
        if response.status_code == UNAUTHORIZED:
            raise ConfigError(
                f"The service refuses the user name {self._form['username']} or its password: "
                "name them with --username and --password or IMPORT_PASSWORD."
            )
        self._token = str(answer(response)["access_token"])

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ServiceClient:
    """What the importer asks of the API; a context manager.

    Raises on entering:
        ConfigError: nothing answers at `url`, or not as this service does.
    """

    def __init__(self, url: str, *, username: str, password: str) -> None:
        self._auth = PasswordAuth(f"{url}/auth/token", username, password)
        # The service on this machine is never behind the proxy of the environment.
        self._http = httpx.Client(
            base_url=url,
            auth=self._auth,
            timeout=TIMEOUT,
            mounts={"all://localhost": None, "all://127.0.0.1": None},
        )

    def __enter__(self) -> "ServiceClient":
        try:
            self._ask("GET", "/users/me/items", params={"limit": 1})
        except Setback as setback:
            self._http.close()
            raise ConfigError(
                f"The service at {self._http.base_url} does not answer ({setback}): start it "
                "with `make run`, or name its address with --url."
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def own_items(self) -> Iterator[dict[str, Any]]:
        """Every item of the user, oldest first: what is created meanwhile comes at the end."""
        query: dict[str, Any] = {"limit": PAGE_SIZE, "sort": "created_at"}
        while True:
            page = self._get("/users/me/items", query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def create_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One result for each item; waits while the service asks for it.

        Raises:
            Unanswered: the items may have been created, or not.
        """
        patience = Patience()
        while True:
            try:
                answer = self._ask("POST", "/items/batch", json={"items": items})
                return cast("list[dict[str, Any]]", answer["results"])
            except Unanswered:
                raise
            except Setback as setback:
                patience.wait(setback)

    def _get(self, path: str, query: dict[str, Any]) -> dict[str, Any]:
        patience = Patience()
        while True:
            try:
                return self._ask("GET", path, params=query)
            except Setback as setback:
                patience.wait(setback)

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            return answer(self._http.request(method, path, **content))
        except httpx.TransportError as error:
            raise Unanswered(str(error) or type(error).__name__) from None
        except httpx.InvalidURL as error:
            raise ConfigError(f"The address of the service is not usable: {error}.") from None


def answer(response: httpx.Response) -> dict[str, Any]:
    """The body of a good answer.

    Raises:
        Setback: it is worth another try.
        ConfigError: it is not.
    """
    seconds = retry_after(response)
    place = f"{response.status_code} to {response.request.method} {response.request.url.path}"
    if response.status_code == TOO_MANY_REQUESTS:
        raise Setback(place, seconds=seconds)
    if response.status_code in UNAVAILABLE:
        raise Unanswered(place, seconds=seconds)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ConfigError(f"What answers at {response.request.url} is not this service.")
    if not response.is_success:
        raise ConfigError(f"The service answers {place}: {body.get('detail', 'no reason given')}")
    return body


def retry_after(response: httpx.Response) -> int:
    value = response.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() else 0
