"""CORS: which pages may call the service, and what their scripts may read."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient

from tests.conftest import Running, new_client
from tests.problems import assert_problem

FRONT = "https://front.example"
ITEMS = "/api/v1/items"
# Fetch standard, section 2.2.2: scripts may read these although no field exposes them.
SAFELISTED = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}
# For browsers and caches, not for scripts.
OF_BROWSERS = {
    "content-security-policy",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
}
INSTRUMENTED = [
    "accept-language",
    "apollo-require-preflight",
    "apollographql-client-name",
    "apollographql-client-version",
    "authorization",
    "baggage",
    "cache-control",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-event-id",
    "pragma",
    "range",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-api-key",
    "x-apollo-operation-name",
    "x-request-id",
    "x-requested-with",
]


@pytest.fixture
async def browser(running: Running) -> AsyncIterator[AsyncClient]:
    """A page whose origin is allowed, written with a capital letter and the default port."""
    origins = ["https://Front.example:443"]
    async with running(allowed_origins=origins) as app, new_client(app, Origin=FRONT) as client:
        yield client


def preflight(origin: str, method: str, *headers: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(headers),
    }


async def test_scripts_of_allowed_origin_may_read_every_header(browser: AsyncClient) -> None:
    for path in ("/liveness", "/nothing", "/openapi.json", ITEMS, "/.well-known/jwks.json"):
        response = await browser.get(path)

        assert response.headers["Access-Control-Allow-Origin"] == FRONT
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        exposed = set(response.headers["Access-Control-Expose-Headers"].lower().split(", "))
        sent = {name for name in response.headers if not name.startswith("access-control-")}
        assert sent <= exposed | SAFELISTED | OF_BROWSERS
        assert {"accept-ranges", "etag", "link", "location", "retry-after"} <= exposed


async def test_rejections_may_be_read_too(browser: AsyncClient) -> None:
    huge = {"Content-Length": "99999999", "Content-Type": "application/json"}
    responses = [
        await browser.get("/nothing"),
        await browser.post("/api/v1/auth/refresh", content=b"{}", headers=huge),
        await browser.get("/verify-email", params={"surprise": 1}),
        await browser.get(ITEMS, headers=[("Range", "bytes=0-1"), ("Range", "bytes=2-3")]),
    ]

    assert [response.status_code for response in responses] == [404, 413, 422, 400]
    for response in responses:
        assert response.headers["Access-Control-Allow-Origin"] == FRONT


async def test_every_response_varies_by_origin(browser: AsyncClient) -> None:
    with_origin = await browser.get("/liveness")
    del browser.headers["Origin"]
    without = await browser.get("/liveness")

    assert "Origin" in with_origin.headers["Vary"]
    assert "Origin" in without.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in without.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", f"{FRONT}.evil.example", "http://front.example", f"{FRONT}:1"],
)
async def test_other_origin_may_not_read(browser: AsyncClient, origin: str) -> None:
    response = await browser.get("/liveness", headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in response.headers


async def test_no_origin_may_read_by_default(client: AsyncClient) -> None:
    response = await client.get("/liveness", headers={"Origin": FRONT})

    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_preflight_of_instrumented_browser_is_accepted(
    browser: AsyncClient, method: str
) -> None:
    response = await browser.options(ITEMS, headers=preflight(FRONT, method, *INSTRUMENTED))

    assert response.status_code == 200
    allowed = response.headers["Access-Control-Allow-Headers"].split(",")
    assert set(INSTRUMENTED) <= set(allowed)
    assert method in response.headers["Access-Control-Allow-Methods"].split(", ")
    assert int(response.headers["Access-Control-Max-Age"]) == 7200
    assert "Origin" in response.headers["Vary"]
    assert "X-Request-ID" in response.headers


async def test_preflight_for_private_network_is_accepted(browser: AsyncClient) -> None:
    headers = preflight(FRONT, "GET") | {"Access-Control-Request-Private-Network": "true"}

    response = await browser.options(ITEMS, headers=headers)

    assert response.headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(
    "headers",
    [
        preflight("https://evil.example", "GET"),
        preflight("null", "GET"),
        preflight(FRONT, "TRACE"),
        preflight(FRONT, "GET", "x surprise"),
        preflight(FRONT, "GET", '"x"'),
        preflight(FRONT, "GET", *(f"x-{number}" for number in range(101))),
    ],
)
async def test_other_preflight_is_rejected(browser: AsyncClient, headers: dict[str, str]) -> None:
    response = await browser.options(ITEMS, headers=headers)

    assert_problem(response, 400, "bad_request")
    assert "Access-Control-Allow-Headers" not in response.headers
    assert "Origin" in response.headers["Vary"]


async def test_any_origin_gets_no_cookies_and_no_private_network(running: Running) -> None:
    async with running(allowed_origins=["*"]) as app, new_client(app, Origin=FRONT) as client:
        response = await client.get("/liveness")
        asked = preflight(FRONT, "GET") | {"Access-Control-Request-Private-Network": "true"}
        private = await client.options(ITEMS, headers=asked)

    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert_problem(private, 400, "bad_request")


async def fail() -> None:
    raise RuntimeError("unexpected")


async def test_unexpected_error_can_be_read_across_origins(running: Running) -> None:
    async with running(allowed_origins=[FRONT], log_level="error") as app:
        app.add_api_route("/fail", fail)
        async with new_client(app, Origin=FRONT) as browser:
            response = await browser.get("/fail")

    assert_problem(response, 500, "internal_error")
    assert response.headers["Access-Control-Allow-Origin"] == FRONT
