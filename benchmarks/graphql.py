"""Promise P22 as a drill: each attack on GraphQL is rejected, and how fast over HTTP.

    python -m benchmarks.graphql

Starts PostgreSQL and one worker and sends each attack five times; prints the slowest answer.
Exits with 1 when an attack is executed or a rejection takes more than 100 ms.
"""

import asyncio
import time
from http import HTTPStatus

import httpx2

from benchmarks.database.history import sign_in
from benchmarks.harness.graphql import ATTACKS
from benchmarks.login_flood import fill, service
from benchmarks.service import Service

TIMES = 5
MAX_MILLISECONDS = 100
ALLOWED = "{ me { id username role } }"


def main() -> int:
    with service() as (running, url):
        asyncio.run(fill(url, 1))
        return measure(running, sign_in(running, 1))


def measure(running: Service, token: str) -> int:
    broken = 0
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=running.url, headers=headers, trust_env=False) as client:
        send(client, ALLOWED)
        print(f"  {'attack':<32}{'size':>8}{'response':>24}{'slowest':>12}")
        for name, query in [*ATTACKS.items(), ("(what is allowed)", ALLOWED)]:
            responses = [send(client, query) for _ in range(TIMES)]
            (said,) = {response for response, _ in responses}
            slowest = max(milliseconds for _, milliseconds in responses)
            is_attack = query is not ALLOWED
            is_broken = is_attack and (said == "executed" or slowest > MAX_MILLISECONDS)
            broken += is_broken
            verdict = "BROKEN" if is_broken else ""
            print(f"  {name:<32}{len(query):>6} B{said:>24}{slowest:>9.1f} ms {verdict}")
    return 1 if broken else 0


def send(client: httpx2.Client, query: str) -> tuple[str, float]:
    """The code of the rejection, and the milliseconds it took."""
    started = time.perf_counter()
    response = client.post("/graphql", json={"query": query})
    milliseconds = (time.perf_counter() - started) * 1000
    body = response.json()
    if response.status_code != HTTPStatus.OK:
        return str(body["code"]), milliseconds
    errors = body.get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else "executed", milliseconds


if __name__ == "__main__":
    raise SystemExit(main())
