"""User agents as they are stored with a session."""

import unicodedata

from app.runtime.text import LINE_CONTROLS, UNSTORABLE


def printable_header(value: bytes, length: int) -> str:
    """Return a header value for storage: UTF-8 or else its ASCII, no controls, truncated."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("ascii", "ignore")
    # Cut first: long runs of combining marks take quadratic time to normalize.
    text = UNSTORABLE.sub("", LINE_CONTROLS.sub(" ", text[:length]))
    return " ".join(unicodedata.normalize("NFC", text).split())[:length]
