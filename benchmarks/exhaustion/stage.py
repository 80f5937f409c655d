"""Servers under attack: PostgreSQL, the service of a checkout, a mail server, and nginx."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.exhaustion.attacks import Scene
from benchmarks.exhaustion.client import request
from benchmarks.plain_nginx import nginx
from benchmarks.service import free_port, stop

PASSWORD = "demonstration-only"
START_SECONDS = 60.0
FILL = """
SET session_replication_role = replica;
INSERT INTO items (id, name, price, owner_id, tags)
SELECT gen_random_uuid(), 'item', 1, (SELECT id FROM users WHERE username_canonical = 'admin'),
    ARRAY(SELECT repeat('x', 30) FROM generate_series(1, 15)) FROM generate_series(1, 15000);
INSERT INTO events (type, resource_id, data)
SELECT 'item.updated', id, to_jsonb(items) FROM items, generate_series(1, 4);
"""
OLD_EVENT = "SELECT extract(epoch FROM now())::bigint - 3600 || '-1-1'"


@dataclass(frozen=True, slots=True)
class Stage:
    """`pid` is that of the service; `mail` counts what reaches the mail server."""

    pid: int
    scene: Scene
    observed: str
    mail: "MailServer"
    nginx_folder: Path | None


class MailServer:
    """Takes connections as a mail server with sign-in does, and counts them."""

    def __init__(self) -> None:
        self.connections = self.sign_ins = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 drill\r\n")
        while line := (await reader.readline()).upper():
            self.sign_ins += line.startswith(b"AUTH")
            writer.write(answer_to(line))
        writer.close()


def answer_to(line: bytes) -> bytes:
    if line.startswith(b"EHLO"):
        return b"250-drill\r\n250 AUTH PLAIN LOGIN\r\n"
    return b"235 OK\r\n" if line.startswith(b"AUTH") else b"250 OK\r\n"


@asynccontextmanager
async def stage(folder: Path, checkout: Path, database_url: str) -> AsyncIterator[Stage]:
    mail = MailServer()
    async with await asyncio.start_server(mail.converse, "127.0.0.1", 0) as smtp:
        smtp_port = smtp.sockets[0].getsockname()[1]
        settings = settings_of(database_url, smtp_port)
        with service(folder, checkout, settings) as (pid, port):
            await until_ready(port)
            old_event_id = await fill(database_url)
            with nginx(folder / "nginx", checkout, port) as nginx_port:
                user, guest, admin = [await sign_in(port, n) for n in ("user", "guest", "admin")]
                scene = Scene(port, nginx_port, user, guest, old_event_id)
                in_nginx = folder / "nginx" if nginx_port else None
                yield Stage(pid, scene, admin, mail, in_nginx)


def settings_of(database_url: str, smtp_port: int) -> dict[str, str]:
    return {
        "ENVIRONMENT": "development",
        "DATABASE_URL": database_url,
        "DEMO_PASSWORD": PASSWORD,
        "LOG_LEVEL": "error",
        "SMTP_URL": f"smtp://mailer:secret@127.0.0.1:{smtp_port}",
        "WEBHOOK_LOOPBACK": "true",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
    }


@contextmanager
def service(folder: Path, checkout: Path, settings: dict[str, str]) -> Iterator[tuple[int, int]]:
    """The process and port of the service, in a folder without a .env."""
    port = free_port()
    command = [str(checkout / ".venv" / "bin" / "app"), "run", "--port", str(port)]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    log = (folder / "service.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, env=kept | settings, cwd=folder, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            yield process.pid, port
        finally:
            stop(process)


async def until_ready(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (await request(port, "GET", "/readiness", seconds=5)).status != "200":
        if time.monotonic() > deadline:
            raise TimeoutError(f"The service was not ready within {START_SECONDS:g} s.")
        await asyncio.sleep(0.2)


async def fill(database_url: str) -> str:
    """Add items and events without triggers; return the id of an event that is long ago."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        await connection.execute(FILL)
        await connection.execute("ANALYZE")
        return str(await connection.fetchval(OLD_EVENT))
    finally:
        await connection.close()


async def sign_in(port: int, username: str) -> str:
    form = f"username={username}&password={PASSWORD}"
    response = await request(port, "POST", "/api/v1/auth/token", form=form)
    return str(response.json["access_token"])


def attack_command(name: str) -> list[str]:
    # With less priority: the machine of a client would not delay the service.
    return ["nice", "-n", "10", sys.executable, "-m", "benchmarks.exhaustion.attacks", name]
