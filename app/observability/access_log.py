"""Access log: one line for each request, and its metrics by route."""

from prometheus_client import Histogram
from starlette.types import Scope

from app.observability import metrics
from app.observability.logging import get_logger

QUIET_PATHS = frozenset({"/liveness", "/readiness", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Route label of requests without a route: labels from paths would be unbounded.
NO_ROUTE = "(none)"
NO_ANSWER = 499  # The client disconnected before the response.


class AccessRecorder:
    """Caches each metric series: finding it by its labels costs more than counting."""

    def __init__(self) -> None:
        self._log = get_logger("access").bind()
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def record(self, scope: Scope, status: int, seconds: float) -> None:
        """Record a request; `seconds` until the response, and `status` 0 if there was none."""
        route = route_template(scope)
        if scope["type"] == "http":
            self._count(scope["method"], route, status or NO_ANSWER, seconds)
        # A line for each rejected request would cost more than the rejection; `ConcurrencyLimit`
        # logs their number.
        if scope["path"] not in QUIET_PATHS and "is_rejected" not in scope["state"]:
            self._write(scope, route, status, seconds)

    def _count(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method if method in METHODS else "other", route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = metrics.REQUEST_SECONDS.labels(*key)
        series.observe(seconds)

    def _write(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        client, user_id = scope.get("client"), scope["state"].get("principal_id")
        self._log.info(
            "request",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            client=client[0] if client else None,
            user_id=str(user_id) if user_id else None,
        )


def route_template(scope: Scope) -> str:
    """Return the route as declared, `/api/v1/items/{item_id}`."""
    # HEAD is handled with a copy of the scope, which shares its state.
    route = scope["state"].get("route") or scope.get("route")
    return getattr(route, "path_format", NO_ROUTE)
