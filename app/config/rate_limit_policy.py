"""Policies of rate limits: `1000/minute` in a setting, a quota and a window in the code."""

import re
from dataclasses import dataclass

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
FORM = re.compile(r"(\d{1,9})/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` requests per window; a window starts with its first request."""

    quota: int
    window_seconds: int

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Parse `1000/minute`.

        Raises:
            ValueError: the text has another format.
        """
        form = FORM.fullmatch(text)
        if form is None or not int(form[1]):
            raise ValueError("it must read like 1000/minute")
        return cls(int(form[1]), SECONDS[form[2]])
