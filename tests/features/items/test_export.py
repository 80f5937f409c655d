"""Exports of collections, and restoring deleted items."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import pytest
from fastapi import FastAPI, Request
from httpx2 import AsyncClient

from app.features.items.export import ExportFormat, cell, export
from app.features.items.models import ItemRow
from app.features.users.models.user import User
from app.security.principals import Principal, Role
from tests.conftest import As, Save
from tests.factories import make_item

EXPORT = "/api/v1/items/export"


class TestExportItems:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(EXPORT)

        assert response.status_code == 401

    async def test_ndjson_has_an_item_on_each_line(
        self, as_user: As, save: Save, user: User
    ) -> None:
        saved = [await save(make_item(user, name=f"item {place}")) for place in range(3)]
        client = await as_user(user)

        response = await client.get(EXPORT)

        lines = [json.loads(line) for line in response.text.splitlines()]
        assert response.headers["content-type"] == "application/x-ndjson"
        assert response.headers["content-disposition"] == 'attachment; filename="items.ndjson"'
        assert lines == [
            (await client.get(f"/api/v1/items/{item.id}")).json()
            for item in sorted(saved, key=lambda item: item.id)
        ]

    async def test_csv_is_safe_to_open_in_a_spreadsheet(
        self, as_user: As, save: Save, user: User
    ) -> None:
        name = '=HYPERLINK("http://evil")'
        item = await save(make_item(user, name=name, tags=["oak", "wood"]))
        client = await as_user(user)

        response = await client.get(EXPORT, params={"format": "csv"})

        (row,) = csv.DictReader(io.StringIO(response.text))
        assert row["name"] == '\'=HYPERLINK("http://evil")'
        assert row["tags"] == "oak,wood"
        read = (await client.get(f"/api/v1/items/{item.id}")).json()
        assert row["created_at"] == read["created_at"]

    async def test_filters_apply(self, as_user: As, save: Save, user: User) -> None:
        await save(make_item(user, name="desk", tags=["oak"]))
        await save(make_item(user, name="lamp"))

        response = await (await as_user(user)).get(EXPORT, params={"tag": "oak"})

        assert [json.loads(line)["name"] for line in response.text.splitlines()] == ["desk"]

    @pytest.mark.parametrize("form", ExportFormat)
    async def test_many_rows_are_encoded_in_slices(
        self, app: FastAPI, save: Save, user: User, form: ExportFormat
    ) -> None:
        principal = Principal(user.id, Role.USER, frozenset())
        request = Request({"type": "http", "app": app, "principal": principal})
        item = await save(make_item(user))
        row = cast("ItemRow", {name: getattr(item, name) for name in ItemRow.__annotations__})

        async def chunks() -> AsyncIterator[list[ItemRow]]:
            yield [row] * 1000

        response = await export(request, chunks(), ItemRow, form, name="items")
        encoded = asyncio.create_task(parts_of(response.body_iterator))
        iterations = 0
        while not encoded.done():
            await asyncio.sleep(0)
            iterations += 1

        assert iterations >= 20
        assert sum(part.count(str(item.id)) for part in encoded.result()) == 1000

    async def test_unknown_format_is_rejected(self, as_user: As, user: User) -> None:
        response = await (await as_user(user)).get(EXPORT, params={"format": "xml"})

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/query/format"


class TestCsvCell:
    @pytest.mark.parametrize(
        "text",
        ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"],
    )
    def test_formula_is_escaped(self, text: str) -> None:
        assert cell(text) == f"'{text}"

    @pytest.mark.parametrize("value", ["desk", 1, None])
    def test_other_text_is_unchanged(self, value: object) -> None:
        assert cell(value) == value


class TestRestoreItem:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post("/api/v1/items/018f2f63-0000-7000-8000-000000000000/restore")

        assert response.status_code == 401

    async def test_deleted_item_is_restored(self, as_user: As, save: Save, user: User) -> None:
        item, client = await save(make_item(user)), await as_user(user)
        await client.delete(f"/api/v1/items/{item.id}")

        response = await client.post(f"/api/v1/items/{item.id}/restore")

        assert response.status_code == 200
        assert response.headers["etag"] == '"3"'
        assert (await client.get(f"/api/v1/items/{item.id}")).status_code == 200

    async def test_item_that_is_not_deleted_is_not_found(
        self, as_user: As, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))

        response = await (await as_user(user)).post(f"/api/v1/items/{item.id}/restore")

        assert response.status_code == 404

    async def test_item_of_another_user_stays_deleted(
        self, as_user: As, save: Save, user: User, other_user: User
    ) -> None:
        item = await save(make_item(user))
        await (await as_user(user)).delete(f"/api/v1/items/{item.id}")

        response = await (await as_user(other_user)).post(f"/api/v1/items/{item.id}/restore")

        assert response.status_code == 403


async def parts_of(parts: AsyncIterable[str | bytes | memoryview]) -> list[str]:
    return [part if isinstance(part, str) else bytes(part).decode() async for part in parts]
