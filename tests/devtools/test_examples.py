"""Examples of the OpenAPI document: each operation succeeds untouched on the data of `make run`.

The reader is Swagger UI: it sends the example of a JSON body, the examples of the fields of a form,
and the example of each parameter that has one, which are those that are required.
"""

from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.config.settings import Settings
from app.devtools.seed import seed_when_empty
from app.features import find_modules
from tests.authorization import Operation, operations
from tests.valid_requests import STREAMS

# A token that a mail or an earlier response contains stands in the example.
SECRETS = {"refresh_token", "reset_password", "verify_email"}
# Each ends the session of the reader.
SIGN_OUTS = ("logout", "logout_everywhere")
# Each ends the access of the demo user, so that it is executed on data of its own.
LAST = ("change_password", "delete_profile")
# Tags of the features that `app/devtools/seed.py` fills; others have a module `seed`.
SEEDED = {"auth", "categories", "items", "items v2", "system", "tasks", "users"}


def in_order(app: FastAPI) -> list[Operation]:
    """The operations by tag; deletions last, from the leaves to the root, and then sign-outs."""
    tags = [tag["name"] for tag in app.openapi()["tags"]]

    def place(operation: Operation) -> tuple[bool, int, bool, int]:
        is_deletion = operation.method == "DELETE"
        depth = -operation.path.count("/") if is_deletion else 0
        tag = tags.index(operation.documented["tags"][0])
        return operation.name in SIGN_OUTS, tag, is_deletion, depth

    found = [each for each in operations(app).values() if each.documented]
    return sorted((each for each in found if each.name not in {*SECRETS, *LAST}), key=place)


class Reader:
    """Someone who executes operations untouched, as the demo user or, where needed, the admin."""

    def __init__(self, app: FastAPI, client: AsyncClient) -> None:
        self.operations = operations(app)
        self._client = client
        self._signed_in: dict[str, dict[str, str]] = {}

    async def execute(self, operation: Operation) -> Response:
        headers = {} if operation.is_public else await self._headers("admin" in operation.scopes)
        path, query = await self._path_of(operation, headers), examples_of(operation, "query")
        # A stream has no end; its head shows whether it was permitted.
        method = "HEAD" if operation.name in STREAMS else operation.method
        body = body_of(operation)
        response = await self._client.request(method, path, headers=headers, params=query, **body)
        if operation.name in SIGN_OUTS:
            self._signed_in.clear()
        return response

    async def _headers(self, is_admin: bool) -> dict[str, str]:
        name = "admin" if is_admin else "user"
        if name not in self._signed_in:
            self._signed_in[name] = await self._sign_in(name)
        return self._signed_in[name]

    async def _sign_in(self, name: str) -> dict[str, str]:
        """Sign in by the example, of which the administrator changes the name."""
        content = self.operations["create_token"].documented["requestBody"]["content"]
        ((_, media),) = content.items()
        form = dict(media["example"])
        form["username"] = form["username"].replace("user", name)
        response = await self._client.post(self.operations["create_token"].path, data=form)
        return {"Authorization": f"Bearer {response.json()['access_token']}"}

    async def _path_of(self, operation: Operation, headers: dict[str, str]) -> str:
        examples = examples_of(operation, "path")
        if examples or not names_of(operation, "path"):
            return operation.path.replace(":path}", "}").format_map(
                {name: quote(str(value)) for name, value in examples.items()}
            )
        # A generated resource has no seed data: an id of the list above it.
        collection, _, rest = operation.path.partition("/{")
        rows = (await self._client.get(collection, headers=headers)).json()["items"]
        return f"{collection}/{rows[0]['id']}{rest.partition('}')[2]}"


def names_of(operation: Operation, place: str) -> set[str]:
    parameters = operation.documented.get("parameters", ())
    return {each["name"] for each in parameters if each["in"] == place and each.get("required")}


def examples_of(operation: Operation, place: str) -> dict[str, Any]:
    found = [each for each in operation.documented.get("parameters", ()) if each["in"] == place]
    named = {p["name"]: next(iter(p["examples"].values())) for p in found if "examples" in p}
    examples = {p["name"]: p["example"] for p in found if "example" in p}
    return examples | {name: example["value"] for name, example in named.items()}


def body_of(operation: Operation) -> dict[str, Any]:
    if "requestBody" not in operation.documented:
        return {}
    ((kind, media),) = operation.documented["requestBody"]["content"].items()
    if kind == "application/json":
        return {"json": media["example"]}
    samples = {name: sample(field) for name, field in media["schema"]["properties"].items()}
    # Fields that are empty are not sent.
    example = {name: value for name, value in samples.items() if value}
    if kind != "multipart/form-data":
        return {"data": example}
    names = [name for name in example if name in {"file", "files"}]
    files = [(name, text) for name in names for text in as_list(example.pop(name))]
    return {"data": example, "files": [(name, ("report.pdf", text)) for name, text in files]}


def sample(field: dict[str, Any]) -> Any:
    """Return what Swagger UI fills in for a field of a form."""
    candidates = (*field.get("examples", ()), field.get("default"), *field.get("enum", ()))
    return next((each for each in candidates if each is not None), "string")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture
async def reader(app: FastAPI, client: AsyncClient, settings: Settings) -> Reader:
    await seed_when_empty(settings)
    return Reader(app, client)


def test_each_required_parameter_has_an_example(app: FastAPI) -> None:
    seeded = SEEDED | {str(each.__name__).split(".")[2] for each in find_modules("seed")}

    missing = {
        (operation.name, name)
        for operation in in_order(app)
        if seeded & {*operation.documented["tags"]}
        for place in ("path", "query")
        for name in names_of(operation, place) - examples_of(operation, place).keys()
    }

    assert missing == set()


async def test_each_operation_succeeds_untouched(app: FastAPI, reader: Reader) -> None:
    executed = in_order(app)
    assert {"create_token", "restore_item", "retry_task", "delete_category"} <= {
        each.name for each in executed
    }

    for operation in executed:
        response = await reader.execute(operation)

        assert response.status_code < 300, (operation.name, response.url, response.text)


async def test_example_can_be_repeated(reader: Reader) -> None:
    names = {"create_item", "create_file", "create_token", "update_profile"}
    for name in sorted(names & reader.operations.keys()):  # Files are an optional feature.
        for _ in range(2):
            assert (await reader.execute(reader.operations[name])).status_code < 300


@pytest.mark.parametrize("name", LAST)
async def test_example_that_ends_the_access_succeeds(reader: Reader, name: str) -> None:
    response = await reader.execute(reader.operations[name])

    assert response.status_code == 204, response.text
