"""Query counts: no list sends one query per row. Lists are found in the OpenAPI document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app.features.users.models.user import User
from tests.conftest import As, Save
from tests.factories import make_category, make_item
from tests.fragments import fragments
from tests.state import reads_of

ROWS = 5
DOCUMENT: dict[str, Any] = json.loads(Path("docs/openapi.json").read_text(encoding="utf-8"))


def lists() -> Iterator[str]:
    """Return the paths that return a page, from the OpenAPI document.

    Lists that belong to one resource are excluded: the resource is loaded first.
    """
    for path, item in DOCUMENT["paths"].items():
        response = item.get("get", {}).get("responses", {}).get("200", {})
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if "/Page_" in schema.get("$ref", "") and "{" not in path:
            yield path


LISTS = sorted(lists())


async def fill(save: Save, user: User) -> None:
    for number in range(ROWS):
        await save(make_item(user))
        await save(make_category(name=f"category {number}"))
        for _, factories in fragments("factories"):
            await factories.save_listed(save, user)


class TestLists:
    def test_are_found(self) -> None:
        assert {"/api/v1/items", "/api/v1/users", "/api/v2/items"} <= set(LISTS)

    @pytest.mark.parametrize("path", LISTS)
    async def test_page_is_one_statement(
        self, app: FastAPI, as_user: As, save: Save, admin: User, path: str
    ) -> None:
        client = await as_user(admin)
        await fill(save, admin)
        await client.get(path)
        before = reads_of(app).statements

        response = await client.get(path)

        assert response.status_code == 200
        assert reads_of(app).statements - before == 1

    @pytest.mark.parametrize("path", LISTS)
    async def test_total_is_a_second_statement(
        self, app: FastAPI, as_user: As, save: Save, admin: User, path: str
    ) -> None:
        client = await as_user(admin)
        await fill(save, admin)
        await client.get(path)
        before = reads_of(app).statements

        response = await client.get(path, params={"include_total": True})

        assert response.json()["total"] >= len(response.json()["items"])
        assert reads_of(app).statements - before == 2
