"""Hostile URLs make no connection: a real socket counts those that arrive."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import httpx
import pytest

from app.features.http_client.client import UpstreamFailed, send
from app.features.webhooks.ssrf_guard import (
    DestinationRejected,
    GuardedNetwork,
    SsrfGuard,
    guarded_client,
)
from benchmarks.harness.certificates import write_certificate

PUBLIC, LOOPBACK = "93.184.216.34", "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# What each name resolves to, the first time and from then on.
NAMES = {
    "loopback.example": ([LOOPBACK], [LOOPBACK]),
    "zero.example": (["0.0.0.0"], ["0.0.0.0"]),
    "six.example": (["::1"], ["::1"]),
    "mapped.example": (["::ffff:127.0.0.1"], ["::ffff:127.0.0.1"]),
    "zone.example": (["fe80::1%lo"], ["fe80::1%lo"]),
    "mixed.example": ([PUBLIC, LOOPBACK], [PUBLIC, LOOPBACK]),
    "odd.example": (["127.1"], ["127.1"]),
    "back.example": ([LOOPBACK], [PUBLIC]),
    "rebinding.example": ([PUBLIC], [LOOPBACK]),
    "hooks.example": ([LOOPBACK], [PUBLIC]),
}
# With `{}` for the port on which the counting socket listens.
HOSTILE = [
    "https://127.0.0.1:{}/", "https://127.0.0.2:{}/", "https://127.255.255.254:{}/",
    "https://127.1:{}/", "https://127.0.1:{}/", "https://2130706433:{}/", "https://017700000001:{}/",
    "https://0177.0.0.1:{}/", "https://0x7f.0.0.1:{}/", "https://0x7f000001:{}/",
    "https://0x7f.1:{}/", "https://127.0.0.1.:{}/", "https://0:{}/", "https://0.0.0.0:{}/",
    "https://[::1]:{}/", "https://[::]:{}/", "https://[0:0:0:0:0:0:0:1]:{}/",
    "https://[::ffff:127.0.0.1]:{}/", "https://[::ffff:7f00:1]:{}/", "https://[::127.0.0.1]:{}/",
    "https://[64:ff9b::7f00:1]:{}/", "https://[2002:7f00:1::]:{}/", "https://[fe80::1%25lo]:{}/",
    "https://[::1%25lo]:{}/", "https://localhost:{}/", "https://LOCALHOST:{}/",
    "https://localhost.:{}/", "https://user@127.0.0.1:{}/", "https://a.example@127.0.0.1:{}/",
    "https://a.example\\@127.0.0.1:{}/", "https://\uff11\uff12\uff17.0.0.1:{}/",
    "https://127\u30020\u30020\u30021:{}/", "https://%31%32%37.0.0.1:{}/",
    "http://127.0.0.1:{}/", "http://localhost:{}/", "ftp://127.0.0.1:{}/", "//127.0.0.1:{}/",
    "https://10.0.0.1:{}/", "https://169.254.169.254:{}/latest/meta-data/",
    "https://100.100.100.200:{}/", "https://168.63.129.16:{}/", "https://192.168.0.1:{}/",
    "https://loopback.example:{}/", "https://zero.example:{}/", "https://six.example:{}/",
    "https://mapped.example:{}/", "https://zone.example:{}/", "https://mixed.example:{}/",
    "https://odd.example:{}/", "https://back.example:{}/",
]  # fmt: skip


class Resolver:
    """Names whose addresses may change after they were resolved."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in NAMES:
            raise OSError(host)
        return NAMES[host][min(self.asked.count(host) - 1, 1)]


class Network(httpcore.AsyncNetworkBackend):
    """The internet: no response, and connections are recorded."""

    def __init__(self) -> None:
        self.called: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.called.append((host, port))
        raise httpcore.ConnectError


class Listener:
    """Responds to every request, and records the received bytes."""

    def __init__(self) -> None:
        self.accepted = 0
        self.requests: list[bytes] = []
        self.server_names: list[str] = []
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # A client that leaves was counted all the same.
        finally:
            writer.close()

    def note_name(self, _: ssl.SSLObject, name: str, __: ssl.SSLContext) -> None:
        self.server_names.append(name)


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    """On every address of this machine, so that no detour goes unnoticed."""
    listener = Listener()
    if tls:
        tls.sni_callback = listener.note_name
    has_both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if has_both else socket.AF_INET
    everywhere = socket.create_server(("", 0), family=family, dualstack_ipv6=has_both)
    listener.port = everywhere.getsockname()[1]
    async with await asyncio.start_server(listener.accept, sock=everywhere, ssl=tls):
        yield listener


class TestHostileUrls:
    def test_hostile_urls_are_forty_at_least(self) -> None:
        assert len(set(HOSTILE)) >= 40

    async def test_hostile_url_makes_no_connection(self) -> None:
        async with listening() as listener:
            client = guarded_client(SsrfGuard(ports=frozenset({listener.port})), Resolver())
            for url in HOSTILE:
                with pytest.raises((DestinationRejected, httpx.InvalidURL)):
                    await fetch(client, url.format(listener.port))
            await client.aclose()
            assert await counts_only_the_next(listener)

    @pytest.mark.parametrize("url", [url for url in HOSTILE if ".example:" not in url])
    def test_hostile_url_is_rejected_at_validation(self, url: str) -> None:
        with pytest.raises(DestinationRejected):
            SsrfGuard().check(url.format(443))

    @pytest.mark.parametrize("port", [0, 22, 25, 80, 5432, 6379])
    def test_other_ports_are_rejected(self, port: int) -> None:
        with pytest.raises(DestinationRejected, match="port"):
            SsrfGuard().check(f"https://hooks.example:{port}/")

    @pytest.mark.parametrize(
        "url",
        [
            "https://a.example/" + "a" * 2048,
            "https://",
            "a",
            "\ud800",
            "https://xn--a/",
            "https://xn--",
        ],
    )
    def test_malformed_url_is_rejected(self, url: str) -> None:
        with pytest.raises(DestinationRejected):
            SsrfGuard().check(url)


class TestGuardedNetwork:
    async def test_connects_to_the_checked_address(self) -> None:
        resolver, network = Resolver(), Network()
        guarded = GuardedNetwork(SsrfGuard(), resolver, network)

        with pytest.raises(httpcore.ConnectError):
            await guarded.connect_tcp("rebinding.example", 443)

        assert network.called == [(PUBLIC, 443)]
        assert resolver.asked == ["rebinding.example"]

    async def test_rebound_name_is_rejected_the_next_time(self) -> None:
        resolver, network = Resolver(), Network()
        guarded = GuardedNetwork(SsrfGuard(), resolver, network)
        with pytest.raises(httpcore.ConnectError):
            await guarded.connect_tcp("rebinding.example", 443)

        with pytest.raises(DestinationRejected):
            await guarded.connect_tcp("rebinding.example", 443)

        assert network.called == [(PUBLIC, 443)]

    async def test_unknown_name_is_a_failed_connection(self) -> None:
        client = guarded_client(SsrfGuard(), Resolver())

        with pytest.raises(UpstreamFailed):
            await fetch(client, "https://unknown.example/")

        await client.aclose()


class TestAllowedUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "https://hooks.example/path?query",
            "https://b\u00fccher.example/",
            "https://xn--bcher-kva.example:8443/",
            "https://93.184.216.34/",
            "https://[2606:4700:4700::1111]/",
        ],
    )
    def test_allowed_url_is_accepted(self, url: str) -> None:
        assert SsrfGuard().check(url).scheme == "https"

    async def test_server_receives_the_host_name(self, tmp_path: Path) -> None:
        certificate = write_certificate(tmp_path, "hooks.example")
        resolver = Resolver()
        async with listening(certificate.server()) as listener:
            client = guarded_client(SsrfGuard(loopback=True), resolver, tls=certificate.client())

            body = await fetch(client, f"https://hooks.example:{listener.port}/path")

            await client.aclose()
            assert body == b"ok"
            assert listener.server_names == ["hooks.example"]
            assert (
                f"host: hooks.example:{listener.port}\r\n".encode() in listener.requests[0].lower()
            )
            assert resolver.asked == ["hooks.example"]

    async def test_certificate_of_another_name_is_rejected(self, tmp_path: Path) -> None:
        certificate = write_certificate(tmp_path, "other-host.example")
        async with listening(certificate.server()) as listener:
            client = guarded_client(SsrfGuard(loopback=True), Resolver(), tls=certificate.client())

            with pytest.raises(UpstreamFailed):
                await fetch(client, f"https://hooks.example:{listener.port}/")

            await client.aclose()
            assert listener.requests == []

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    async def test_loopback_guard_permits_this_machine(self, host: str) -> None:
        async with listening() as listener:
            client = guarded_client(SsrfGuard(loopback=True))

            assert await fetch(client, f"http://{host}:{listener.port}/") == b"ok"

            await client.aclose()

    @pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://[fe80::1]/", "ftp://localhost/"])
    def test_loopback_guard_permits_no_other_private_address(self, url: str) -> None:
        with pytest.raises(DestinationRejected):
            SsrfGuard(loopback=True).check(url)


async def fetch(client: httpx.AsyncClient, url: str) -> bytes:
    return (await send(client, client.build_request("GET", url))).body


async def counts_only_the_next(listener: Listener) -> bool:
    """Connections are accepted in order: all earlier ones were counted."""
    await fetch(guarded_client(SsrfGuard(loopback=True)), f"http://127.0.0.1:{listener.port}/")
    return listener.accepted == 1
