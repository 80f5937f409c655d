"""Normalization of texts, in time proportional to their length."""

import sys
import unicodedata

import pytest

from app.features.auth.user_agents import printable_header
from app.runtime.text import MAX_MARKS, TextRejected, nfc, storable

# One after the other: each has to be sorted before all those in front of it.
MARKS = "\u0301\u0316"


def test_long_run_of_marks_is_rejected() -> None:
    with pytest.raises(TextRejected, match="combining marks"):
        nfc("a" + MARKS * MAX_MARKS)


def test_marks_beyond_the_first_plane_are_counted() -> None:
    with pytest.raises(TextRejected, match="combining marks"):
        nfc("a" + "\U0001d165" * (MAX_MARKS + 1))


def test_each_character_that_decomposes_to_marks_is_counted() -> None:
    marks = [each for each in map(chr, range(sys.maxunicode)) if is_sorted_as_mark(each)]

    for mark in marks:
        with pytest.raises(TextRejected, match="combining marks"):
            nfc("a" + mark * (MAX_MARKS + 1))
    assert "\u0f73" in marks  # Its own combining class is 0.


def is_sorted_as_mark(each: str) -> bool:
    is_mark = unicodedata.category(each).startswith("M")
    return is_mark and unicodedata.combining(unicodedata.normalize("NFD", each)[0]) > 0


def test_many_symbols_beyond_the_first_plane_are_no_marks() -> None:
    assert nfc("\U0001f600" * 100) == "\U0001f600" * 100


@pytest.mark.parametrize("letter", ["\0", "\ufdd0", "\ufdef", "\uffff", "\U0001fffe", "\U0010ffff"])
def test_noncharacters_cannot_be_stored(letter: str) -> None:
    with pytest.raises(TextRejected, match="noncharacters"):
        storable(f"a{letter}b")


def test_last_characters_of_planes_can_be_stored() -> None:
    assert storable("\ufffd\U0001fffd") == "\ufffd\U0001fffd"


def test_header_is_truncated_before_normalization(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0

    def spy(form: str, text: str) -> str:
        nonlocal longest
        longest = max(longest, len(text))
        return text

    monkeypatch.setattr(unicodedata, "normalize", spy)

    assert len(printable_header((MARKS * 7000).encode(), 400)) == 400
    assert longest == 400
