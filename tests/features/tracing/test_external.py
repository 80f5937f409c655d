"""A trace goes on in the external API."""

from app.devtools.demo_upstream import DemoApi, serving
from app.features.users.models.user import User
from tests.conftest import Running, access_token, new_client
from tests.features.tracing.test_spans import (
    Collector,
    attributes,
    collector,  # noqa: F401  (a fixture)
)


class TestTrace:
    async def test_trace_is_propagated_to_the_upstream(
        self,
        running: Running,
        collector: Collector,  # noqa: F811
        user: User,
    ) -> None:
        demo = DemoApi()
        async with serving(demo) as url:
            changes = {"otel_exporter_otlp_endpoint": collector.url, "external_api_url": url}
            async with running(**changes) as app:
                token = await access_token(app, user)
                async with new_client(app, Authorization=f"Bearer {token}") as client:
                    await client.get("/api/v1/external/news")

        _, trace_id, span_id, _ = demo.headers["traceparent"].split("-")
        [asked] = [span for span in collector.spans() if span.span_id.hex() == span_id]
        assert (asked.trace_id.hex(), asked.name) == (trace_id, "GET")
        assert attributes(asked)["server.address"] == "127.0.0.1"
