"""Cursors: signed values are read back, others are rejected."""

import base64
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.http.cursors import CursorSigner, InvalidCursor

SIGNER = CursorSigner("a secret")
VALUE = [["-created_at"], ["2027-01-31T12:00:00+00:00", "018f2f63-0000-7000-8000-000000000000"]]

texts = st.text(st.characters(exclude_categories=["Cs"]))


class TestSign:
    @given(st.lists(st.lists(texts)))
    def test_signed_value_is_returned(self, value: list[list[str]]) -> None:
        assert SIGNER.read(SIGNER.sign(value)) == value

    def test_is_safe_in_a_url(self) -> None:
        cursor = SIGNER.sign(["\U0001f9ff?&/+=" * 20])

        assert set(cursor) <= {*string.ascii_letters, *string.digits, "-", "_"}

    def test_same_value_has_the_same_cursor(self) -> None:
        assert SIGNER.sign(VALUE) == CursorSigner("a secret").sign(VALUE)


class TestRead:
    @given(place=st.integers(0, 200), letter=st.sampled_from(string.ascii_letters))
    def test_changed_cursor_is_rejected(self, place: int, letter: str) -> None:
        cursor = SIGNER.sign(VALUE)
        place %= len(cursor) - 1  # The last letter has unused bits.
        assume(cursor[place] != letter)

        with pytest.raises(InvalidCursor):
            SIGNER.read(cursor[:place] + letter + cursor[place + 1 :])

    @given(st.text())
    def test_made_up_cursor_is_rejected(self, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            SIGNER.read(cursor)

    @given(st.binary(max_size=100))
    def test_made_up_bytes_are_rejected(self, raw: bytes) -> None:
        with pytest.raises(InvalidCursor):
            SIGNER.read(base64.urlsafe_b64encode(raw).decode())

    @pytest.mark.parametrize("cut", [1, 5, 16, 30])
    def test_shortened_cursor_is_rejected(self, cut: int) -> None:
        with pytest.raises(InvalidCursor):
            SIGNER.read(SIGNER.sign(VALUE)[:-cut])

    def test_cursor_of_another_secret_is_rejected(self) -> None:
        with pytest.raises(InvalidCursor):
            SIGNER.read(CursorSigner("another secret").sign(VALUE))
