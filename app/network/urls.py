"""URLs that may name several hosts: `redis://login@host1:6379,host2:6379/0`."""

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit


def one_host_each(url: str) -> Iterator[SplitResult]:
    """Yield the URL once for each of its hosts."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    for host in hosts.split(","):
        yield parts._replace(netloc=f"{login}{at}{host}")


def check_hosts(url: str) -> None:
    """Check that each host has a valid port.

    Raises:
        ValueError: a sentence without parts of the URL, which may contain a password.
    """
    try:
        _ = [each.port for each in one_host_each(url)]
    except ValueError:
        raise ValueError("each of its hosts must read like name:port") from None
