"""Quotas and windows."""

import pytest

from app.config.rate_limit_policy import Policy
from app.security.rate_limit import LocalWindows


class TestPolicy:
    def test_reads_quota_and_window(self) -> None:
        assert Policy.parse("1000/minute") == Policy(1000, 60)

    @pytest.mark.parametrize(
        "text", ["", "1000", "0/minute", "-1/minute", "10/fortnight", "1e3/day"]
    )
    def test_rejects_anything_else(self, text: str) -> None:
        with pytest.raises(ValueError, match="1000/minute"):
            Policy.parse(text)


class TestLocalWindows:
    async def test_window_starts_with_its_first_request(self) -> None:
        windows = LocalWindows(Policy(2, 60))

        verdicts = [await windows.count("a") for _ in range(3)]

        assert [verdict.remaining for verdict in verdicts] == [1, 0, -1]
        assert [verdict.is_rejected for verdict in verdicts] == [False, False, True]

    async def test_request_may_be_worth_several(self) -> None:
        windows = LocalWindows(Policy(5, 60))

        verdicts = [await windows.count("a", units) for units in (1, 3, 2)]

        assert [verdict.remaining for verdict in verdicts] == [4, 1, -1]

    async def test_number_of_keys_is_bounded_while_all_windows_last(self) -> None:
        windows = LocalWindows(Policy(1, 60), max_keys=3)
        for number in range(10):
            await windows.count(str(number))

        rejected = {key: (await windows.count(key)).is_rejected for key in ("9", "8", "0")}

        assert rejected == {"9": True, "8": True, "0": False}

    async def test_new_window_gives_the_quota_again(self) -> None:
        times = iter([0.0, 61.0])
        windows = LocalWindows(Policy(1, 60), clock=lambda: next(times))
        await windows.count("a")

        verdict = await windows.count("a")

        assert not verdict.is_rejected
