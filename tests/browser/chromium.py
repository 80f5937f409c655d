"""A headless Chromium without network, driven by the DevTools protocol."""

import base64
import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from websockets.sync.client import ClientConnection, connect

from tests.polling import wait_until

PATIENCE_SECONDS = 30
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class Page:
    """One tab. `complaints` collects what the browser's console and log report."""

    def __init__(self, connection: ClientConnection, address: str) -> None:
        self.connection = connection
        self.address = address
        self.numbers = itertools.count(1)
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.recv(timeout=PATIENCE_SECONDS))
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self.note(message)

    def note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(parameters["exceptionDetails"]["text"])
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                entry = parameters["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")

    def open(self, path: str) -> None:
        self.send("Page.navigate", url=self.address + path)
        self.wait_for("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of the expression as soon as it is truthy."""
        values: list[Any] = []

        def is_truthy() -> bool:
            values.append(self.value(expression))
            return bool(values[-1])

        try:
            wait_until(is_truthy, PATIENCE_SECONDS)
        except TimeoutError:
            raise AssertionError(f"{expression}: {self.complaints}") from None
        return values[-1]

    def text(self, selector: str) -> str:
        return str(self.wait_for(f"document.querySelector({json.dumps(selector)})?.innerText"))

    def click(self, selector: str) -> None:
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null")
        self.value(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, selector: str) -> None:
        """A click by the mouse, for what listens to more than the click itself."""
        self.wait_for(f"document.querySelector({json.dumps(selector)})?.offsetParent != null")
        middle = "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.value(f"{middle}({box})")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {"button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def type(self, selector: str, text: str) -> None:
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null")
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.send("Input.insertText", text=text)

    def look(self, *, width: int, height: int, dark: bool = False) -> None:
        """Set the size of the window and the colour scheme that the person prefers."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        # As on telephones, where they take no room.
        self.send("Emulation.setScrollbarsHidden", hidden=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self) -> bytes:
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])


@contextmanager
def new_page(program: str, address: str) -> Iterator[Page]:
    """A tab on the site at `address`, in a browser that ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as browser:
            try:
                with connect(tab_address(Path(profile)), max_size=None, proxy=None) as connection:
                    yield Page(connection, address)
            finally:
                browser.terminate()
                browser.wait()


def tab_address(profile: Path) -> str:
    """The WebSocket of the first tab; Chromium writes its port into the profile."""
    port_file = profile / "DevToolsActivePort"
    wait_until(lambda: port_file.exists() and port_file.read_text(), PATIENCE_SECONDS)
    port = port_file.read_text().splitlines()[0]
    targets = httpx2.get(f"http://127.0.0.1:{port}/json", trust_env=False).json()
    return next(str(each["webSocketDebuggerUrl"]) for each in targets if each["type"] == "page")
