"""A headless Chromium without network, driven by the DevTools protocol."""

import base64
import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.polling import wait_until

PATIENCE_SECONDS = 60
KEYS: dict[str, dict[str, object]] = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13, "text": "\r"},
}
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


class Navigated(Exception):
    """The page was replaced while it evaluated an expression."""


class DevTools:
    """A connection that sends commands of the DevTools protocol and awaits their results."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.numbers = itertools.count(1)
        self.complaints: list[str] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.connection.recv(timeout=PATIENCE_SECONDS))
            if message.get("id") == number:
                return result_of(message)
            self.note(message)

    def note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(parameters["exceptionDetails"]["text"])
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                entry = parameters["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")


def result_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a command.

    Raises:
        Navigated: the page that had to evaluate an expression is no longer there.
    """
    if "navigated or closed" in message.get("error", {}).get("message", ""):
        raise Navigated
    assert "error" not in message, message
    return dict(message["result"])


class Browser(DevTools):
    """A Chromium process; `new_page` opens its pages."""

    def __init__(self, connection: ClientConnection, host: str) -> None:
        super().__init__(connection)
        self.host = host


class Page(DevTools):
    """One tab. `complaints` collects what the browser's console and log report."""

    def __init__(self, connection: ClientConnection, address: str) -> None:
        super().__init__(connection)
        self.address = address
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def open(self, path: str) -> None:
        self.send("Page.navigate", url=self.address + path)
        self.wait_for("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Return the value of the expression as soon as it is truthy."""
        values: list[Any] = []

        def is_truthy() -> bool:
            with suppress(Navigated):
                values.append(self.value(expression))
            return bool(values and values[-1])

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
        """Click with the mouse, for elements that listen to more than the click event."""
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

    def key(self, name: str) -> None:
        key = {"key": name, "code": name, **KEYS[name]}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, **key)

    def tab_to(self, selector: str) -> None:
        """Move the focus forward to the element; each place on the way shows that it has it."""
        for _ in range(40):
            self.key("Tab")
            style = "getComputedStyle(document.activeElement).outlineStyle"
            assert self.value(style) != "none", self.value("document.activeElement.outerHTML")
            if self.value(f"document.activeElement.matches({json.dumps(selector)})"):
                return
        raise AssertionError(f"{selector} is not reached by the keyboard.")

    def look(self, *, width: int, height: int, dark: bool = False) -> None:
        """Set the size of the window and the preferred colour scheme."""
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
def running_browser(program: str) -> Iterator[Browser]:
    """A browser that ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                host, path = endpoint(Path(profile))
                with devtools(host + path) as connection:
                    yield Browser(connection, host)
            finally:
                process.terminate()
                process.wait()


def endpoint(profile: Path) -> tuple[str, str]:
    """The host and the path of the browser's WebSocket; Chromium writes them into the profile."""
    file = profile / "DevToolsActivePort"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) == 2, PATIENCE_SECONDS)
    port, path = file.read_text().splitlines()
    return f"ws://127.0.0.1:{port}", path


@contextmanager
def new_page(browser: Browser, address: str) -> Iterator[Page]:
    """A tab on the site at `address`, with cookies and a storage of its own."""
    context = browser.send("Target.createBrowserContext")["browserContextId"]
    target = browser.send("Target.createTarget", url="about:blank", browserContextId=context)
    try:
        with devtools(f"{browser.host}/devtools/page/{target['targetId']}") as connection:
            yield Page(connection, address)
    finally:
        browser.send("Target.disposeBrowserContext", browserContextId=context)


def devtools(url: str) -> ClientConnection:
    # A browser on a busy machine may miss the deadline of a ping.
    return connect(url, max_size=None, proxy=None, ping_interval=None)
