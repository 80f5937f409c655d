"""Receivers of webhooks on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ANSWER = "HTTP/1.1 {} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Message:
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """Responds with `status`, or not at all while `is_hanging`; records its requests."""

    status: int = 200
    is_hanging: bool = False
    url: str = ""
    connections: int = 0
    received: list[Message] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.received.append(await read_message(reader))
            if self.is_hanging:
                await self.closing.wait()
            writer.write(ANSWER.format(self.status).encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # A sender that has waited long enough.
        finally:
            writer.close()


async def read_message(reader: asyncio.StreamReader) -> Message:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Message(headers, body.decode())


@asynccontextmanager
async def receiving(status: int = 200, *, is_hanging: bool = False) -> AsyncIterator[Receiver]:
    receiver = Receiver(status, is_hanging)
    async with await asyncio.start_server(receiver.accept, "127.0.0.1", 0, backlog=200) as server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        try:
            yield receiver
        finally:
            receiver.closing.set()
