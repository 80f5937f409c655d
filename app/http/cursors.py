"""Opaque page cursors, signed so that clients cannot change them."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from app.errors import BadRequest

MAC_BYTES = 16
MAX_CURSOR = 2000


class InvalidCursor(BadRequest):
    code = "invalid_cursor"
    title = "Invalid cursor"
    remedy = "Start again at the first page, and send each cursor unchanged."


class CursorSigner:
    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"cursors:" + secret.encode()).digest()

    def sign(self, value: Any) -> str:
        """Return the MAC and the value as JSON, in base64url (RFC 4648, section 5)."""
        payload = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(self._mac(payload) + payload).decode().rstrip("=")

    def read(self, cursor: str) -> Any:
        """Return the value that was signed.

        Raises:
            InvalidCursor: the cursor is malformed, or its MAC does not match.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise InvalidCursor from None
        mac, payload = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise InvalidCursor
        return json.loads(payload)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:MAC_BYTES]
