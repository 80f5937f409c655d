"""Signals: in-process events from one feature to dependent ones, in the same transaction.

A signal is a frozen dataclass, declared by the feature that emits it. Receivers are declared in
`Feature.receivers`; an error that one raises rolls the transaction back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.db.unit_of_work import UnitOfWork  # It emits signals.


class Signal:
    """The base class of signals."""


Receiver = Callable[["UnitOfWork", Any], Awaitable[None]]


class Signals:
    """The receivers of each class of signals, in calling order."""

    def __init__(self, receivers: Mapping[type[Signal], Sequence[Receiver]]) -> None:
        self._receivers = receivers

    async def send(self, uow: "UnitOfWork", signal: Signal) -> None:
        for receive in self._receivers.get(type(signal), ()):
            await receive(uow, signal)
