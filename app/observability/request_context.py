"""Request context: actor and request id, on every log line and in every audit entry."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Cheaper than structlog's own context variables, which are looked up one by one for each line.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
actor_id: ContextVar[str | None] = ContextVar("actor_id", default=None)
task_id: ContextVar[str | None] = ContextVar("task_id", default=None)
# Recorded in the audit log; `task_id` is only for log lines.
AUDITED = (actor_id, request_id)
AUDIT_NAMES = tuple(variable.name for variable in AUDITED)
SAFE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def begin_request(name: str) -> None:
    """Bind the request id, and reset the actor until authentication."""
    request_id.set(name)
    actor_id.set(None)


def bind_actor(user_id: uuid.UUID) -> None:
    """Bind the acting user for the rest of the request and the tasks created in it."""
    actor_id.set(str(user_id))


@contextmanager
def bind_task(task: uuid.UUID, *, request: str, owner: uuid.UUID | None) -> Iterator[None]:
    """Bind task, request id and owner as actor while a task runs."""
    wanted = {request_id: request, actor_id: str(owner) if owner else None, task_id: str(task)}
    tokens = [(variable, variable.set(value)) for variable, value in wanted.items()]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def audit_context() -> dict[str, str]:
    """Return `actor_id` and `request_id` where bound; the values need no quoting.

    Raises:
        ValueError: an id has other characters than A-Za-z0-9._-, or more than 128.
    """
    known = {variable.name: value for variable in AUDITED if (value := variable.get())}
    if not all(SAFE.fullmatch(value) for value in known.values()):
        raise ValueError("An actor or request id has 1 to 128 characters of A-Za-z0-9._-")
    return known
