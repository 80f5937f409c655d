"""Authenticated ways in, over real sockets: the request around a credential."""

from dataclasses import dataclass

from benchmarks.harness.servers import connected

HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass(frozen=True)
class Way:
    """One way in: what is sent around the credential, and the status with a good one."""

    target: str
    lines: bytes = b""
    method: str = "GET"
    body: bytes = b""
    success: int = 200
    takes_ticket: bool = False
    """Whether a ticket in the query is a credential here."""


REST = Way("/api/v1/users/me")


async def sent(port: int, way: Way, *lines: bytes, query: str = "") -> tuple[int, str, bytes]:
    """Status, challenge and body of the response."""
    start = f"{way.method} {way.target}{query} HTTP/1.1\r\nHost: service\r\n".encode()
    fields = b"".join(line + b"\r\n" for line in lines)
    async with connected(port) as connection:
        await connection.send(start + way.lines + fields + b"\r\n" + way.body)
        status, headers, body = await connection.answer()
    return status, headers.get("www-authenticate", ""), body
