"""Idempotency keys: stored responses that are replayed to a repeated request."""

from typing import Any

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base
from app.errors import Conflict, TooManyRequests, Unprocessable


class IdempotencyKey(Base):
    """The first response to a request, stored in the transaction of its write.

    `body` is encrypted: a response may contain a secret, such as a new API key.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("uq_idempotency_keys_caller_key", "caller", "key", unique=True),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    caller: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)


class StoredResponse(TypedDict):
    """`fingerprint` is the MAC of that of the request."""

    fingerprint: bytes
    status: int
    headers: dict[str, str]
    body: bytes


class IdempotencyKeyReused(Unprocessable):
    code = "idempotency_key_reused"
    title = "Idempotency key reused"
    remedy = "Send a new Idempotency-Key with a new request."


class IdempotencyKeyInProgress(Conflict):
    code = "idempotency_key_in_progress"
    title = "The first request is still running"
    remedy = "Repeat the request after the time in Retry-After."


class TooManyIdempotencyKeys(TooManyRequests):
    code = "too_many_idempotency_keys"
    title = "Too many idempotency keys"
    remedy = "Send a key only where a request may be repeated; stored responses expire in a day."
