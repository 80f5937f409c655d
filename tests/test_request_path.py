"""The request path: lines of code of the kernel functions that one request runs."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import getsourcelines
from pathlib import Path
from types import CodeType, FrameType

from app.devtools.code_lines import numbers_of_code
from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import item_body, make_item

APP = Path(__file__).parents[1] / "app"
OUTSIDE = {"features", "devtools"}


@contextmanager
def kernel_functions() -> Iterator[set[CodeType]]:
    """The functions of the kernel that run inside the block."""
    seen: set[CodeType] = set()

    def record(frame: FrameType, event: str, _: object) -> None:
        task = asyncio.current_task()
        # Background loops name their tasks.
        is_request = task is not None and task.get_name().startswith("Task-")
        if event == "call" and is_request and is_kernel(frame.f_code.co_filename):
            seen.add(frame.f_code)

    sys.setprofile(record)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def is_kernel(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(APP) and path.relative_to(APP).parts[0] not in OUTSIDE


def size(functions: set[CodeType]) -> tuple[int, int]:
    """Return the lines of code and the files of the functions."""
    files = {code.co_filename: numbers_of_code(Path(code.co_filename)) for code in functions}
    return sum(len(lines_of(code) & files[code.co_filename]) for code in functions), len(files)


def lines_of(code: CodeType) -> set[int]:
    lines, first = getsourcelines(code)
    return set(range(first, first + len(lines)))


class TestKernel:
    """The figures may only fall; the goal is 25 files, 35 for a write."""

    async def test_read_takes_few_lines(self, as_user: As, user: User, save: Save) -> None:
        item = await save(make_item(user))
        client = await as_user(user)
        await client.get(f"/api/v1/items/{item.id}")

        with kernel_functions() as functions:
            response = await client.get(f"/api/v1/items/{item.id}")

        assert response.status_code == 200
        lines, files = size(functions)
        assert lines <= 480
        assert files <= 28

    async def test_write_takes_few_lines(self, as_user: As, user: User) -> None:
        client = await as_user(user)
        await client.post("/api/v1/items", json=item_body())

        with kernel_functions() as functions:
            response = await client.post("/api/v1/items", json=item_body())

        assert response.status_code == 201
        lines, files = size(functions)
        assert lines <= 715
        assert files <= 37
