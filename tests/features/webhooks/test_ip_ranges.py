"""Public and private addresses, one of each kind."""

import pytest

from app.features.webhooks.ip_ranges import is_public, parse

PUBLIC = [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
    "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
    "2606:4700:4700::1111", "2a00:1450:4001::200e", "2001:200::1",
]  # fmt: skip
SPECIAL = [
    "0.0.0.0",
    "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:db8::1", "2002:7f00:1::", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "2606:4700:4700::1111%eth0",
]  # fmt: skip


class TestIsPublic:
    @pytest.mark.parametrize("text", PUBLIC)
    def test_public_address_is_public(self, text: str) -> None:
        address = parse(text)

        assert address
        assert is_public(address)

    @pytest.mark.parametrize("text", SPECIAL)
    def test_special_purpose_address_is_not_public(self, text: str) -> None:
        address = parse(text)

        assert address
        assert not is_public(address)


class TestParse:
    @pytest.mark.parametrize("text", ["localhost", "127.1", "0177.0.0.1", "0x7f.0.0.1", "1", ""])
    def test_other_spellings_are_host_names(self, text: str) -> None:
        assert parse(text) is None
