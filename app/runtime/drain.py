"""Drain: the phase between the stop signal and the end of the server."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


class Drain:
    """State of the shutdown, and the calls to run at its begin."""

    def __init__(self) -> None:
        self.is_draining = False
        self._calls: list[Callable[[], None]] = []

    def on_drain(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def begin(self) -> None:
        """Fail the readiness probe from now on, and run the calls."""
        self.is_draining = True
        for call in self._calls:
            call()


@contextmanager
def on_stop_signal(do: Callable[[], None]) -> Iterator[None]:
    """Have the event loop call `do` on SIGTERM and SIGINT within the block."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may handle signals; tests run servers in others.
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, partial(call_in_loop, loop, do, handler))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def call_in_loop(
    loop: asyncio.AbstractEventLoop,
    do: Callable[[], None],
    handler: Handler,
    number: int,
    frame: FrameType | None,
) -> None:
    loop.call_soon_threadsafe(do)
    handler(number, frame)
