"""Resources of the HTTP layer."""

from dataclasses import dataclass, field

from app.http.cursors import CursorSigner
from app.http.health import HealthChecks
from app.http.response_cache import KeptAnswers


@dataclass(frozen=True, slots=True)
class HttpResources:
    cursor_signer: CursorSigner
    health: HealthChecks
    kept_answers: KeptAnswers = field(default_factory=KeptAnswers)
