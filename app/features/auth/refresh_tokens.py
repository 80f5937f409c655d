"""Refresh tokens: each names its session and its place in the rotation, under a MAC.

Nothing of a token is stored, so nothing of it can leak from the database; the session's
row says which generation is the newest.
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
        """The same token each time, so that an honest retry gets the same answer."""
        return f"rt_{session_id.hex}_{generation}_{self._mac(session_id, generation)}"

    def read(self, token: str) -> tuple[uuid.UUID, int]:
        """The session and the generation.

        Raises:
            InvalidToken: this service did not make the token.
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
