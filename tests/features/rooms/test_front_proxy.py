"""WebSockets through the shipped configuration of nginx."""

import asyncio
from pathlib import Path

import pytest

from app.features.users.models.user import User
from benchmarks.harness.nginx import BINARY, Nginx, running_nginx
from benchmarks.harness.servers import serving
from tests.conftest import Running, access_token

pytestmark = pytest.mark.skipif(BINARY is None, reason="There is no nginx: install nginx-light.")


class TestWebSockets:
    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://localhost:{port}", 101),
            ("https://localhost", 403),
            ("https://evil.example", 403),
        ],
    )
    async def test_page_of_the_same_host_and_port_may_connect(
        self, running: Running, user: User, tmp_path: Path, origin: str, status: int
    ) -> None:
        async with running(forwarded_allow_ips="127.0.0.1") as app, serving(app) as port:
            token = await access_token(app, user)
            with running_nginx(tmp_path / "nginx", [port]) as nginx:
                headers = {
                    "Host": f"localhost:{nginx.port}",
                    "Origin": origin.format(port=nginx.port),
                    "Authorization": f"Bearer {token}",
                }
                answered = await upgrade(nginx, "/api/v1/ws/lobby", headers)

        assert answered == status


async def upgrade(nginx: Nginx, path: str, headers: dict[str, str]) -> int:
    """The status of the response to a WebSocket handshake."""
    reader, writer = await asyncio.open_connection("localhost", nginx.port, ssl=nginx.trusting())
    sent = headers | {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.transport.abort()
    return status
