"""Static files of the pages."""

import re

import pytest
from httpx2 import AsyncClient

from app.features.html_pages.static_files import ASSETS, FOREVER, StaticFile, digest
from tests.e2e.service import ROOT
from tests.problems import assert_problem

WRITES_HTML = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")


class TestStaticFile:
    @pytest.mark.parametrize(
        ("name", "media_type"),
        [("icon.svg", "image/svg+xml"), ("site.css", "text/css")],
    )
    @pytest.mark.parametrize("encoding", ["gzip", "identity"])
    async def test_are_sent_compressed_or_plain(
        self, client: AsyncClient, name: str, media_type: str, encoding: str
    ) -> None:
        response = await client.get(f"/static/{name}", headers={"Accept-Encoding": encoding})

        assert response.headers.get("Content-Encoding", "identity") == encoding
        assert response.headers["Content-Type"].startswith(media_type)
        assert "Accept-Encoding" in response.headers["Vary"]

    @pytest.mark.parametrize(
        ("query", "policy"),
        [("", "no-cache"), ("?v=0123456789ab", "no-cache"), (None, FOREVER)],
    )
    async def test_only_the_current_version_is_cached_forever(
        self, client: AsyncClient, query: str | None, policy: str
    ) -> None:
        own = f"?v={digest(StaticFile(ASSETS / 'site.css'))}"

        response = await client.get("/static/site.css" + (own if query is None else query))

        assert response.headers["Cache-Control"] == policy

    @pytest.mark.parametrize("name", ["nothing.js", "..%2frouter.py", "frame.html", ".git/config"])
    async def test_other_files_are_not_found(self, client: AsyncClient, name: str) -> None:
        assert_problem(await client.get(f"/static/{name}"), 404, "not_found")


def test_own_scripts_write_texts_alone() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.js")]

    for script in scripts:
        assert not WRITES_HTML.search(script)
