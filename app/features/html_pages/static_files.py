"""Static files of the pages: scripts, style sheets and the icon."""

import gzip
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
# Those of every page; other features declare theirs.
FILES = (ASSETS / "icon.svg", ASSETS / "site.css")
# Explicit, because the MIME tables of operating systems differ about scripts.
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Pages link to files with a digest in the query, so that a new version has a new URL.
FOREVER = "public, max-age=31536000, immutable"


class StaticFiles:
    """The static files of all features, by their names."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.by_name = {path.name: path for path in (*FILES, *files)}
        self._digests = {name: digest(path) for name, path in self.by_name.items()}

    def addresses(self, root_path: str) -> dict[str, str]:
        """Return the paths of the files, by their names as identifiers: `site_css`."""
        return {
            name.replace(".", "_").replace("-", "_"): f"{root_path}/static/{name}?v={digest}"
            for name, digest in self._digests.items()
        }


@lru_cache
def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


@lru_cache
def compressed(path: Path) -> bytes:
    # Cached, because compressing Swagger UI takes a tenth of a second.
    return gzip.compress(path.read_bytes(), mtime=0)
