"""Requests that the protocol rejects, sent by scripts of a page of another origin."""

from benchmarks.harness.servers import connected, serving
from tests.conftest import Running

FRONT = "https://front.example"
ORIGIN = f"Origin: {FRONT}".encode()
REJECTED = {
    414: [b"GET /api/v1/items?q=" + b"a" * 9000 + b" HTTP/1.1", b"Host: test", ORIGIN],
    431: [b"GET /api/v1/items HTTP/1.1", b"Host: test", ORIGIN, b"Cookie: " + b"a" * 40_000],
    417: [b"GET /api/v1/items HTTP/1.1", b"Host: test", ORIGIN, b"Expect: more"],
}


async def test_scripts_may_read_why_a_request_was_rejected(running: Running) -> None:
    async with running(allowed_origins=[FRONT]) as app, serving(app) as port:
        for status, lines in REJECTED.items():
            async with connected(port) as connection:
                await connection.send(b"\r\n".join([*lines, b"", b""]))
                found, headers, _ = await connection.answer()

            assert (found, headers["access-control-allow-origin"]) == (status, FRONT)
