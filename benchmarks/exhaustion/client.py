"""HTTP client of the drill: one request on one connection, which it may leave unread."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

REFUSED, RESET, SILENT = "refused", "reset", "no answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is a number or the way in which none came."""

    status: str
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def status(self, seconds: float) -> str:
        """Read the status line, and nothing else."""
        try:
            async with asyncio.timeout(seconds):
                line = await self.reader.readline()
        except TimeoutError:
            return SILENT
        except OSError:
            return RESET
        return line.split()[1].decode() if line.startswith(b"HTTP/") else RESET

    async def rest(self, seconds: float) -> bytes:
        """Read the body of an answer whose connection the server closes."""
        async with asyncio.timeout(seconds):
            whole = await self.reader.read()
        return whole.partition(b"\r\n\r\n")[2]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n".encode()
    )


async def request(
    port: int,
    method: str,
    path: str,
    *,
    token: str = "",
    body: Any = None,
    form: str = "",
    seconds: float = 10,
) -> Answer:
    """Send one request with a JSON or form body and read the whole answer."""
    content = form.encode() if form else b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Length": str(len(content))} if content else {}
    if content:
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        headers["Content-Type"] = kind
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return await raw_request(port, head(method, path, headers) + content, seconds=seconds)


async def raw_request(port: int, sent: bytes, *, seconds: float = 10) -> Answer:
    try:
        async with connected(port) as connection:
            connection.writer.write(sent)
            status = await connection.status(seconds)
            body = await connection.rest(seconds) if status.isdigit() else b""
            return Answer(status, body)
    except TimeoutError:
        return Answer(SILENT)
    except ConnectionRefusedError:
        return Answer(REFUSED)
    except OSError:
        return Answer(RESET)
