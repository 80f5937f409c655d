"""User names and e-mail addresses in the form in which they are compared."""

from app.features.users.email_address import email_address
from app.runtime.canonical import canonical
from app.runtime.text import TextRejected


def canonical_part(text: str) -> str:
    """Return the canonical form of a part of a user name or of an e-mail address."""
    local, at, domain = text.rpartition("@")
    try:
        return canonical(local) + at + email_address(f"x@{domain}").partition("@")[2]
    except TextRejected:
        return canonical(text)


def canonical_login(text: str) -> str:
    """Return the canonical form of a user name or of an e-mail address in any spelling."""
    try:
        return canonical(email_address(text))
    except TextRejected:
        return canonical(text)


def contains_pattern(text: str) -> str:
    """Return a LIKE pattern for values that contain the text, with its wildcards escaped."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
