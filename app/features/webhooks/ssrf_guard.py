"""SSRF guard: requests to URLs of users reach only the public internet.

See docs/adr/0012-outbound-requests.md.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpcore
import httpx

from app.features.http_client.bounded_network import BoundedTransport
from app.features.http_client.client import LIMITS, tls_context
from app.features.webhooks.ip_ranges import Address, is_public, parse

Resolve = Callable[[str, int], Awaitable[list[str]]]
SocketOption = httpcore.SOCKET_OPTION

MAX_URL = 2048
# Only the status and a short body are needed.
MAX_RESPONSE_BYTES = 64 * 1024
# A separate pool with many threads: a user's name server may hang, a look-up cannot be cancelled,
# and the event loop's default pool has four threads. Threads are created on demand.
LOOKUPS = ThreadPoolExecutor(512, "lookup")
# At least two labels, the last not a number: resolvers accept "127.1", "0x7f.1" and "2130706433"
# as addresses.
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"({LABEL}\.)+(?!\d+\.?$|0x[0-9a-f]*\.?$){LABEL}\.?")


class DestinationRejected(Exception):
    """The URL's destination is not allowed; the message is a sentence with the reason."""


@dataclass(frozen=True)
class SsrfGuard:
    """Permitted destinations; with `loopback`, for development, also this machine.

    Local servers have no certificate and any port, so `loopback` also allows http and all ports.
    """

    loopback: bool = False
    ports: frozenset[int] = frozenset({443, 8443})

    def check(self, url: httpx.URL | str) -> httpx.URL:
        """Return the parsed URL if it is allowed.

        The addresses of a name are checked when the connection is opened.

        Raises:
            DestinationRejected: scheme, port, host or credentials are not allowed.
        """
        parsed = parsed_url(url)
        if parsed.userinfo:
            raise DestinationRejected("The URL must not contain a user name or password.")
        host = parsed.raw_host.decode()
        if address := parse(host):
            self.permit(address)
        elif not NAME.fullmatch(host) and not (self.loopback and host == "localhost"):
            raise DestinationRejected("The host must be a full domain name or an IP address.")
        if parsed.scheme != "https" and not (self.loopback and parsed.scheme == "http"):
            raise DestinationRejected("The URL must begin with https://.")
        if (443 if parsed.port is None else parsed.port) not in self.ports and not self.loopback:
            raise DestinationRejected(f"The port must be one of {sorted(self.ports)}.")
        return parsed

    def permit(self, address: Address) -> None:
        """Check that the address is public.

        Raises:
            DestinationRejected: the address is private or otherwise special.
        """
        if not is_public(address) and not (self.loopback and address.is_loopback):
            raise DestinationRejected("The address is not one of the public internet.")


def parsed_url(url: httpx.URL | str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # Decodes A-labels, and raises for invalid ones.
    except (httpx.InvalidURL, ValueError):
        raise DestinationRejected("This is no URL.") from None
    if len(str(parsed)) > MAX_URL or not host:
        raise DestinationRejected("The URL is too long, or has no host.")
    return parsed


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name in the order of preference.

    Raises:
        OSError: the name cannot be resolved.
    """
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(LOOKUPS, look_up)
    return [str(address[0]) for *_, address in found]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections only to addresses that it has checked.

    TLS and the Host header still use the name. It is resolved once, so that DNS rebinding has no
    effect.
    """

    def __init__(
        self, ssrf_guard: SsrfGuard, resolve: Resolve, network: httpcore.AsyncNetworkBackend
    ) -> None:
        self._ssrf_guard = ssrf_guard
        self._resolve = resolve
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("The name has no address.")
        for address in await self._checked(host, port):
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _checked(self, host: str, port: int) -> list[str]:
        """Return all addresses of the host; raise if any of them is not public."""
        try:
            addresses = [host] if parse(host) else await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError("The name cannot be resolved.") from error
        for text in addresses:
            address = parse(text)
            if address is None:
                raise DestinationRejected("The name resolves to something that is no address.")
            self._ssrf_guard.permit(address)
        return addresses


class GuardedTransport(BoundedTransport):
    """httpx's transport on a guarded network, for allowed URLs only."""

    def __init__(self, ssrf_guard: SsrfGuard, resolve: Resolve, tls: ssl.SSLContext) -> None:
        network = GuardedNetwork(ssrf_guard, resolve, httpcore.AnyIOBackend())
        # The caller limits concurrency; a limit here would let a hanging host block others.
        limits = httpx.Limits(
            max_connections=None,
            max_keepalive_connections=LIMITS.max_keepalive_connections,
            keepalive_expiry=LIMITS.keepalive_expiry,
        )
        super().__init__(network, tls, limits, max_bytes=MAX_RESPONSE_BYTES)
        self._ssrf_guard = ssrf_guard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._ssrf_guard.check(request.url)
        return await super().handle_async_request(request)


def guarded_client(
    ssrf_guard: SsrfGuard, resolve: Resolve = resolve, *, tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """Return a client for URLs of users, for use with `http_client.client.send`.

    Requests to other destinations raise DestinationRejected and open no connection.
    """
    tls = tls or tls_context()
    transport = GuardedTransport(ssrf_guard, resolve, tls)
    return httpx.AsyncClient(transport=transport, trust_env=False)
