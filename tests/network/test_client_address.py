"""Client addresses: every spelling is parsed to one value, and counted by network."""

from ipaddress import IPv4Address

import pytest

from app.network.client_address import (
    MAX_HOPS,
    MAX_PARSED,
    TrustedProxies,
    canonical_address,
    client_network,
    parse_address,
    parse_networks,
    parse_short,
)

PROXIES = TrustedProxies.parse("10.0.0.0/8, 2001:db8:ffff::/48, ::ffff:192.0.2.0/120")


class TestParseAddress:
    @pytest.mark.parametrize(
        ("spelling", "canonical"),
        [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            (" 203.0.113.7\t", "203.0.113.7"),
            ("[203.0.113.7]:4711", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::FFFF:cb00:7107", "203.0.113.7"),
            ("0:0:0:0:0:ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:4711", "203.0.113.7"),
            ("64:ff9b::203.0.113.7", "203.0.113.7"),
            ("2002:cb00:7107::1", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0:0::0001", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:4711", "fe80::1"),
        ],
    )
    def test_spellings_of_one_address_are_equal(self, spelling: str, canonical: str) -> None:
        assert canonical_address(spelling) == canonical

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "unknown",
            "_hidden",
            "not-an-address",
            "203.0.113",
            "203.0.113.007",
            "203.0.113.256",
            "3405803783",
            "0x7f.1",
            "203.0.113.7/32",
            "203.0.113.7:port",
            "203.0.113.7, 10.0.0.1",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]x",
            "2001:db8:::1",
            "٢٠٣.0.113.7",
            "203.0.113.7\n",
            "1" * 10_000,
        ],
    )
    def test_anything_else_is_no_address(self, text: str) -> None:
        assert parse_address(text) is None
        assert canonical_address(text) == text


class TestClientNetwork:
    def test_addresses_of_one_subscriber_are_counted_together(self) -> None:
        spellings = ["2001:db8:1:2::1", "2001:DB8:1:2:ffff::", "[2001:db8:1:2:a:b:c:d]:80"]

        assert {client_network(each) for each in spellings} == {"2001:db8:1:2::/64"}

    def test_adjacent_networks_are_counted_apart(self) -> None:
        assert client_network("2001:db8:1:2::1") != client_network("2001:db8:1:3::1")

    def test_ipv4_is_counted_by_address(self) -> None:
        spellings = ["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.7:80", "64:ff9b::cb00:7107"]

        assert {client_network(each) for each in spellings} == {"203.0.113.7"}

    def test_invalid_address_is_its_own_key(self) -> None:
        assert client_network("unknown") == "unknown"


class TestParseNetworks:
    def test_asterisk_is_every_address(self) -> None:
        assert [str(each) for each in parse_networks("*")] == ["0.0.0.0/0", "::/0"]

    def test_nothing_is_no_network(self) -> None:
        assert parse_networks("") == ()

    @pytest.mark.parametrize(
        "text", ["proxy", "10.0.0.1,proxy", "10.0.0.1/8", "10.0.0.0/33", "*,*"]
    )
    def test_anything_else_is_rejected(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_networks(text)


class TestTrustedProxies:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "client"),
        [
            # Not behind a proxy: what the client writes counts for nothing.
            ("203.0.113.7", [], "203.0.113.7"),
            ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
            ("::ffff:203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
            # One proxy, which replaces or appends.
            ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
            ("192.0.2.9", ["198.51.100.1"], "198.51.100.1"),
            ("2001:db8:ffff::1", ["2001:db8:1::1"], "2001:db8:1::1"),
            ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", ["1.1.1.1,10.9.9.9 ,198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", ["[2001:db8:1::1]:4711"], "2001:db8:1::1"),
            # Two proxies.
            ("10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", ["1.1.1.1", "198.51.100.1:80, 10.0.0.2:81"], "198.51.100.1"),
            # A client within the network of the proxies.
            ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            # No address: the last one that a proxy vouches for.
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", [""], "10.0.0.1"),
            ("10.0.0.1", ["not-an-address"], "10.0.0.1"),
            ("10.0.0.1", ["1.1.1.1, not-an-address"], "10.0.0.1"),
            ("10.0.0.1", ["1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", ["198.51.100.1, "], "10.0.0.1"),
        ],
    )
    def test_client_is_the_rightmost_untrusted_address(
        self, peer: str, forwarded: list[str], client: str
    ) -> None:
        assert PROXIES.client(peer, forwarded) == client

    def test_without_proxies_the_peer_is_the_client(self) -> None:
        assert TrustedProxies.parse("").client("10.0.0.1", ["198.51.100.1"]) == "10.0.0.1"

    def test_hops_are_bounded(self) -> None:
        chain = ", ".join(f"10.{number // 256}.{number % 256}.1" for number in range(5000))

        last = 5000 - MAX_HOPS
        assert PROXIES.client("10.0.0.1", [chain]) == f"10.{last // 256}.{last % 256}.1"


def test_number_of_parsed_addresses_in_memory_is_bounded() -> None:
    for number in range(MAX_PARSED + 100):
        assert parse_address(str(IPv4Address(number)))

    assert parse_short.cache_info().currsize == MAX_PARSED
