"""The routes about the service itself."""

import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from app.config.settings import Settings
from app.errors import AppError
from app.features.auth.jobs.send_verification_mail import SendVerificationMail
from app.features.background_jobs.job import enqueue
from app.features.openapi_details.problem_types import descendants
from app.features.system.openapi_document import OpenApiDocument, empty_cache
from app.runtime.clock import now
from app.runtime.drain import Drain
from tests.conftest import Running, new_client, with_database
from tests.state import replaced, resources_of, units_of_work

PROBLEM_JSON = "application/problem+json"
NOWHERE = "postgresql+asyncpg://app@127.0.0.1:1/nowhere"
Started = Callable[..., AbstractAsyncContextManager[AsyncClient]]


@pytest.fixture
def started(running: Running) -> Started:
    """A client of a service of its own, with some settings changed."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[AsyncClient]:
        async with running(**changes) as app, new_client(app) as client:
            yield client

    return start


def client_below(app: FastAPI, root_path: str) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app, root_path=root_path), base_url="http://test")


def assert_problem(response: Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == PROBLEM_JSON
    assert response.json()["code"] == code


class TestLiveness:
    async def test_liveness_does_not_need_the_database(self, started: Started) -> None:
        async with started(database_url=NOWHERE) as client:
            response = await client.get("/liveness")

        assert response.json() == {"status": "alive"}


class TestReadiness:
    async def test_migrated_service_is_ready(self, client: AsyncClient) -> None:
        response = await client.get("/readiness")

        assert response.status_code == 200
        assert response.json() == {"status": "ready"}

    async def test_unreachable_database_is_not_ready(self, started: Started) -> None:
        async with started(database_url=NOWHERE) as client:
            response = await client.get("/readiness")

        assert_problem(response, 503, "not_ready")
        assert response.headers["Retry-After"] == "1"

    async def test_empty_database_is_not_ready(self, started: Started, server_url: str) -> None:
        empty = with_database(server_url, "postgres")

        async with started(database_url=empty) as client:
            response = await client.get("/readiness")

        assert_problem(response, 503, "not_ready")

    async def test_draining_service_is_not_ready(self, app: FastAPI, client: AsyncClient) -> None:
        own = resources_of(app)[Drain]
        draining = Drain()
        draining.begin()
        resources_of(app).add(draining)
        response = await client.get("/readiness")
        resources_of(app).add(own)

        assert_problem(response, 503, "not_ready")
        assert "shutting down" in response.json()["detail"]


class TestHealth:
    async def test_summarizes_the_dependencies(self, client: AsyncClient) -> None:
        response = await client.get("/health")

        health = response.json()
        assert response.status_code == 200
        assert health["status"] == "ok"
        states = {name: each["status"] for name, each in health["dependencies"].items()}
        assert states.keys() >= {"database", "mail", "queue"}
        assert set(states.values()) == {"ok"}
        assert health["dependencies"]["database"]["latency_milliseconds"] < 2000

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("mail", {"mail_folder": Path("/dev/null/mails")}),
            ("mail", {"smtp_url": SecretStr("smtp://127.0.0.1:1")}),
        ],
    )
    async def test_unreachable_optional_dependency_degrades(
        self, started: Started, name: str, change: dict[str, object]
    ) -> None:
        async with started(**change) as client:
            response = await client.get("/health")

        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["dependencies"].pop(name)["status"] == "down"
        assert "127.0.0.1" not in response.text

    async def test_queue_without_a_worker_degrades(self, app: FastAPI, client: AsyncClient) -> None:
        async with units_of_work(app).begin() as uow:
            job = SendVerificationMail(user_id=uuid.uuid4())
            await enqueue(uow, job, delay=timedelta(minutes=-2))

        response = await client.get("/health")

        assert response.json()["status"] == "degraded"
        assert response.json()["dependencies"]["queue"]["status"] == "down"

    async def test_unreachable_database_is_a_problem(self, started: Started) -> None:
        async with started(database_url=NOWHERE) as client:
            response = await client.get("/health")

        assert_problem(response, 503, "dependency_down")
        assert response.json()["status"] == 503
        assert response.json()["dependencies"]["database"]["status"] == "down"

    async def test_problem_lists_all_dependencies(self, started: Started) -> None:
        async with started(database_url=NOWHERE) as client:
            health = (await client.get("/health")).json()

        states = {name: each["status"] for name, each in health["dependencies"].items()}
        down = {name for name, status in states.items() if status == "down"}
        assert down == {"database", "queue"}
        assert states["mail"] == "ok"

    async def test_health_reveals_no_exception(self, started: Started) -> None:
        async with started(database_url=NOWHERE) as client:
            response = await client.get("/health")

        assert not {"127.0.0.1", "nowhere", "Error", "refused"} & set(response.text.split('"'))
        assert response.json()["detail"] == "Down: database, queue."


class TestVersion:
    async def test_shows_the_running_release(self, client: AsyncClient, settings: Settings) -> None:
        response = await client.get("/version")

        expected = {"name": settings.project_name, "version": settings.version}
        assert response.json() == expected | {"environment": "test"}


class TestSecurityTxt:
    async def test_expires_within_a_year(self, client: AsyncClient) -> None:
        response = await client.get("/.well-known/security.txt")

        fields = dict(line.split(": ", 1) for line in response.text.splitlines())
        expires = datetime.fromisoformat(fields["Expires"])
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert fields["Contact"] == "mailto:security@example.com"
        assert now() < expires < now() + timedelta(days=365)

    async def test_expiry_moves_with_the_time(self, client: AsyncClient) -> None:
        with time_machine.travel(datetime.fromisoformat("2031-01-01T00:00:00Z"), tick=False):
            response = await client.get("/.well-known/security.txt")

        assert "Expires: 2031-06-30T00:00:00Z" in response.text

    async def test_has_canonical_with_a_public_url(self, started: Started) -> None:
        async with started(public_url="https://shop.example") as client:
            response = await client.get("/.well-known/security.txt")

        assert "Canonical: https://shop.example/.well-known/security.txt" in response.text


class TestDocument:
    async def test_document_names_the_url_that_the_client_uses(self, app: FastAPI) -> None:
        async with client_below(app, "/shop") as client:
            response = await client.get("/shop/openapi.json")

        document = response.json()
        flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
        assert document["servers"] == [{"url": "http://test/shop"}]
        assert flow["tokenUrl"] == flow["refreshUrl"] == "http://test/shop/api/v1/auth/token"

    async def test_is_generated_once_and_not_in_the_event_loop(
        self, app: FastAPI, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads: list[threading.Thread] = []

        def generate() -> dict[str, str]:
            threads.append(threading.current_thread())
            return {"openapi": "3.1.0"}

        monkeypatch.setattr(app, "openapi", generate)
        with replaced(app, OpenApiDocument, cache=empty_cache()):
            responses = [await client.get("/openapi.json") for _ in range(3)]

        assert [response.json() for response in responses] == [{"openapi": "3.1.0"}] * 3
        assert len(threads) == 1
        assert threads[0] is not threading.current_thread()

    async def test_document_names_the_public_url(self, started: Started) -> None:
        async with started(public_url="https://shop.example") as client:
            document = (await client.get("/openapi.json")).json()

        flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["password"]
        assert document["servers"] == [{"url": "https://shop.example"}]
        assert flow["tokenUrl"] == "https://shop.example/api/v1/auth/token"

    async def test_can_be_disabled(self, started: Started) -> None:
        async with started(docs_enabled=False) as client:
            assert_problem(await client.get("/openapi.json"), 404, "not_found")


class TestProblemTypes:
    def test_code_belongs_to_one_type(self) -> None:
        declared = [kind.code for kind in descendants(AppError) if "code" in vars(kind)]

        assert [code for code, count in Counter(declared).items() if count > 1] == []
