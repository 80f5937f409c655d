"""Web origins (RFC 6454)."""

import pytest

from app.network.origins import Origin, origin_of, parse_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com", Origin("https", "app.example.com", 443)),
        ("https://app.example.com:443", Origin("https", "app.example.com", 443)),
        ("HTTPS://App.Example.com:8443", Origin("https", "app.example.com", 8443)),
        ("http://127.0.0.1:8000", Origin("http", "127.0.0.1", 8000)),
        ("http://[::1]:8000", Origin("http", "[::1]", 8000)),
        ("http://[0:0::0001]", Origin("http", "[::1]", 80)),
    ],
)
def test_reads_scheme_host_and_port(text: str, origin: Origin) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "app.example.com",
        "file://",
        "ftp://app.example.com",
        "https://",
        "https://app.example.com/",
        "https://user@app.example.com",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://app.example.com:0x50",
        "https://app.example.com:65536",
        "https://app.example.com https://evil.example",
        "https://[::g]",
        "https://[::1",
        "chrome-extension://abc",
    ],
)
def test_anything_else_is_no_origin(text: str) -> None:
    assert parse_origin(text) is None


def test_origins_differ_by_scheme_and_port() -> None:
    hosts = ["https://a.example", "http://a.example", "https://a.example:8443"]

    assert len({parse_origin(each) for each in hosts}) == len(hosts)


@pytest.mark.parametrize("text", ["https://a.example", "http://a.example:8000", "http://[::1]"])
def test_writes_origin_without_default_port(text: str) -> None:
    assert str(parse_origin(text)) == text


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a@b", "a.example:", 'a"><script>', "a\r\nb"])
def test_malformed_host_has_no_origin(host: str) -> None:
    assert origin_of("https", host) is None
