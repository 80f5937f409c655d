"""Positions in the order of events, and who hears of what."""

import uuid
from datetime import timedelta

import pytest

from app.errors import Unprocessable
from app.features.events.models.event import (
    RETENTION,
    EventsExpired,
    Position,
    event_id,
    may_hear,
    position_of,
)
from app.runtime.clock import now
from app.security.principals import Principal, Role, Scope

OWNER = uuid.uuid4()


def principal(*scopes: Scope, user_id: uuid.UUID = OWNER) -> Principal:
    return Principal(user_id, Role.USER, frozenset(scopes))


class TestEventId:
    def test_names_the_position_that_it_was_made_of(self) -> None:
        assert position_of(event_id(Position(7043, 12), now())) == Position(7043, 12)

    def test_of_the_last_days_is_known(self) -> None:
        at = now() - RETENTION + timedelta(hours=2)

        assert position_of(event_id(Position(7043, 12), at)) == Position(7043, 12)

    def test_behind_which_events_were_deleted_is_expired(self) -> None:
        with pytest.raises(EventsExpired):
            position_of(event_id(Position(7043, 12), now() - RETENTION))

    @pytest.mark.parametrize(
        "text",
        ["", "12", "1-2", "1-2-3-4", "a-b-c", "1--2", "-1-2-3", "1-2-" + "9" * 19, "\u0661-2-3"],
    )
    def test_that_is_none_of_ours_is_refused(self, text: str) -> None:
        with pytest.raises(Unprocessable):
            position_of(text)


class TestHearing:
    @pytest.mark.parametrize(
        ("kind", "scope"), [("item", Scope.ITEMS_READ), ("post", Scope.POSTS_READ)]
    )
    def test_needs_the_scope_that_reading_needs(self, kind: str, scope: Scope) -> None:
        assert may_hear(principal(scope), kind, {})
        assert not may_hear(principal(*set(Scope) - {scope, Scope.ADMIN}), kind, {})

    def test_of_a_task_is_for_its_owner_and_administrators(self) -> None:
        task = {"owner_id": str(OWNER)}

        assert may_hear(principal(), "task", task)
        assert not may_hear(
            principal(*set(Scope) - {Scope.ADMIN}, user_id=uuid.uuid4()), "task", task
        )
        assert may_hear(principal(Scope.ADMIN, user_id=uuid.uuid4()), "task", task)

    def test_of_what_nobody_owns_is_for_administrators(self) -> None:
        assert not may_hear(principal(), "task", {"owner_id": None})
        assert may_hear(principal(Scope.ADMIN), "task", {"owner_id": None})
