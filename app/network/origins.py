"""Web origins (RFC 6454): scheme, host and port, compared as browsers compare them."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
# A serialized origin has no user and no path, not even a trailing slash.
ORIGIN = re.compile(r"(https?)://([^/?#@\s]+)", re.IGNORECASE)
AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::([0-9]{1,5}))?")
MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


def parse_origin(text: str) -> Origin | None:
    """Parse a serialized origin of a header or a setting; return None for `null` and other text."""
    match = ORIGIN.fullmatch(text)
    return origin_of(match[1], match[2]) if match else None


def origin_of(scheme: str, authority: str) -> Origin | None:
    """Return the origin for a scheme and the value of Host, None if that is malformed."""
    match = AUTHORITY.fullmatch(authority)
    scheme = scheme.lower()
    if match is None or scheme not in DEFAULT_PORTS:
        return None
    host, port = normalized_host(match[1]), int(match[2] or DEFAULT_PORTS[scheme])
    return Origin(scheme, host, port) if host and port <= MAX_PORT else None


def normalized_host(host: str) -> str | None:
    if not host.startswith("["):
        return host.lower()
    try:
        return f"[{IPv6Address(host[1:-1])}]"
    except ValueError:
        return None
