"""Bounds of text processing: what is longer is refused before it is normalized or parsed."""

import pytest

from app.runtime import text
from app.runtime.text import TextRefused


def test_refuses_texts_beyond_the_bound_of_normalization() -> None:
    assert text.nfc("\u00e9" * text.MAX_LENGTH)
    with pytest.raises(TextRefused):
        text.nfc("\u00e9" * (text.MAX_LENGTH + 1))
