"""Signals: in-process events from one feature to dependent ones, in the same transaction.

A signal is a frozen dataclass, declared by the feature that emits it. Receivers are declared in
`Feature.receivers`; an error that one raises rolls the transaction back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession


class Signal:
    """The base class of signals."""


Receiver = Callable[[AsyncSession, Any], Awaitable[None]]


class Signals:
    """The receivers of each class of signals, in calling order."""

    def __init__(self, receivers: Mapping[type[Signal], Sequence[Receiver]]) -> None:
        self._receivers = receivers

    async def send(self, session: AsyncSession, signal: Signal) -> None:
        for receive in self._receivers.get(type(signal), ()):
            await receive(session, signal)


async def emit(session: AsyncSession, signal: Signal) -> None:
    """Call the receivers of a signal in order, in the transaction of the session."""
    signals: Signals = session.info["signals"]
    await signals.send(session, signal)
