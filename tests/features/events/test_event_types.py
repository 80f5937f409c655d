"""Event types: who receives which events, and what they show."""

import uuid

from app.features.events.event_types import may_receive, scopes_to_receive
from app.features.events.schemas import published_data
from app.security.principals import Principal, Role
from tests.scopes import SCOPES

OWNER = uuid.uuid4()


def principal(*scopes: str, user_id: uuid.UUID = OWNER) -> Principal:
    return Principal(user_id, Role.USER, frozenset(scopes))


class TestMayReceive:
    def test_event_requires_the_read_scope(self) -> None:
        others = set(SCOPES) - {"items:read", "admin"}

        assert may_receive(principal("items:read"), "item.created", {})
        assert not may_receive(principal(*others), "item.created", {})

    def test_task_is_for_its_owner_and_administrators(self) -> None:
        task = {"owner_id": str(OWNER)}
        another = uuid.uuid4()

        assert may_receive(principal(), "task.updated", task)
        assert not may_receive(
            principal(*set(SCOPES) - {"admin"}, user_id=another), "task.updated", task
        )
        assert may_receive(principal("admin", user_id=another), "task.updated", task)

    def test_task_without_owner_is_for_administrators(self) -> None:
        assert not may_receive(principal(), "task.updated", {"owner_id": None})
        assert may_receive(principal("admin"), "task.updated", {"owner_id": None})

    def test_event_of_absent_feature_is_not_delivered(self) -> None:
        data = {"owner_id": str(OWNER)}

        assert not may_receive(principal(*SCOPES), "parcel.sent", data)
        assert published_data("parcel.sent", data) == {}


class TestScopesToReceive:
    def test_scopes_are_the_read_scopes(self) -> None:
        names = ["item.created", "item.deleted", "task.updated"]

        assert scopes_to_receive(names) == {"items:read"}
        assert scopes_to_receive(["task.updated"]) == set()
