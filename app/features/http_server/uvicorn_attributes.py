"""Compatibility check: the attributes of uvicorn's HTTP protocol that ours uses. See ADR 0023.

Their names have no underscore, but they are not documented. With a release of uvicorn that lacks
one of them, the start fails with one sentence, instead of requests later.
"""

from collections.abc import Iterator
from types import FunctionType

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

USED_ATTRIBUTES: dict[type, tuple[str, ...]] = {
    HttpToolsProtocol: (
        "connection_made", "connection_lost", "data_received", "eof_received",
        "handle_websocket_upgrade",
        "on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body",
        "on_message_complete", "shutdown", "pause_writing", "resume_writing",
        "timeout_keep_alive_handler", "timeout_keep_alive_task", "timeout_keep_alive",
        "expect_100_continue", "parser", "transport", "flow", "cycle", "pipeline", "headers",
        "url", "scope", "loop",
    ),
    RequestResponseCycle: (
        "send", "scope", "keep_alive", "more_body", "message_event", "response_started",
        "response_complete",
        "chunked_encoding", "expected_content_length",
    ),
}  # fmt: skip


def check_uvicorn() -> None:
    """Check that the installed release has the attributes.

    Raises:
        ImportError: an attribute is missing.
    """
    for kind, names in USED_ATTRIBUTES.items():
        known = {*dir(kind), *attributes_in_code(kind)}
        missing = [name for name in names if name not in known]
        if missing:
            raise ImportError(f"This release of uvicorn lacks {kind.__name__}.{missing[0]}.")


def attributes_in_code(kind: type) -> Iterator[str]:
    """Yield the names in the code of methods, which include instance attributes."""
    for method in vars(kind).values():
        if isinstance(method, FunctionType):
            yield from method.__code__.co_names
