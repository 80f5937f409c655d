"""Canonical form of names that must be unique: e-mail address, user name."""

from unicodedata import normalize


def canonical(text: str) -> str:
    """Fold away case, width, ligatures and surrounding space.

    A compatibility caseless match (The Unicode Standard, section 3.13, D146) that ends
    in Normalization Form KC (UAX #15). Folding a folded text again changes nothing.

    Raises:
        ValueError: the text has a lone surrogate, which UTF-8 cannot encode.
    """
    text.encode()
    folded = normalize("NFD", text).casefold()
    return normalize("NFKC", normalize("NFKC", folded).casefold()).strip()
