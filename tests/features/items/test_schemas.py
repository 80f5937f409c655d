"""Schemas of items."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from app.features.items.schemas import (
    ITEMS_PER_SLICE,
    MAX_BATCH,
    ItemBatch,
    ItemCreate,
    ItemUpdate,
)


class TestItemUpdate:
    def test_absent_field_is_missing(self) -> None:
        assert ItemUpdate.model_validate({"name": "Desk"}).model_dump() == {"name": "Desk"}

    def test_null_is_a_value(self) -> None:
        change = ItemUpdate.model_validate({"description": None})

        assert change.model_dump() == {"description": None}


class TestItemCreate:
    def test_invalid_tax_is_one_error(self) -> None:
        with pytest.raises(ValidationError) as caught:
            ItemCreate.model_validate({"name": "Desk", "price": "x", "tax": "101"})

        assert [error["loc"] for error in caught.value.errors()] == [("price",), ("tax",)]

    def test_tags_are_not_shared(self) -> None:
        one, two = (ItemCreate.model_validate({"name": "Desk", "price": 1}) for _ in range(2))

        assert one.tags is not two.tags


class TestItemBatch:
    @pytest.mark.parametrize("junk", [None, 7, "x", [], {"name": "\ud800", "price": 1}])
    async def test_invalid_elements_do_not_affect_the_others(self, junk: Any) -> None:
        good = {"name": "Desk", "price": 1}

        checked = await ItemBatch.model_validate({"items": [good, junk, good]}).checked()

        assert list(checked.valid) == [0, 2]
        assert list(checked.invalid) == [1]

    async def test_errors_hold_no_input(self) -> None:
        batch = ItemBatch.model_validate({"items": [{"price": "canary", "canary": 1}]})

        [errors] = (await batch.checked()).invalid.values()

        assert all("input" not in error for error in errors)

    async def test_other_tasks_run_while_a_large_batch_is_validated(self) -> None:
        batch = ItemBatch.model_validate({"items": [{"name": "Desk", "price": 1}] * MAX_BATCH})
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count_turns())
        await batch.checked()
        counting.cancel()

        assert turns >= MAX_BATCH // ITEMS_PER_SLICE
