"""Changes of a thing by its path: method, what follows the path, body."""

from typing import Any

Change = tuple[str, str, dict[str, Any] | None]
