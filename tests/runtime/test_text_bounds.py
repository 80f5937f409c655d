"""Bounds of text processing: what is longer is rejected before it is normalized or parsed."""

import pytest

from app.runtime import text
from app.runtime.text import TextRejected


def test_rejects_texts_beyond_the_bound_of_normalization() -> None:
    assert text.nfc("\u00e9" * text.MAX_LENGTH)
    with pytest.raises(TextRejected):
        text.nfc("\u00e9" * (text.MAX_LENGTH + 1))
