"""API keys on the wire, without the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app.features.api_keys.schemas import ApiKeyCreate

KEY = {"name": "nightly import", "scopes": ["items:read"]}


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


class TestApiKeyCreate:
    def test_expiry_is_optional(self) -> None:
        key = ApiKeyCreate.model_validate(KEY)

        assert (key.scopes, key.expires_at) == (["items:read"], None)

    def test_may_expire_later(self) -> None:
        key = ApiKeyCreate.model_validate(KEY | {"expires_at": in_days(1)})

        assert key.expires_at is not None

    @pytest.mark.parametrize("expires_at", ["2001-01-31T00:00:00Z", "2127-01-31", 1, "never"])
    def test_other_expiry_is_rejected(self, expires_at: Any) -> None:
        with pytest.raises(ValidationError):
            ApiKeyCreate.model_validate(KEY | {"expires_at": expires_at})

    @pytest.mark.parametrize("scopes", [[], None, "items:read", ["items:eat"], ["ADMIN"], [1]])
    def test_unknown_scope_is_rejected(self, scopes: Any) -> None:
        with pytest.raises(ValidationError):
            ApiKeyCreate.model_validate(KEY | {"scopes": scopes})
