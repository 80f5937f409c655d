"""Requests to addresses that users name: to the public internet, and nowhere else.

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

from app.features.http_client.client import LIMITS
from app.features.webhooks.ip_ranges import Address, is_public, parse

Resolve = Callable[[str, int], Awaitable[list[str]]]
SocketOption = httpcore.SOCKET_OPTION

MAX_URL = 2048
# Threads of their own, and many: a name server of somebody else may hang, and a look-up cannot
# be stopped. The event loop has four of them for all that it does. Made when they are needed.
LOOKUPS = ThreadPoolExecutor(512, "lookup")
# A name below some other, in letters, the last part not a number: "127.1", "0x7f.1" and
# "2130706433" are addresses to a resolver.
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"({LABEL}\.)+(?!\d+\.?$|0x[0-9a-f]*\.?$){LABEL}\.?")


class DestinationRefused(Exception):
    """The URL leads somewhere that requests must not go; the message says why, in a sentence."""


@dataclass(frozen=True)
class SsrfGuard:
    """Where requests may go; with `loopback`, for development, also to this machine.

    What listens there has no certificate and any port, so http and all ports are allowed, too.
    """

    loopback: bool = False
    ports: frozenset[int] = frozenset({443, 8443})

    def check(self, url: httpx.URL | str) -> httpx.URL:
        """The URL, parsed, if nothing in it tells that it must be refused.

        What a name resolves to is looked at when the connection is made.

        Raises:
            DestinationRefused: scheme, port, host or credentials are not allowed.
        """
        parsed = parsed_url(url)
        if parsed.userinfo:
            raise DestinationRefused("The URL must not contain a user name or password.")
        host = parsed.raw_host.decode()
        if address := parse(host):
            self.permit(address)
        elif not NAME.fullmatch(host) and not (self.loopback and host == "localhost"):
            raise DestinationRefused("The host must be a full domain name or an IP address.")
        if parsed.scheme != "https" and not (self.loopback and parsed.scheme == "http"):
            raise DestinationRefused("The URL must begin with https://.")
        if (parsed.port or 443) not in self.ports and not self.loopback:
            raise DestinationRefused(f"The port must be one of {sorted(self.ports)}.")
        return parsed

    def permit(self, address: Address) -> None:
        """Let public addresses through.

        Raises:
            DestinationRefused: the address is private, or special in another way.
        """
        if not is_public(address) and not (self.loopback and address.is_loopback):
            raise DestinationRefused("The address is not one of the public internet.")


def parsed_url(url: httpx.URL | str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise DestinationRefused("This is no URL.") from None
    if len(str(parsed)) > MAX_URL or not parsed.host:
        raise DestinationRefused("The URL is too long, or has no host.")
    return parsed


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order in which to try them; raises OSError without any."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(LOOKUPS, look_up)
    return [str(address[0]) for *_, address in found]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to exactly those addresses that it has checked.

    Everything above, TLS and the Host header included, still knows the name; and since it is
    resolved once, an answer that changes a moment later changes nothing.
    """

    def __init__(
        self, ssrf_guard: SsrfGuard, resolve: Resolve, network: httpcore.AsyncNetworkBackend
    ) -> None:
        self._destinations = ssrf_guard
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
        """All addresses of the host; a single one that is not public refuses them all."""
        try:
            addresses = [host] if parse(host) else await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError("The name cannot be resolved.") from error
        for text in addresses:
            address = parse(text)
            if address is None:
                raise DestinationRefused("The name resolves to something that is no address.")
            self._destinations.permit(address)
        return addresses


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own, on a guarded network, and only to URLs that are allowed."""

    def __init__(self, ssrf_guard: SsrfGuard, resolve: Resolve, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls)
        self._destinations = ssrf_guard
        # httpx has no parameter for it; a release that renames this fails the tests.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            # Who asks bounds what is asked at once; here, one that hangs would hold up others.
            max_connections=None,
            max_keepalive_connections=LIMITS.max_keepalive_connections,
            keepalive_expiry=LIMITS.keepalive_expiry,
            network_backend=GuardedNetwork(ssrf_guard, resolve, httpcore.AnyIOBackend()),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._destinations.check(request.url)
        return await super().handle_async_request(request)


def guarded_client(
    ssrf_guard: SsrfGuard, resolve: Resolve = resolve, *, tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """Return a client for URLs that users name; `http_client.client.send` takes its requests.

    Its requests raise DestinationRefused instead of opening a connection elsewhere.
    """
    tls = tls or httpx.create_ssl_context(trust_env=False)
    transport = GuardedTransport(ssrf_guard, resolve, tls)
    return httpx.AsyncClient(transport=transport, trust_env=False)
