"""A confirmed address replaces the one before."""

from tests.factories import make_user


def test_confirmed_address_is_stored_in_both_spellings() -> None:
    user = make_user(email="ada@example.com", email_verified=False)

    user.confirm_email("Grace@Example.com")

    assert (user.email, user.email_canonical) == ("Grace@Example.com", "grace@example.com")
    assert user.email_verified
