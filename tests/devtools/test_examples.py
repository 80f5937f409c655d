"""Examples of requests in the OpenAPI document: each succeeds on the data of `make run`."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.config.settings import Settings
from app.devtools.seed import seed_when_empty
from tests.authorization import Operation, operations

METHODS = ("POST", "PUT", "PATCH", "DELETE")
# A token that a mail or an earlier response contains stands in the example.
SECRETS = {"refresh_token", "reset_password", "verify_email"}
# Each ends the access of the demo user, so that it is executed on data of its own.
LAST = ("change_password", "delete_profile")


def with_examples(app: FastAPI) -> list[Operation]:
    """The operations with a body, in the order in which a reader would try them."""
    found = [
        each
        for each in operations(app).values()
        if "requestBody" in each.documented and each.name not in SECRETS
    ]
    return sorted(found, key=lambda each: (bool(each.scopes), METHODS.index(each.method)))


class Reader:
    """Someone who executes examples untouched, as the demo user or, where needed, the admin."""

    def __init__(self, app: FastAPI, client: AsyncClient) -> None:
        self.operations = operations(app)
        self._client = client

    async def execute(self, operation: Operation) -> Response:
        name = "admin" if "admin" in operation.scopes else "user"
        headers = {} if operation.is_public else await self._sign_in(name)
        path = await self._path_of(operation, headers)
        body = body_of(operation)
        return await self._client.request(operation.method, path, headers=headers, **body)

    async def _sign_in(self, name: str) -> dict[str, str]:
        """Sign in by the example, of which the administrator changes the name."""
        form = body_of(self.operations["create_token"])["data"]
        form["username"] = form["username"].replace("user", name)
        response = await self._client.post(self.operations["create_token"].path, data=form)
        return {"Authorization": f"Bearer {response.json()['access_token']}"}

    async def _path_of(self, operation: Operation, headers: dict[str, str]) -> str:
        """Return the path, with the example of its parameter or an id of the list above it."""
        collection, _, rest = operation.path.partition("/{")
        if not rest:
            return operation.path
        parameter = next(p for p in operation.documented["parameters"] if p["in"] == "path")
        if examples := parameter["schema"].get("examples"):
            return f"{collection}/{examples[0]}"
        rows = (await self._client.get(collection, headers=headers)).json()["items"]
        # Of the accounts, the one that executes no examples itself.
        row = next(row for row in rows if row.get("username", "guest") == "guest")
        return f"{collection}/{row['id']}{rest.partition('}')[2]}"


def body_of(operation: Operation) -> dict[str, Any]:
    ((kind, media),) = operation.documented["requestBody"]["content"].items()
    example = dict(media["example"])
    if kind == "application/json":
        return {"json": example}
    if kind != "multipart/form-data":
        return {"data": example}
    names = [name for name in example if name in {"file", "files"}]
    files = [(name, text) for name in names for text in as_list(example.pop(name))]
    return {"data": example, "files": [(name, ("report.pdf", text)) for name, text in files]}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture
async def reader(app: FastAPI, client: AsyncClient, settings: Settings) -> Reader:
    await seed_when_empty(settings)
    return Reader(app, client)


async def test_each_example_succeeds_untouched(app: FastAPI, reader: Reader) -> None:
    executed = [each for each in with_examples(app) if each.name not in LAST]
    assert {"create_token", "create_item", "update_profile", "create_category"} <= {
        each.name for each in executed
    }

    for operation in executed:
        response = await reader.execute(operation)

        assert response.status_code < 300, (operation.name, response.text)


async def test_example_can_be_repeated(reader: Reader) -> None:
    for name in ("create_item", "create_item", "update_profile", "update_profile"):
        assert (await reader.execute(reader.operations[name])).status_code < 300


@pytest.mark.parametrize("name", LAST)
async def test_example_that_ends_the_access_succeeds(reader: Reader, name: str) -> None:
    response = await reader.execute(reader.operations[name])

    assert response.status_code == 204, response.text
