"""Refresh tokens: each contains its session and generation, and none can be forged."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidToken
from app.features.auth.refresh_tokens import RefreshTokens

TOKENS = RefreshTokens("a secret")
SESSION = uuid.UUID("a3bb189e-8bf9-4c8e-9f7e-0d2a0a4f5b6c")
OTHER = uuid.UUID("6b6e1f0c-3b0e-4a53-9d5e-2f8d5f1f7a10")


class TestRead:
    @given(session_id=st.uuids(), generation=st.integers(0, 999_999_999))
    def test_issued_token_is_read_back(self, session_id: uuid.UUID, generation: int) -> None:
        token = TOKENS.issue(session_id, generation)

        assert TOKENS.read(token) == (session_id, generation)

    def test_legitimate_retry_gets_the_same_token(self) -> None:
        assert TOKENS.issue(SESSION, 3) == RefreshTokens("a secret").issue(SESSION, 3)

    @pytest.mark.parametrize(
        "forged",
        [
            TOKENS.issue(SESSION, 1).replace("_1_", "_2_"),
            TOKENS.issue(SESSION, 1).replace("_1_", "_01_"),
            TOKENS.issue(SESSION, 1).replace(SESSION.hex, OTHER.hex),
            TOKENS.issue(SESSION, 1).upper(),
            TOKENS.issue(SESSION, 1) + "\n",
            TOKENS.issue(SESSION, 1)[:-1],
            f"rt_{SESSION.hex}_1_{'0' * 64}",
            f"rt_{SESSION}_1_{'0' * 64}",
            f"rt_{SESSION.hex}_-1_{'0' * 64}",
            f"rt_{SESSION.hex}_{'9' * 20}_{'0' * 64}",
            f"rt_{SESSION.hex}_\u0661_{'0' * 64}",
            RefreshTokens("another secret").issue(SESSION, 1),
        ],
        ids=lambda token: token[-24:].strip(),
    )
    def test_forged_token_is_rejected(self, forged: str) -> None:
        with pytest.raises(InvalidToken):
            TOKENS.read(forged)

    @given(st.text(max_size=120))
    def test_made_up_token_is_rejected(self, token: str) -> None:
        with pytest.raises(InvalidToken):
            TOKENS.read(token)
