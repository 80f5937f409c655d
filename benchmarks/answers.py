"""Comparison of answers: all servers return the same item with the same fields."""

from collections.abc import Collection
from typing import Any

import httpx2

from benchmarks.laboratory import Running
from benchmarks.load import Request

# Every framework writes a moment in its own way.
TIMES = ("created_at", "updated_at")


def check_answers(started: list[Running], requests: dict[str, list[Request]]) -> None:
    """Compare each server's answers with those of this service, which comes first.

    Raises:
        RuntimeError: an answer is an error, or says something else.
    """
    reference, *peers = [(each, answers(each, requests)) for each in started]
    for peer, given in peers:
        for operation, response in given.items():
            if response != reference[1][operation]:
                raise RuntimeError(f"{peer.server.title} answers {operation} with {response}.")


def answers(running: Running, requests: dict[str, list[Request]]) -> dict[str, Any]:
    """By operation what is common to all: the greeting, an item, a list, a new item."""
    # The last creates for another caller than the first one's, whose list stays as it is.
    created = ask(running, requests["create"][-1])
    return {
        "hello": ask(running, requests["hello"][0]),
        "get": without(TIMES, ask(running, requests["get"][0])),
        "list": [without(TIMES, each) for each in ask(running, requests["list"][0])["items"]],
        "create": without({*TIMES, "id"}, created),
    }


def ask(running: Running, request: Request) -> Any:
    url = f"http://127.0.0.1:{running.port}{request.path}"
    headers = {**request.headers, "Content-Type": "application/json"}
    response = httpx2.request(
        request.method, url, headers=headers, content=request.body, trust_env=False
    )
    expected = 201 if request.method == "POST" else 200
    if response.status_code != expected:
        raise RuntimeError(f"{running.server.title}: {response.status_code} {response.text}")
    return response.json()


def without(names: Collection[str], item: dict[str, Any]) -> dict[str, Any]:
    """The fields with their values, but of these fields only that there is something."""
    return {name: name in names or value for name, value in item.items()}
