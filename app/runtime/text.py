"""Text normalization and validation of every text that a client sends. ADR 0028."""

import re
import unicodedata
from itertools import groupby

NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}-{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
UNSTORABLE = re.compile(f"[\0\ud800-\udfff{NONCHARACTERS}]")
ASTRAL = "\U00010000-\U0010ffff"
# A class of characters of the first plane is a table look-up, ten times as fast as one with
# characters beyond it; in a text without those, it finds the same as UNSTORABLE.
MAYBE_UNSTORABLE = re.compile(f"[\0\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff{ASTRAL}]")
# All controls but tabs and line breaks.
CONTROLS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# All controls, the separators of lines and paragraphs, and the marks that turn the direction of
# writing (UTR 36, section 2.10): they make `exe.gpj` look like `jpg.exe`.
LINE_CONTROLS = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# Letters and symbols that are invisible.
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
VISIBLE = ("L", "N", "P", "S", "Cn")
# Four times the longest text, because NFC makes one letter out of up to four.
MAX_LENGTH = 80_000
# UAX #15, section 13 (Stream-Safe Text): longer runs spell no word, and normalization takes
# quadratic time to sort them (3 s for 20,000).
MAX_MARKS = 30
# The characters without a combining class that decompose to two marks.
DOUBLE_MARKS = "\u0f73\u0f75\u0f81"
MARKS = DOUBLE_MARKS + "".join(filter(unicodedata.combining, map(chr, range(0x300, 0x10000))))
# Marks of the first plane, and everything beyond it: checked one by one where there are many.
MAYBE_MARKS = re.compile(f"[{MARKS}{ASTRAL}]{{{MAX_MARKS + 1},}}")


class TextRejected(ValueError):
    """A text breaks a rule; clients switch on `code`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def normalized_line(text: str) -> str:
    """Return the text in NFC without the white space around it.

    Raises:
        TextRejected: the text has control characters or line breaks, or nothing visible.
    """
    text = text.strip()
    if text.isascii() and text.isprintable():
        return text
    return checked(text, LINE_CONTROLS)


def normalized_text(text: str) -> str:
    """Return a text of any number of lines in NFC.

    Raises:
        TextRejected: the text has control characters other than tabs and line breaks, or nothing
            visible.
    """
    if text.isascii() and text.isprintable() and not text.isspace():
        return text
    return checked(text, CONTROLS)


def normalized_paragraph(text: str) -> str:
    """Return a text as `normalized_text` does, without the white space around it."""
    return normalized_text(text.strip())


def checked(text: str, controls: re.Pattern[str]) -> str:
    if controls.search(text):
        raise TextRejected("text_control_character", "Text may not contain control characters")
    normalized = nfc(text)
    if text and not is_visible(text):
        raise TextRejected("text_invisible", "Text must contain something visible")
    return normalized


def nfc(text: str) -> str:
    """Return the text in Normalization Form C, in time proportional to its length.

    Raises:
        TextRejected: the text is too long, cannot be stored, or has too many marks in a row.
    """
    if len(text) > MAX_LENGTH:
        raise TextRejected("string_too_long", "The text is too long")
    if any(
        longest_run_of_marks(run[0]) > MAX_MARKS for run in MAYBE_MARKS.finditer(storable(text))
    ):
        raise TextRejected("text_too_many_marks", "Text has too many combining marks in a row")
    return unicodedata.normalize("NFC", text)


def storable(text: str) -> str:
    """Return the text unchanged.

    Raises:
        TextRejected: the text has characters that PostgreSQL or UTF-8 cannot encode.
    """
    if MAYBE_UNSTORABLE.search(text) and UNSTORABLE.search(text):
        raise TextRejected("text_unstorable", "Text may not contain NUL, surrogates, noncharacters")
    return text


def longest_run_of_marks(text: str) -> int:
    runs = groupby(map(unicodedata.combining, re.sub(f"[{DOUBLE_MARKS}]", "\u0f72", text)), bool)
    return max((len(list(run)) for is_mark, run in runs if is_mark), default=0)


def is_visible(text: str) -> bool:
    """Return whether the text has a visible character."""
    return any(
        letter not in BLANKS and unicodedata.category(letter).startswith(VISIBLE) for letter in text
    )
