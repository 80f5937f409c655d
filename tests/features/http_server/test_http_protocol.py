"""HTTP/1.1 over raw sockets: the server requirements of RFC 9112, and limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import structlog
from fastapi import FastAPI

from app.features.http_server.http_protocol import HttpProtocol
from app.features.users.models.user import User
from benchmarks.harness.servers import PATIENCE_SECONDS, Connection, connected, serving
from tests.conftest import Running, Save, access_token
from tests.factories import make_item
from tests.polling import sample
from tests.problems import MEMBERS
from tests.sockets import handshake

REFRESH = b'{"refresh_token": "x"}'
GET = b"GET /liveness HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = b"GET /liveness HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n"

Answer = tuple[int, dict[str, str], bytes]
Exchange = Callable[..., Awaitable[list[Answer]]]


def get(*lines: bytes, target: bytes = b"/liveness", version: bytes = b"1.1") -> bytes:
    return b"\r\n".join([b"GET %s HTTP/%s" % (target, version), *lines, b"", b""])


def post(*lines: bytes, body: bytes = b"", path: bytes = b"/api/v1/auth/refresh") -> bytes:
    head = [b"POST %s HTTP/1.1" % path, b"Host: test", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"", body])


LENGTH = b"Content-Length: %d" % len(REFRESH)
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture
async def exchange(app: FastAPI) -> AsyncIterator[Exchange]:
    """Sends these packets on one connection, and returns the responses until it is closed."""
    async with serving(app) as port:

        async def exchange(*packets: bytes, answers: int = 1) -> list[Answer]:
            async with connected(port) as connection:
                for packet in packets:
                    await connection.send(packet)
                return [await connection.answer() for _ in range(answers)]

        yield exchange


def problem_of(response: Answer, status: int, code: str) -> dict[str, Any]:
    assert response[0] == status, response
    assert response[1]["content-type"] == "application/problem+json"
    assert response[1]["connection"] == "close"
    body: dict[str, Any] = json.loads(response[2])
    assert body.keys() - {"errors", "error", "error_description"} == MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response[1]["x-request-id"]
    return body


class TestUpgradeOffers:
    @pytest.mark.parametrize(
        "packets",
        [
            [post(UPGRADE + LENGTH, body=REFRESH)],
            [post(UPGRADE + LENGTH), REFRESH],
            [post(UPGRADE + LENGTH)[:90], post(UPGRADE + LENGTH)[90:] + REFRESH[:3], REFRESH[3:]],
            [post(UPGRADE + CHUNKED), b"16\r\n" + REFRESH + b"\r\n0\r\n\r\n"],
            [post(b"Connection: upgrade\r\nUpgrade: TLS/1.0", LENGTH, body=REFRESH)],
            [post(b"Connection: upgrade\r\nUpgrade: websocket", LENGTH, body=REFRESH)],
        ],
    )
    async def test_offer_is_ignored_and_the_body_is_read(
        self, exchange: Exchange, packets: list[bytes]
    ) -> None:
        first, second = await exchange(*packets, LAST, answers=2)

        # The token was read: without a body it would be missing.
        assert (first[0], json.loads(first[2])["code"]) == (401, "invalid_token")
        assert second[0] == 200

    async def test_many_offers_in_one_packet_get_one_response_each(
        self, exchange: Exchange
    ) -> None:
        offers = get(b"Host: test", UPGRADE.rstrip()) * 20

        responses = await exchange(offers + LAST, answers=21)

        assert {status for status, _, _ in responses} == {200}


class TestHost:
    @pytest.mark.parametrize(
        "lines",
        [
            [],
            [b"Host: test", b"Host: test"],
            [b"Host: test", b"Host: other"],
            [b"Host:"],
            *([b"Host: " + host] for host in (b"a b", b"a/b", b"u@a", b"a,b", b"a:x", b"[::1")),
            [b"Host: a:65536"],
            *([b"Host: " + host] for host in (b"[::::]", b"[1]", b"[1::2::3]", b"[127.0.0.1]:80")),
            [b"Host: \xff"],
        ],
    )
    async def test_missing_repeated_or_malformed_host_is_a_bad_request(
        self, exchange: Exchange, lines: list[bytes]
    ) -> None:
        [response] = await exchange(get(*lines))

        problem_of(response, 400, "bad_request")

    @pytest.mark.parametrize("host", [b"a", b"a:80", b"a_b.c", b"[::1]:8000", b"127.0.0.1", b"a:"])
    async def test_valid_host_is_accepted(self, exchange: Exchange, host: bytes) -> None:
        [response] = await exchange(get(b"Host: " + host))

        assert response[0] == 200

    async def test_http_1_0_needs_no_host(self, exchange: Exchange) -> None:
        [response] = await exchange(get(version=b"1.0"))

        assert response[0] == 200

    async def test_authority_of_an_absolute_target_replaces_the_host(
        self, exchange: Exchange
    ) -> None:
        good, bad = (
            get(b"Host: test", target=b"http://a/liveness"),
            get(b"Host: test", target=b"http://a b/"),
        )

        assert (await exchange(good))[0][0] == 200
        problem_of((await exchange(bad))[0], 400, "bad_request")


class TestFraming:
    @pytest.mark.parametrize(
        ("data", "status", "code"),
        [
            (post(LENGTH, CHUNKED, body=b"0\r\n\r\n"), 400, "bad_request"),
            (post(CHUNKED, LENGTH, body=b"0\r\n\r\n"), 400, "bad_request"),
            (post(LENGTH, LENGTH, body=REFRESH), 400, "bad_request"),
            (post(b"Content-Length: +1", body=b"a"), 400, "bad_request"),
            (post(b"Content-Length: 1, 1", body=b"a"), 400, "bad_request"),
            (post(b"Content-Length: 99999999999999999999", body=b"a"), 400, "bad_request"),
            (post(b"Transfer-Encoding: gzip"), 501, "not_implemented"),
            (post(b"Transfer-Encoding: gzip, chunked"), 501, "not_implemented"),
            (post(b"Transfer-Encoding: xchunked"), 501, "not_implemented"),
            (post(CHUNKED, b"Transfer-Encoding: identity"), 501, "not_implemented"),
            (post(CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0"), 400, "bad_request"),
            (post(CHUNKED, body=b"zz\r\n"), 400, "bad_request"),
            (get(b"Host: test", b"X: a", b" b"), 400, "bad_request"),
            (get(b"Host: test").replace(b"\r\n", b"\n"), 400, "bad_request"),
            (get(b"Host : test"), 400, "bad_request"),
            (get(b"Host: test", b"X: a\0b"), 400, "bad_request"),
            (get(b"Host: test", target=b"/a#b"), 400, "bad_request"),
            (get(b"Host: test", target=b"*"), 400, "bad_request"),
            (b"FOO / HTTP/1.1\r\nHost: test\r\n\r\n", 501, "not_implemented"),
            (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, "not_implemented"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version_not_supported"),
            (get(b"Host: test", version=b"2.0"), 505, "http_version_not_supported"),
            (get(b"Host: test", version=b"1.2"), 505, "http_version_not_supported"),
            (b"GET /liveness\r\n\r\n", 505, "http_version_not_supported"),
            (post(b"Expect: more", LENGTH), 417, "expectation_failed"),
        ],
    )
    async def test_request_that_the_parser_rejects_is_a_problem(
        self, exchange: Exchange, data: bytes, status: int, code: str
    ) -> None:
        [response] = await exchange(data)

        problem_of(response, status, code)

    async def test_problem_follows_pipelined_responses(self, exchange: Exchange) -> None:
        *responses, last = await exchange(GET * 3 + get(), answers=4)

        assert [status for status, _, _ in responses] == [200] * 3
        problem_of(last, 400, "bad_request")

    async def test_rejected_request_keeps_its_id_and_is_logged(self, running: Running) -> None:
        async with running(log_level="info") as app, serving(app) as port:
            with structlog.testing.capture_logs() as lines:
                async with connected(port) as connection:
                    await connection.send(
                        get(b"X-Request-ID: mine", b"X: a\0b", target=b"/nothing?a=b")
                    )
                    response = await connection.answer()

        assert problem_of(response, 400, "bad_request")["request_id"] == "mine"
        [line] = [line for line in lines if line["log"] == "access"]
        assert (line["method"], line["path"], line["status"]) == ("GET", "/nothing", 400)

    async def test_trailers_do_not_become_headers(self, exchange: Exchange) -> None:
        trailer = b"16\r\n" + REFRESH + b"\r\n0\r\nContent-Encoding: gzip\r\nHost: b\r\n\r\n"

        first, second = await exchange(post(CHUNKED, body=trailer), LAST, answers=2)

        assert (first[0], json.loads(first[2])["code"]) == (401, "invalid_token")
        assert second[0] == 200

    async def test_blanks_around_a_value_do_not_belong_to_it(self, exchange: Exchange) -> None:
        [response] = await exchange(get(b"Host: test", b"X-Request-ID: \t mine \t "))

        assert response[1]["x-request-id"] == "mine"

    async def test_options_of_the_server_names_the_methods(self, exchange: Exchange) -> None:
        [response] = await exchange(
            b"OPTIONS * HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )

        assert response[0] == 204
        assert "PATCH" in response[1]["allow"]

    async def test_trace_is_no_method_of_a_path(self, exchange: Exchange) -> None:
        [response] = await exchange(get(b"Host: test").replace(b"GET", b"TRACE"))

        assert response[0] == 405
        assert json.loads(response[2])["code"] == "method_not_allowed"


class TestBounds:
    @pytest.mark.parametrize(
        ("packets", "status", "code"),
        [
            ([get(b"Host: test", b"X: " + b"a" * 40_000)], 431, "headers_too_large"),
            ([get(b"Host: test")[:-2] + b"X: ", *[b"a" * 100_000] * 30], 431, "headers_too_large"),
            ([get(b"Host: test", *[b"X: a"] * 200)], 431, "headers_too_large"),
            ([get(b"Host: test", target=b"/" + b"a" * 9000)], 414, "uri_too_long"),
            ([b"GET /", *[b"a" * 100_000] * 30], 414, "uri_too_long"),
            ([post(CHUNKED, body=b"1;"), *[b"a" * 100_000] * 10], 400, "bad_request"),
            (
                [post(CHUNKED, body=b"1\r\na\r\n0\r\n"), *[b"X: " + b"a" * 100_000 + b"\r\n"] * 5],
                431,
                "headers_too_large",
            ),
            ([GET * 300], 200, ""),
        ],
    )
    async def test_head_and_framing_are_bounded(
        self, exchange: Exchange, packets: list[bytes], status: int, code: str
    ) -> None:
        [response] = await exchange(*packets)

        assert response[0] == status
        if code:
            problem_of(response, status, code)

    async def test_pipelined_requests_are_bounded(self, exchange: Exchange) -> None:
        *responses, last = await exchange(GET * 300, answers=66)

        assert [status for status, _, _ in responses] == [200] * 65
        problem_of(last, 400, "bad_request")

    async def test_late_rest_of_a_small_body_does_not_end_the_connection(
        self, exchange: Exchange
    ) -> None:
        nothing = post(LENGTH, path=b"/nothing")

        first, second = await exchange(nothing, REFRESH + LAST, answers=2)

        assert (first[0], second[0]) == (404, 200)

    async def test_unread_large_body_ends_the_connection(self, exchange: Exchange) -> None:
        [response] = await exchange(post(b"Content-Length: 1000000", path=b"/nothing"))

        assert (response[0], response[1]["connection"]) == (404, "close")

    async def test_unexpected_body_ends_the_connection(self, exchange: Exchange) -> None:
        [response] = await exchange(post(b"Expect: 100-continue", LENGTH, path=b"/nothing"))

        assert (response[0], response[1]["connection"]) == (404, "close")


class Hasty(HttpProtocol):
    """A protocol class with short timeouts."""

    send_seconds = stall_seconds = 0.1


async def send_slowly(connection: Connection) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await sample(partial(connection.send, b"\r\n"))


class TestSlowClients:
    @pytest.mark.parametrize(
        "data", [b"GET /", get(b"Host: test")[:-2], post(LENGTH), post(CHUNKED, body=b"1\r\na\r\n")]
    )
    async def test_late_head_or_body_is_a_problem(self, app: FastAPI, data: bytes) -> None:
        async with serving(app, http=Hasty) as port, connected(port) as connection:
            await connection.send(data)
            response = await connection.answer()

        problem_of(response, 408, "request_timeout")

    async def test_lines_without_a_request_end_the_connection(self, app: FastAPI) -> None:
        async with serving(app, http=Hasty) as port, connected(port) as connection:
            await connection.send(b"\r\n\r\n")
            assert await connection.reader.read() == b""

    async def test_idle_connection_ends(self, app: FastAPI) -> None:
        async with serving(app, timeout_keep_alive=0.1) as port, connected(port) as connection:
            assert await connection.reader.read() == b""

    async def test_client_that_reads_nothing_is_disconnected(self, app: FastAPI) -> None:
        large = get(b"Host: test", target=b"/openapi.json")

        async with serving(app, http=Hasty) as port, connected(port) as connection:
            # Together more than the buffers of both sides hold.
            await connection.send(large * 40)
            with pytest.raises(ConnectionError):
                await send_slowly(connection)


class TestHttp10:
    async def test_streamed_response_ends_with_the_connection(
        self, app: FastAPI, user: User, save: Save
    ) -> None:
        item = await save(make_item(user))
        token = b"Authorization: Bearer " + (await access_token(app, user)).encode()

        async with serving(app) as port, connected(port) as connection:
            await connection.send(get(token, target=b"/api/v1/items/export", version=b"1.0"))
            head, _, body = (await connection.reader.read()).partition(b"\r\n\r\n")

        assert b"transfer-encoding" not in head.lower()
        assert json.loads(body)["id"] == str(item.id)

    async def test_expectation_is_ignored(self, exchange: Exchange) -> None:
        request = post(b"Expect: 100-continue", LENGTH, body=REFRESH)

        [response] = await exchange(request.replace(b"HTTP/1.1", b"HTTP/1.0"))

        assert response[0] == 401


class TestHalfClose:
    @pytest.mark.parametrize("requests", [1, 3])
    async def test_complete_requests_are_answered(self, app: FastAPI, requests: int) -> None:
        async with serving(app) as port, connected(port) as connection:
            await connection.send(get(b"Host: test") * requests)
            connection.writer.write_eof()
            responses = [await connection.answer() for _ in range(requests)]
            rest = await connection.reader.read()

        assert [response[0] for response in responses] == [200] * requests
        assert rest == b""

    @pytest.mark.parametrize("data", [get(b"Host: test")[:-2], post(LENGTH, body=REFRESH[:-1])])
    async def test_incomplete_request_ends_the_connection(self, app: FastAPI, data: bytes) -> None:
        async with serving(app) as port, connected(port) as connection:
            await connection.send(data)
            connection.writer.write_eof()

            assert await connection.reader.read() == b""


class TestWebSocketHandshake:
    async def test_malformed_handshake_is_a_problem(self, app: FastAPI) -> None:
        async with serving(app) as port, connected(port) as connection:
            await connection.send(
                get(
                    b"Host: test",
                    b"Connection: Upgrade",
                    b"Upgrade: websocket",
                    target=b"/api/v1/ws/a",
                )
            )
            response = await connection.answer()

        problem_of(response, 400, "bad_request")
        assert response[1]["sec-websocket-version"] == "13"

    async def test_field_that_the_websocket_library_rejects_is_a_problem(
        self, app: FastAPI
    ) -> None:
        async with serving(app) as port:
            status, headers, problem = await handshake(
                port, "/api/v1/ws/a", {"Cookie": "a=" + "b" * 9000}
            )

        problem_of((status, headers, json.dumps(problem).encode()), 431, "headers_too_large")
