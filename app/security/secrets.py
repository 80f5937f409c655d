"""Random secrets, and the digests that are stored of them."""

import hashlib
import secrets


def new_secret() -> str:
    """Return 256 random bits in base64url: too many to guess, so a fast hash is sufficient."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Return the SHA-256 of the secret, the only form in which it is stored."""
    return hashlib.sha256(secret.encode()).digest()
