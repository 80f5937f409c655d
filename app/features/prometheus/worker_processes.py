"""Folder in which worker processes share their metrics; it is removed with the server."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# prometheus_client reads the variable at its import, in each worker.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def prepare() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        yield
