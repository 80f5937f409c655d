"""Loops that live as long as the process."""

import asyncio

from app.core.background import BackgroundLoop, start_together


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
    async def test_they_close_at_once_and_not_in_turn(self) -> None:
        loops = [Lingering(closing) for closing in [asyncio.Barrier(2)] * 2]
        close = start_together(loops)
        await asyncio.sleep(0)

        async with asyncio.timeout(10):
            await close()

        assert [loop.rounds for loop in loops] == [1, 1]
