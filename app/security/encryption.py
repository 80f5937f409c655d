"""Encryption of values that must not be readable in the database."""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Encryptor:
    """AES-256-GCM and HMAC-SHA-256 with keys derived from one secret."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"encryption:" + secret.encode()).digest())
        self._mac_key = hashlib.sha256(b"mac:" + secret.encode()).digest()

    def mac(self, digest: bytes) -> bytes:
        """Return the HMAC-SHA-256 of the digest of a value short enough to be guessed."""
        return hmac.digest(self._mac_key, digest, "sha256")

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt with AES-256-GCM (NIST SP 800-38D); return the nonce and the ciphertext."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Decrypt the result of `encrypt`.

        Raises:
            InvalidTag: of cryptography; the value was encrypted with another secret or changed.
        """
        return self._cipher.decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], None)
