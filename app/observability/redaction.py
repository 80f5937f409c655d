"""Redaction of logs: credentials, and values of clients that exceptions repeat."""

import re
from functools import lru_cache
from typing import Any

from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, WrappedLogger

REDACTED = "[redacted]"
SECRET_KEYS = re.compile(
    r"passw|secret|token|authorization|cookie|api_?key|credential|signature", re.IGNORECASE
)
# Formats of this service's credentials, and common formats of others. A line without any of the
# marks has no match and is not searched.
MARKS = ("eyJ", "rk_", "rt_", "earer ", "://", "=")
SECRETS = re.compile(
    r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*"  # a JSON Web Token
    r"|\br[kt]_\w+"  # an API key, a refresh token
    r"|(?<=earer )[^\s\"'\\]+"  # RFC 6750, section 2.1
    r"|(?<=://)[^\s/\"'\\]+(?=@)"  # the login in a URL
    r"|(?i:(?:passw\w*|secret|token|ticket|signature|\w*key|code)=)[^\s&\"'\\]+"
)
# The interpreter writes their messages, about the code; others may repeat values of clients.
ABOUT_CODE = frozenset(
    {
        "AttributeError",
        "ImportError",
        "ModuleNotFoundError",
        "NameError",
        "NotImplementedError",
        "RecursionError",
        "TypeError",
        "UnboundLocalError",
        "ZeroDivisionError",
    }
)

Stack = dict[str, Any]


def redact_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Redact the values of fields that are named like secrets."""
    for key in event:
        if is_secret(key):
            event[key] = REDACTED
    return event


@lru_cache(maxsize=1024)
def is_secret(key: str) -> bool:
    return SECRET_KEYS.search(key) is not None


def redact_line(line: str) -> str:
    """Redact everything that looks like a secret in the rendered line."""
    return SECRETS.sub(REDACTED, line) if any(map(line.__contains__, MARKS)) else line


class RedactedExceptions:
    """Stacks without local variables, and without messages that may repeat values of clients."""

    def __init__(self) -> None:
        self._transform = ExceptionDictTransformer(show_locals=False)

    def __call__(self, exc_info: ExcInfo) -> list[Stack]:
        return redact_stacks(self._transform(exc_info))


def redact_stacks(stacks: list[Stack]) -> list[Stack]:
    return [
        {
            **stack,
            "exc_value": stack["exc_value"] if stack["exc_type"] in ABOUT_CODE else REDACTED,
            "exc_notes": [],
            "syntax_error": None,
            "exceptions": [redact_stacks(each) for each in stack["exceptions"]],
        }
        for stack in stacks
    ]
