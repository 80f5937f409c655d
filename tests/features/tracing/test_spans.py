"""Traces that a collector receives: one for each request, down to its statements."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from app.features import FEATURES
from app.features.background_jobs.worker import Worker
from app.features.users.models.user import User
from tests.conftest import Running, access_token, new_client
from tests.state import resources_of

CANARY = "canary-7f3a9c5512"
PARENT = "0af7651916cd43dd8448eb211c80319c"
ITEM = {"name": CANARY, "price": "10.00", "tax": "1.00"}
Span = Any


class Collector(ThreadingHTTPServer):
    """The other end of OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Intake)
        self.received: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Intake(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: the output belongs to the tests."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


Send = Callable[..., Any]


@pytest.fixture
def send(running: Running, collector: Collector, user: User) -> Send:
    """Send one request to a service that is traced, stop it, and return the spans."""

    async def send(method: str, path: str, **content: Any) -> list[Span]:
        changes = {"otel_exporter_otlp_endpoint": collector.url, "log_level": "info"}
        async with running(**changes) as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                await client.request(method, path, **content)
        return collector.spans()

    return send


def attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def statement(span: Span) -> str:
    return attributes(span).get("db.query.text", "")


class TestTrace:
    async def test_reaches_from_the_request_to_its_statements(self, send: Send) -> None:
        spans = await send("POST", "/api/v1/items", json=ITEM)

        [request] = [span for span in spans if span.name == "POST /api/v1/items"]
        by_id = {span.span_id: span for span in spans}
        [insert] = [span for span in spans if "INSERT INTO items" in statement(span)]
        assert insert.trace_id == request.trace_id
        above = insert
        while above.parent_span_id:
            above = by_id[above.parent_span_id]
        assert above is request

    async def test_contains_the_request_and_its_statements(self, send: Send) -> None:
        spans = await send("GET", "/api/v1/items")

        [request] = [span for span in spans if span.name == "GET /api/v1/items"]
        children = [span for span in spans if span.trace_id == request.trace_id]
        assert {span.name for span in children} == {"GET /api/v1/items", "SELECT"}

    async def test_trace_of_a_job_links_to_its_request(
        self, running: Running, collector: Collector
    ) -> None:
        person = {"email": "a@example.com", "username": "a-user", "password": "lamp-cord-9-orbit"}
        async with running(otel_exporter_otlp_endpoint=collector.url) as app:
            async with new_client(app) as client:
                response = await client.post("/api/v1/auth/register", json=person)
            await resources_of(app)[Worker].drain()

        assert response.status_code in {201, 202}
        [request] = [each for each in collector.spans() if each.name.startswith("POST /")]
        [job] = [each for each in collector.spans() if each.name == "send_verification_mail"]
        assert job.trace_id != request.trace_id
        assert [link.trace_id for link in job.links] == [request.trace_id]

    async def test_contains_no_values(self, send: Send) -> None:
        path = f"/api/v1/items?q={CANARY}"

        spans = [*await send("POST", path, json=ITEM), *await send("GET", path)]

        assert len(spans) > 4
        assert CANARY not in str(spans)

    async def test_trace_of_the_client_is_continued(self, send: Send) -> None:
        headers = {"traceparent": f"00-{PARENT}-b7ad6b7169203331-01"}

        spans = await send("GET", "/version", headers=headers)

        [request] = [span for span in spans if span.name == "GET /version"]
        assert request.trace_id.hex() == PARENT

    async def test_is_named_in_the_log(self, send: Send) -> None:
        with redirect_stdout(StringIO()) as log:
            spans = await send("GET", "/version")

        [request] = [span for span in spans if span.name == "GET /version"]
        [line] = [line for line in map(json.loads, log.getvalue().splitlines()) if "route" in line]
        assert line["trace_id"] == request.trace_id.hex()

    async def test_request_that_is_not_sampled_is_named_in_the_log_and_has_no_span(
        self, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        with redirect_stdout(StringIO()) as log:
            spans = await send("GET", "/version")

        lines = [line for line in map(json.loads, log.getvalue().splitlines()) if "route" in line]
        assert [len(line["trace_id"]) for line in lines if line["route"] == "/version"] == [32]
        assert "GET /version" not in {span.name for span in spans}

    @pytest.mark.parametrize(
        "path", ["/liveness", "/readiness", *["/metrics"] * ("prometheus" in FEATURES)]
    )
    async def test_leaves_probes_out(self, send: Send, path: str) -> None:
        spans = await send("GET", path)

        assert path not in {attributes(span).get("url.path") for span in spans}
        assert not [span for span in spans if span.name == f"GET {path}"]

    async def test_unreachable_collector_fails_no_request(
        self, running: Running, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Shorter than the wait before the second attempt, which a later test would run beside.
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
        collector.shutdown()
        nowhere = "http://127.0.0.1:1"
        async with running(otel_exporter_otlp_endpoint=nowhere) as app, new_client(app) as client:
            response = await client.get("/version")

        assert response.status_code == 200
