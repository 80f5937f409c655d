"""Client addresses: parsed once, compared by value, and counted by network.

One address has many spellings, and one client has many addresses: a provider assigns each
subscriber at least a /64 of IPv6 (RFC 6177). Every limit, log line and stored address goes
through this module. See docs/adr/0025-one-credential-one-client.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Longer than every spelling of an address with a zone and a port; parsed ones are cached.
MAX_LENGTH = 100
MAX_PARSED = 4096
SPELLING = re.compile(
    r"\[(?P<bracketed>[^\]%]+)(%[^\]]+)?\](:\d{1,5})?"
    r"|(?P<with_port>[\d.]+):\d{1,5}"
    r"|(?P<plain>[^\[\]%]+)(%\S+)?",
    re.ASCII,
)
# Proxies in a row; entries beyond that were written by the client.
MAX_HOPS = 20
CLIENT_PREFIX = 64
NAT64 = IPv6Network("64:ff9b::/96")
MAPPED = IPv6Network("::ffff:0:0/96")
EVERYTHING = ("0.0.0.0/0", "::/0")


def parse_address(text: str) -> Address | None:
    """Return the address, or None for anything else.

    A port, brackets and the zone are dropped. An IPv4 address within an IPv6 address
    (IPv4-mapped, NAT64 of RFC 6052, 6to4 of RFC 3056) is returned as IPv4.
    """
    return parse_short(text) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=MAX_PARSED)
def parse_short(text: str) -> Address | None:
    spelling = SPELLING.fullmatch(text.strip(" \t"))
    if spelling is None:
        return None
    try:
        address = ip_address(spelling["bracketed"] or spelling["with_port"] or spelling["plain"])
    except ValueError:
        return None
    return embedded_ipv4(address) or address


def embedded_ipv4(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


# Cached: the standard library writes an address digit by digit. No caller passes long texts.
@lru_cache(maxsize=MAX_PARSED)
def canonical_address(text: str) -> str:
    """Return the canonical spelling of an address; other text, such as a socket path, unchanged."""
    address = parse_address(text)
    return str(address) if address else text


@lru_cache(maxsize=MAX_PARSED)
def client_network(text: str) -> str:
    """Return the key that limits count by: an IPv4 address, or a /64 of IPv6."""
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, CLIENT_PREFIX), strict=False))
    return str(address) if address else text


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a comma-separated list; `*` is every address.

    Raises:
        ValueError: an entry is neither an address nor a network.
    """
    entries = EVERYTHING if text.strip() == "*" else text.split(",")
    return tuple(unmapped(ip_network(each.strip())) for each in entries if each.strip())


def unmapped(network: Network) -> Network:
    """Return the network in the form for comparisons: IPv4-mapped networks as IPv4."""
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        address = network.network_address.ipv4_mapped or IPv4Address(0)
        return IPv4Network((address, network.prefixlen - MAPPED.prefixlen))
    return network


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Networks of the reverse proxies whose forwarding header fields are trusted."""

    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a comma-separated list; raises like `parse_networks`."""
        return cls(parse_networks(text))

    def includes(self, text: str) -> bool:
        address = parse_address(text)
        return address is not None and any(address in network for network in self.networks)

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """Return the rightmost address that is not of a trusted proxy.

        Each proxy appends the address of its own peer. Entries left of an untrusted address, or
        of one that is no address, may have been written by the client.

        Args:
            peer: the address at the other end of the connection.
            forwarded: the values of all `X-Forwarded-For` lines, in order.
        """
        client = canonical_address(peer)
        hops = ",".join(forwarded).rsplit(",", MAX_HOPS)
        for hop in reversed(hops[-MAX_HOPS:]):
            address = parse_address(hop)
            if address is None or not self.includes(client):
                break
            client = str(address)
        return client
