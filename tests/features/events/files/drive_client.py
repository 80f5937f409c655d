"""Calls of a client that openapi-python-client generated: one of each kind that programs make.

    python drive_client.py URL USERNAME PASSWORD

It is checked by mypy together with the client, so that it also shows the types of the client.
"""

import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any, TypeVar

from reference_api_client.api.auth import create_token
from reference_api_client.api.files import create_file, read_file_content
from reference_api_client.api.items import create_item, export_items, list_items, update_item
from reference_api_client.client import AuthenticatedClient, Client
from reference_api_client.models.create_file_body import CreateFileBody
from reference_api_client.models.create_token_body import CreateTokenBody
from reference_api_client.models.create_token_body_grant_type import CreateTokenBodyGrantType
from reference_api_client.models.file_read import FileRead
from reference_api_client.models.item_create import ItemCreate
from reference_api_client.models.item_read import ItemRead
from reference_api_client.models.item_update import ItemUpdate
from reference_api_client.models.item_updated_event import ItemUpdatedEvent
from reference_api_client.models.page_item_read import PageItemRead
from reference_api_client.models.problem import Problem
from reference_api_client.models.token_pair import TokenPair
from reference_api_client.types import File, Response, Unset

T = TypeVar("T")
CONTENT = b"The quick brown fox."


def main(url: str, username: str, password: str) -> None:
    client = signed_in(url, username, password)
    first, again = (create(client) for _ in range(2))
    assert first.parsed == again.parsed
    assert again.headers["Idempotency-Replayed"] == "true"
    created = expected(first, ItemRead, HTTPStatus.CREATED)
    event = receive(client, lambda: change(client, created, first.headers["ETag"]))
    assert event.data.price == "199.90"
    find(client, created)
    upload(client)
    reject(client)


def signed_in(url: str, username: str, password: str) -> AuthenticatedClient:
    """Sign in, and exchange the refresh token."""
    anonymous = Client(base_url=url)
    login = CreateTokenBody(username=username, password=password)
    pair = expected(create_token.sync_detailed(client=anonymous, body=login), TokenPair)
    refresh = CreateTokenBody(
        grant_type=CreateTokenBodyGrantType.REFRESH_TOKEN, refresh_token=pair.refresh_token
    )
    pair = expected(create_token.sync_detailed(client=anonymous, body=refresh), TokenPair)
    return AuthenticatedClient(base_url=url, token=pair.access_token)


def create(client: AuthenticatedClient) -> Response[ItemRead | Problem]:
    body = ItemCreate(name="Elm bench", price="249.90", tags=["generated"])
    return create_item.sync_detailed(client=client, body=body, idempotency_key="bench")


def change(client: AuthenticatedClient, item: ItemRead, etag: str) -> None:
    """Change an item on condition of its entity tag; the second time it is not current."""
    body = ItemUpdate(price="199.90")
    responses = [
        update_item.sync_detailed(item.id, client=client, body=body, if_match=etag)
        for _ in range(2)
    ]
    assert expected(responses[0], ItemRead).price == "199.90"
    expected(responses[1], Problem, HTTPStatus.PRECONDITION_FAILED)


def receive(client: AuthenticatedClient, make_change: Callable[[], None]) -> ItemUpdatedEvent:
    """Open the stream of events, make the change, and return its event.

    The generated function would wait for the end of the stream. The first `id` is the position at
    which the stream begins.
    """
    with client.get_httpx_client().stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("id:"))
        make_change()
        next(line for line in lines if line == "event: item.updated")
        data = next(line for line in lines if line.startswith("data:"))
        return ItemUpdatedEvent.from_dict(json.loads(data.removeprefix("data:")))


def find(client: AuthenticatedClient, item: ItemRead) -> None:
    """Find the item in a list and in the export."""
    page = expected(list_items.sync_detailed(client=client, tag=["generated"]), PageItemRead)
    assert [each.id for each in page.items] == [item.id]
    exported = export_items.sync_detailed(client=client, tag=["generated"])
    assert str(item.id) in expected(exported, str)


def upload(client: AuthenticatedClient) -> None:
    body = CreateFileBody(file=File(BytesIO(CONTENT), "fox.txt", "text/plain"))
    stored = expected(
        create_file.sync_detailed(client=client, body=body), FileRead, HTTPStatus.CREATED
    )
    downloaded = read_file_content.sync_detailed(stored.id, client=client)
    assert expected(downloaded, File).payload.read() == CONTENT


def reject(client: AuthenticatedClient) -> None:
    """Violate two rules; each error has a pointer."""
    response = create_item.sync_detailed(client=client, body=ItemCreate(name="", price="-1"))
    problem = expected(response, Problem, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert not isinstance(problem.errors, Unset)
    pointers = {error.pointer for error in problem.errors or ()}
    assert pointers == {"/body/name", "/body/price"}


def expected(response: Response[Any], kind: type[T], status: HTTPStatus = HTTPStatus.OK) -> T:
    """Return the parsed body, which has this type if the status is this one."""
    assert response.status_code == status, response.content
    assert isinstance(response.parsed, kind)
    return response.parsed


if __name__ == "__main__":
    main(*sys.argv[1:])
