"""Record of a project that `app new project` made: the features that it does without."""

import json
from collections.abc import Iterable
from pathlib import Path

RECORD = Path(".reference.json")


def record_removal(root: Path, names: Iterable[str]) -> list[Path]:
    """Add removed features to the record, so that no update adds them again; return the record."""
    path = root / RECORD
    if not path.exists():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    record["without"] = sorted({*record["without"], *names})
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return [RECORD]
