"""Resources of the HTTP layer."""

from dataclasses import dataclass

from app.http.cursors import CursorSigner
from app.http.health import HealthChecks


@dataclass(frozen=True, slots=True)
class HttpResources:
    cursor_signer: CursorSigner
    health: HealthChecks
