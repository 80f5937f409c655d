"""Static files of the pages: scripts, style sheets and the icon."""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
# Those of pages of several features; each feature declares its own.
FILES = (ASSETS / "control_names.js", ASSETS / "icon.svg", ASSETS / "site.css")
# Explicit, because the MIME tables of operating systems differ about scripts.
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Pages link to files with a digest in the query, so that a new version has a new URL.
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that is served; `removed` is the URL of an image elsewhere, which it would load."""

    path: Path
    removed: str = ""

    def read(self) -> bytes:
        content = self.path.read_bytes()
        # An empty image in place of the removed one.
        return content.replace(self.removed.encode(), b"data:,") if self.removed else content


class StaticFiles:
    """The static files of all features, by their names."""

    def __init__(self, files: Iterable[StaticFile]) -> None:
        self.by_name = {each.path.name: each for each in (*map(StaticFile, FILES), *files)}
        self._digests = {name: digest(file) for name, file in self.by_name.items()}

    def addresses(self, root_path: str) -> dict[str, str]:
        """Return the paths of the files, by their names as identifiers: `site_css`."""
        return {
            name.replace(".", "_").replace("-", "_"): f"{root_path}/static/{name}?v={digest}"
            for name, digest in self._digests.items()
        }


@lru_cache
def digest(file: StaticFile) -> str:
    return hashlib.sha256(file.read()).hexdigest()[:12]


@lru_cache
def compressed(file: StaticFile) -> bytes:
    # Cached, because compressing Swagger UI takes a tenth of a second.
    return gzip.compress(file.read(), mtime=0)
