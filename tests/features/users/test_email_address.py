"""E-mail addresses: their length is checked before they are parsed."""

import pytest

from app.features.users.email_address import MAX_LENGTH, email_address
from app.runtime.text import TextRejected


def test_long_address_is_rejected() -> None:
    padded = "ada@example.com" + " " * MAX_LENGTH + "@example.org"

    with pytest.raises(TextRejected):
        email_address(padded)
