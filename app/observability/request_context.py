"""Request context: actor and request id, on every log line and in every audit entry."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Cheaper than structlog's own context variables, which are looked for one by one in each line.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
actor_id: ContextVar[str | None] = ContextVar("actor_id", default=None)
task_id: ContextVar[str | None] = ContextVar("task_id", default=None)
# What the audit log names; `task_id` is for the lines of a log alone.
SIGNED = (actor_id, request_id)
SAFE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def begin_request(name: str) -> None:
    """From here on it is this request; nobody is signed in yet."""
    request_id.set(name)
    actor_id.set(None)


def bind_actor(user_id: uuid.UUID) -> None:
    """From here to the end of the request, or of what was begun for it, the user acts."""
    actor_id.set(str(user_id))


@contextmanager
def bind_task(task: uuid.UUID, *, request: str, owner: uuid.UUID | None) -> Iterator[None]:
    """While a task is done: in whose name, and for which request."""
    wanted = {request_id: request, actor_id: str(owner) if owner else None, task_id: str(task)}
    tokens = [(variable, variable.set(value)) for variable, value in wanted.items()]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def attribution() -> dict[str, str]:
    """What is known of `actor_id` and `request_id`; the values need no quoting anywhere.

    Raises:
        ValueError: one of them has characters that such an id cannot have.
    """
    known = {variable.name: value for variable in SIGNED if (value := variable.get())}
    if not all(SAFE.fullmatch(value) for value in known.values()):
        raise ValueError("An actor or request id has 1 to 128 characters of A-Za-z0-9._-")
    return known
