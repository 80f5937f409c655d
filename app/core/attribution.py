"""Who acts, and for which request: told on every log line and by every audit entry."""

import re
import uuid

from structlog.contextvars import bind_contextvars, get_contextvars

NAMES = ("actor_id", "request_id")
SAFE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def act_as(user_id: uuid.UUID) -> None:
    """From here to the end of the request, or of what was begun for it, the user acts."""
    bind_contextvars(actor_id=str(user_id))


def attribution() -> dict[str, str]:
    """What is known of `actor_id` and `request_id`; the values need no quoting anywhere.

    Raises:
        ValueError: one of them has characters that such an id cannot have.
    """
    context = get_contextvars()
    known = {name: str(context[name]) for name in NAMES if name in context}
    if not all(SAFE.fullmatch(value) for value in known.values()):
        raise ValueError("An actor or request id has 1 to 128 characters of A-Za-z0-9._-")
    return known
