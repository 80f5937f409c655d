"""The guide: its generated parts are current, and its calls work as they are written."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.devtools.guide import GUIDE, ROOT, kernel_page, with_lines
from tests.e2e.development import development_server

ADDRESS = "http://127.0.0.1:8000"
# Shell blocks that call a running service.
CALLS = re.compile(r"^```sh\n(API=.*?)^```$", re.MULTILINE | re.DOTALL)
# What the calls of a document print, in this order.
PRINTED = {
    ROOT / "README.md": ('"Walnut desk"', "HTTP/1.1 200", '"44.90"', '"/body/colour"'),
    GUIDE / "start.md": ('"next_cursor"', "HTTP/1.1 201", '"/body/price"'),
}


def test_page_of_the_kernel_is_current() -> None:
    """`python -m app.devtools.guide` writes it."""
    assert (GUIDE / "kernel.md").read_text(encoding="utf-8") == kernel_page()


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_to_the_lines_of_definitions(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert with_lines(text) == text


def test_link_to_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"app/main.py does not define create_apps\."):
        with_lines("[`create_apps`](../../app/main.py#L1)")


@pytest.fixture
def server(empty_database: str, tmp_path: Path) -> Iterator[str]:
    with development_server(empty_database, tmp_path) as address:
        yield address


@pytest.mark.skipif(shutil.which("curl") is None, reason="The documents use curl.")
def test_calls_of_the_documents_work(server: str) -> None:
    for document, expected in PRINTED.items():
        [block] = CALLS.findall(document.read_text(encoding="utf-8"))

        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace(ADDRESS, server)],
            check=True,
            capture_output=True,
            text=True,
        )

        found = [ended.stdout.find(text) for text in expected]
        assert -1 not in found, (document.name, ended.stdout)
        assert found == sorted(found)
