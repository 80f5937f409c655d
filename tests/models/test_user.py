"""A new address has yet to be verified."""

import pytest

from tests.factories import make_user


class TestMoveToEmail:
    def test_new_address_is_unverified(self) -> None:
        user = make_user(email="ada@example.com", email_verified=True)

        user.move_to_email("grace@example.com")

        assert (user.email, user.email_canonical) == ("grace@example.com", "grace@example.com")
        assert not user.email_verified

    @pytest.mark.parametrize("email", ["ada@example.com", "Ada@Example.COM"])
    def test_other_spelling_stays_verified(self, email: str) -> None:
        user = make_user(email="ada@example.com", email_verified=True)

        user.move_to_email(email)

        assert (user.email, user.email_canonical) == (email, "ada@example.com")
        assert user.email_verified
