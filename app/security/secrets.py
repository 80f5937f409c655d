"""Random secrets, and what of them is stored."""

import hashlib
import secrets


def new_secret() -> str:
    """256 random bits in base64url: too many to guess, so a fast hash protects them."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """SHA-256 of the secret, the only form in which it is stored."""
    return hashlib.sha256(secret.encode()).digest()
