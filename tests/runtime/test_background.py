"""Background loops: continue after errors, log at intervals, and close together."""

import asyncio
from collections.abc import Iterator

import pytest
import structlog

from app.config.settings import Settings
from app.errors import Unavailable
from app.observability.logging import configure_logging
from app.runtime.background import BackgroundLoop, start_together


class Failing(BackgroundLoop):
    """Raises the given errors, one per iteration, and then waits."""

    name = "failing"

    def __init__(self, errors: list[Exception], log_again_seconds: float) -> None:
        super().__init__()
        self.log_again_seconds = log_again_seconds
        self._errors: Iterator[Exception] = iter(errors)
        self.done = asyncio.Event()

    async def work(self) -> None:
        for error in self._errors:
            raise error
        self.done.set()
        await asyncio.Event().wait()

    async def pause(self) -> None:
        """At once."""


@pytest.fixture(autouse=True)
def listening(settings: Settings) -> None:
    """Reset the log level of earlier tests."""
    configure_logging(settings.model_copy(update={"log_level": "info"}))


async def logged(errors: list[Exception], log_again_seconds: float = 30) -> list[str]:
    loop = Failing(errors, log_again_seconds)
    with structlog.testing.capture_logs() as lines:
        loop.start()
        await loop.done.wait()
        await loop.close()
    return [line["reason"] for line in lines]


class TestFailure:
    async def test_repeated_failure_is_logged_once(self) -> None:
        errors: list[Exception] = [Unavailable() for _ in range(5)]

        assert await logged(errors) == ["Unavailable"]

    async def test_failure_of_another_kind_is_logged(self) -> None:
        errors = [Unavailable(), ValueError(), ValueError(), Unavailable()]

        assert await logged(errors) == ["Unavailable", "ValueError", "Unavailable"]

    async def test_failure_is_logged_again_after_the_interval(self) -> None:
        errors: list[Exception] = [Unavailable(), Unavailable()]

        assert await logged(errors, log_again_seconds=0) == ["Unavailable", "Unavailable"]


class Lingering(BackgroundLoop):
    """Closes once all of them are closing."""

    def __init__(self, closing: asyncio.Barrier) -> None:
        super().__init__()
        self.rounds = 0
        self._all = closing

    async def work(self) -> None:
        self.rounds += 1

    async def pause(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        await self._all.wait()
        await super().close()


class TestStartTogether:
    async def test_loops_close_concurrently(self) -> None:
        loops = [Lingering(closing) for closing in [asyncio.Barrier(2)] * 2]
        close = start_together(loops)
        await asyncio.sleep(0)

        async with asyncio.timeout(10):
            await close()

        assert [loop.rounds for loop in loops] == [1, 1]
