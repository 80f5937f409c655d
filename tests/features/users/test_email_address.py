"""E-mail addresses: the bounds of their length."""

import pytest

from app.features.users.email_address import MAX_LENGTH, email_address
from app.runtime.text import TextRejected


def test_long_address_is_rejected() -> None:
    padded = "ada@example.com" + " " * MAX_LENGTH + "@example.org"

    with pytest.raises(TextRejected):
        email_address(padded)


def test_local_part_has_at_most_64_octets() -> None:
    longest = f"{'a' * 64}@example.com"
    assert email_address(longest) == longest

    with pytest.raises(TextRejected):
        email_address(f"a{longest}")
