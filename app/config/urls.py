"""URLs that may name several hosts: `redis://login@host1:6379,host2:6379/0`."""

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit


def one_host_each(url: str) -> Iterator[SplitResult]:
    """The same URL once for each of its hosts."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    for host in hosts.split(","):
        yield parts._replace(netloc=f"{login}{at}{host}")


def refuse_bad_hosts(url: str) -> None:
    """Raises ValueError with a sentence that repeats nothing of the URL, where passwords stand."""
    try:
        _ = [each.port for each in one_host_each(url)]
    except ValueError:
        raise ValueError("each of its hosts must read like name:port") from None
