"""Refresh tokens: session id and rotation generation, authenticated by a MAC.

No part of a token is stored, so none can leak from the database; the session's row holds the
newest generation.
"""

import hashlib
import hmac
import re
import uuid

from app.errors import InvalidToken

FORM = re.compile(r"rt_([0-9a-f]{32})_(0|[1-9][0-9]{0,8})_([0-9a-f]{64})")


class RefreshTokens:
    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"refresh:" + secret.encode()).digest()

    def issue(self, session_id: uuid.UUID, generation: int) -> str:
        """Return the token; the same each time, so that a client's retry gets the same response."""
        return f"rt_{session_id.hex}_{generation}_{self._mac(session_id, generation)}"

    def read(self, token: str) -> tuple[uuid.UUID, int]:
        """Verify a token and return its session id and generation.

        Raises:
            InvalidToken: it is malformed, or this service did not issue it.
        """
        form = FORM.fullmatch(token)
        if form is None:
            raise InvalidToken("The refresh token is malformed.")
        session_id, generation = uuid.UUID(form[1]), int(form[2])
        if not hmac.compare_digest(form[3], self._mac(session_id, generation)):
            raise InvalidToken("The refresh token was not made by this service.")
        return session_id, generation

    def _mac(self, session_id: uuid.UUID, generation: int) -> str:
        return hmac.digest(self._key, b"%b:%d" % (session_id.bytes, generation), "sha256").hex()
