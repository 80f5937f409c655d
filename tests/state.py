"""Replacement of parts of a running application, which keeps them in its state."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI


@contextmanager
def replaced(app: FastAPI, **parts: Any) -> Iterator[None]:
    """Let the application work with other parts inside of the block."""
    own = {name: getattr(app.state, name) for name in parts}
    for name, part in parts.items():
        setattr(app.state, name, part)
    try:
        yield
    finally:
        for name, part in own.items():
            setattr(app.state, name, part)
