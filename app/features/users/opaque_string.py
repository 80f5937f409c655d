"""OpaqueString profile of RFC 8265: preparation of passwords before hashing."""

from unicodedata import category

from app.runtime.text import CONTROLS, TextRejected, nfc


def prepared(password: str) -> str:
    """Return the password as it is hashed: the OpaqueString profile of RFC 8265, section 4.2.

    Spaces of other scripts become ASCII spaces, and the text is in NFC; case is kept.

    Raises:
        TextRejected: the password has control or unstorable characters.
    """
    if CONTROLS.search(password) or any(letter in password for letter in "\t\r\n"):
        raise TextRejected("text_control_character", "Text may not contain control characters")
    spaced = "".join(" " if category(letter) == "Zs" else letter for letter in password)
    return nfc(spaced)
