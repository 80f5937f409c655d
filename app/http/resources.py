"""Resources of the HTTP layer."""

from dataclasses import dataclass, field

from app.http.cursors import CursorSigner
from app.http.health import HealthChecks
from app.http.response_cache import ResponseCache


@dataclass(frozen=True, slots=True)
class HttpResources:
    cursor_signer: CursorSigner
    health: HealthChecks
    response_cache: ResponseCache = field(default_factory=ResponseCache)
