"""OpenAPI webhooks: the documented messages are those that receivers get."""

import json
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI

from app.features.background_jobs.models import TaskStatus
from app.features.events.crud import events
from app.features.events.event_types import type_names
from app.features.events.models.event import Position
from app.features.events.schemas import EventRead
from app.features.users.models.user import User
from app.features.webhooks.crud import deliveries
from app.features.webhooks.delivery import signed
from app.features.webhooks.models.queue import QueueLimits
from tests.conftest import Save
from tests.factories import make_item, make_task
from tests.features.webhooks.factories import make_webhook
from tests.openapi import DOCUMENT, Node
from tests.polling import eventually
from tests.state import reads_of, units_of_work

WEBHOOKS: dict[str, Node] = {name: each["post"] for name, each in DOCUMENT["webhooks"].items()}
START = Position(0, 0)


def content(name: str) -> Node:
    found: Node = WEBHOOKS[name]["requestBody"]["content"]["application/json"]
    return found


def validate(event: Any, name: str) -> None:
    schema = {**content(name)["schema"], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(event)


def test_each_event_type_and_the_test_message_are_documented() -> None:
    assert WEBHOOKS.keys() == {*type_names(), deliveries.TEST}


def test_tag_is_not_that_of_operations() -> None:
    """Generators write a module for each tag, and one of the two would overwrite the other."""
    tags = {
        tag for each in DOCUMENT["paths"].values() for node in each.values() for tag in node["tags"]
    }

    assert not tags.intersection(*(webhook["tags"] for webhook in WEBHOOKS.values()))


@pytest.mark.parametrize("name", WEBHOOKS)
def test_example_is_valid(name: str) -> None:
    example = content(name)["example"]

    assert example["type"] == name
    validate(example, name)


def test_headers_of_messages_are_documented() -> None:
    headers = {name for name in signed("id", "{}", [b"secret" * 6]) if name.startswith("webhook-")}

    for webhook in WEBHOOKS.values():
        assert {each["name"] for each in webhook["parameters"]} == headers
        assert all(each["required"] for each in webhook["parameters"])


async def test_published_events_are_as_documented(app: FastAPI, save: Save, user: User) -> None:
    item, task = await save(make_item(user)), await save(make_task(user))
    async with units_of_work(app).begin() as uow:
        for row in (item, task):
            uow.session.add(row)
        item.name, task.status = "Cherry desk", TaskStatus.RUNNING

    found: list[EventRead] = []

    async def three_are_readable() -> bool:
        batch = await events.read_behind(reads_of(app), START)
        found[:] = [each.event for each in batch.events]
        return len(found) == 3

    # Their order is final when older transactions have ended, also those of other databases.
    await eventually(three_are_readable)
    assert {event.type for event in found} == {"item.created", "item.updated", "task.updated"}
    for event in found:
        validate(event.model_dump(mode="json"), event.type)


async def test_test_message_is_as_documented(app: FastAPI, save: Save, user: User) -> None:
    webhook = await save(make_webhook(user))
    async with units_of_work(app).begin() as uow:
        delivery = await deliveries.create_test(uow, webhook, QueueLimits(10, 10))

    assert delivery.payload
    validate(json.loads(delivery.payload), deliveries.TEST)
