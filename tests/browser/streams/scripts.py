"""The scripts of docs/live.md in a browser."""

import json
import re
from pathlib import Path

import httpx2

from app.config.known_secrets import DEMO_PASSWORD
from app.features.users.schemas import EXAMPLE_ID
from tests.browser.chromium import Page

DOCUMENT = Path(__file__).parents[3] / "docs" / "live.md"
SCRIPT = re.compile(r"^```js\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def open_with_scripts(page: Page) -> None:
    """Open a page of the service, with the scripts of the document, and sign in."""
    # What it shows does not matter, but its policy forbids connections.
    page.send("Page.setBypassCSP", enabled=True)
    page.open("/version")
    page.value("\n".join(SCRIPT.findall(DOCUMENT.read_text(encoding="utf-8"))))
    password = json.dumps(DEMO_PASSWORD)
    page.value(f"void signIn('user', {password}).then(() => {{ window.isSignedIn = true; }})")
    page.wait_for("window.isSignedIn")


def disable_user(address: str) -> None:
    """Disable the account that `open_with_scripts` has signed in."""
    form = {"username": "admin", "password": DEMO_PASSWORD}
    with httpx2.Client(base_url=f"{address}/api/v1", trust_env=False) as client:
        token = client.post("/auth/token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        response = client.patch(f"/users/{EXAMPLE_ID}", json={"is_active": False}, headers=headers)
        assert response.status_code == 200, response.text
