"""Positions in the order of events."""

from datetime import timedelta

import pytest

from app.errors import Unprocessable
from app.features.events.models.event import (
    RETENTION,
    EventsExpired,
    Position,
    event_id,
    position_of,
)
from app.runtime.clock import now


class TestEventId:
    def test_id_encodes_its_position(self) -> None:
        assert position_of(event_id(Position(7043, 12), now())) == Position(7043, 12)

    def test_recent_id_is_valid(self) -> None:
        at = now() - RETENTION + timedelta(hours=2)

        assert position_of(event_id(Position(7043, 12), at)) == Position(7043, 12)

    def test_id_before_deleted_events_is_expired(self) -> None:
        with pytest.raises(EventsExpired):
            position_of(event_id(Position(7043, 12), now() - RETENTION))

    @pytest.mark.parametrize(
        "text",
        ["", "12", "1-2", "1-2-3-4", "a-b-c", "1--2", "-1-2-3", "1-2-" + "9" * 19, "\u0661-2-3"],
    )
    def test_invalid_id_is_rejected(self, text: str) -> None:
        with pytest.raises(Unprocessable):
            position_of(text)
