"""Uploads through the shipped configuration of nginx."""

from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from benchmarks.harness.nginx import running_nginx
from benchmarks.harness.servers import serving
from tests.test_front_proxy import (
    KEYED,
    MEBI,
    asking_slowly,
    proxied,  # noqa: F401  (a fixture)
    pytestmark,  # noqa: F401  (skips without nginx)
)


class TestLimits:
    @pytest.mark.parametrize("headers", [{}, KEYED])
    async def test_upload_may_be_larger(
        self,
        proxied: httpx2.AsyncClient,  # noqa: F811
        headers: dict[str, str],
    ) -> None:
        response = await proxied.post("/api/v1/files", content=bytes(2 * MEBI), headers=headers)

        assert response.json()["code"] == "unauthenticated"

    async def test_upload_of_an_anonymous_client_is_stored_nowhere(
        self, app: FastAPI, tmp_path: Path
    ) -> None:
        async with serving(app) as port:
            with running_nginx(tmp_path / "nginx", [port]) as nginx:
                async with asking_slowly(nginx, "/api/v1/files", sent=MEBI) as reader:
                    status = (await reader.readline()).split()[1]
                    stored = nginx.stored_bytes()

        assert status == b"401"
        assert stored == 0
