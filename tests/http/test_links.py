"""Absolute `Link` and `Location`, and the origin of their base URL."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import requests
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.features.users.models.user import User
from app.http.header_fields import list_members
from benchmarks.harness.servers import serving
from tests.authorization import operations
from tests.conftest import As, Running, access_token, new_client
from tests.factories import item_body
from tests.scenes import Scene
from tests.valid_requests import call

ITEMS = "/api/v1/items"
PUBLIC = "https://api.example.com:8443"
TARGET = re.compile(r"<([^>]*)>")


@pytest.fixture
async def caller(as_user: As, admin: User) -> AsyncClient:
    return await as_user(admin)


def targets(response: Response) -> list[str]:
    return [TARGET.findall(link)[0] for link in list_members(response.headers["Link"])]


async def created(client: AsyncClient, app: FastAPI, user: User) -> dict[str, Response]:
    """Return the responses with a Location, by the names of their operations."""
    responses = {
        each.name: await call(each, Scene(app, user), client)
        for each in operations(app).values()
        if each.method == "POST" and {"201", "202"} & each.documented.get("responses", {}).keys()
    }
    return {name: each for name, each in responses.items() if "Location" in each.headers}


async def test_every_location_is_absolute_and_leads_there(
    app: FastAPI, caller: AsyncClient, admin: User
) -> None:
    responses = await created(caller, app, admin)

    assert {"create_item", "create_item_v2", "create_category", "process_item"} <= responses.keys()
    for name, response in responses.items():
        assert response.status_code in {201, 202}, response.text
        location = response.headers["Location"]
        assert location.startswith("http://test/api/")
        found = await caller.get(location)
        assert found.status_code == 200, name
        assert not name.startswith("create") or found.json()["id"] == response.json()["id"], name


async def test_every_link_is_absolute(caller: AsyncClient) -> None:
    for _ in range(3):
        await caller.post(ITEMS, json=item_body())

    response = await caller.get(ITEMS, params={"limit": 1, "skip": 1})

    assert len(targets(response)) == 3
    assert all(target.startswith("http://test/") for target in targets(response))


async def test_links_include_the_root_path(app: FastAPI, caller: AsyncClient) -> None:
    transport = httpx.ASGITransport(app, root_path="/shop")
    headers = {"Authorization": caller.headers["Authorization"]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as client:
        made = await client.post(f"/shop{ITEMS}", json=item_body())
        task = await client.post(f"/shop{ITEMS}/{made.json()['id']}/process")
        listed = await client.get(f"/shop{ITEMS}")

    assert made.headers["Location"].startswith(f"http://test/shop{ITEMS}/")
    assert task.headers["Location"].startswith("http://test/shop/api/v1/tasks/")
    assert listed.links["first"]["url"] == f"http://test/shop{ITEMS}"


@pytest.mark.parametrize("host", ['a"><script>', "a b", "a/b", "user@evil", "", "[::g]"])
async def test_malformed_host_is_not_repeated(caller: AsyncClient, host: str) -> None:
    response = await caller.get(ITEMS, headers={"Host": host})

    assert targets(response) == [f"http://127.0.0.1:8000{ITEMS}"]


@pytest.fixture
async def public_app(running: Running) -> AsyncIterator[FastAPI]:
    async with running(public_url=PUBLIC) as app:
        yield app


async def test_public_url_comes_before_any_host(public_app: FastAPI, admin: User) -> None:
    token = await access_token(public_app, admin)
    headers = {"Authorization": f"Bearer {token}", "Host": "evil.example"}
    async with new_client(public_app, **headers) as client:
        responses = list((await created(client, public_app, admin)).values())
        listed = await client.get(ITEMS)

    locations = [response.headers["Location"] for response in responses]
    assert all(url.startswith(f"{PUBLIC}/") for url in [*locations, *targets(listed)])
    for response in [*responses, listed]:
        assert "evil" not in f"{response.headers} {response.text}"


async def test_host_is_not_repeated_in_production(running: Running, admin: User) -> None:
    async with running(environment="production") as app:
        token = await access_token(app, admin)
        async with new_client(app, Authorization=f"Bearer {token}") as client:
            response = await client.get(ITEMS, headers={"Host": "evil.example"})

    assert targets(response) == [f"http://127.0.0.1:8000{ITEMS}"]


def walk_with_requests(url: str, token: str) -> list[str]:
    names: list[str] = []
    with requests.Session() as session:
        session.trust_env = False
        while url:
            response = session.get(url, headers={"Authorization": f"Bearer {token}"})
            names += [item["name"] for item in response.json()["items"]]
            url = response.links.get("next", {}).get("url", "")
    return names


def walk_with_httpx(url: str, token: str) -> list[str]:
    names: list[str] = []
    with httpx.Client(trust_env=False) as client:
        while url:
            response = client.get(url, headers={"Authorization": f"Bearer {token}"})
            names += [item["name"] for item in response.json()["items"]]
            url = response.links.get("next", {}).get("url", "")
    return names


@pytest.mark.parametrize("walk", [walk_with_requests, walk_with_httpx])
async def test_clients_follow_next_to_the_end(
    app: FastAPI, caller: AsyncClient, admin: User, walk: Any
) -> None:
    for name in "abc":
        await caller.post(ITEMS, json=item_body(name=name))
    token = await access_token(app, admin)

    async with serving(app) as port:
        url = f"http://127.0.0.1:{port}{ITEMS}?limit=1&sort=name"
        names = await asyncio.to_thread(walk, url, token)

    assert names == ["a", "b", "c"]
