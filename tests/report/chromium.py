"""A headless Chromium driven over its DevTools protocol: JSON messages, each ended by a zero byte,
through two pipes.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
PATIENCE = 90.0
"""Seconds before something that should come about counts as failed; nothing is asserted to be fast.
"""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
)
FLAGS += (
    "--disable-extensions",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

PLUMBER = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(pipe), fcntl.F_DUPFD, 10) for pipe in sys.argv[1:3]]
for pipe, wanted in zip(pipes, (3, 4)):
    os.dup2(pipe, wanted)
    os.close(pipe)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which reads from descriptor 3 and writes to 4."""


def find() -> str | None:
    """The browser to drive: `$CHROME`, or the first known name on the path."""
    return next(
        filter(None, map(shutil.which, filter(None, (os.environ.get("CHROME"), *NAMES)))), None
    )


class Browser:
    """One browser with one tab, and what the tab has reported (`events`) since the last `open`."""

    def __init__(self, executable: str, profile: Path):
        read_end, self._out = os.pipe()
        self._in, write_end = os.pipe()
        command = [executable, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", PLUMBER, str(read_end), str(write_end), *command],
            pass_fds=(read_end, write_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end), os.close(write_end)
        self._buffer, self._count, self._session, self.events = b"", 0, None, []
        found: list = []
        self.until(lambda: found.extend(t for t in self._targets() if t["type"] == "page") or found)
        self._session = self("Target.attachToTarget", targetId=found[0]["targetId"], flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict:
        """Sends a command and waits for its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer.get('error')}"
                return answer["result"]

    def open(self, path: Path) -> None:
        """Loads a file and waits until it is complete."""
        self("Page.navigate", url="about:blank")
        self.events.clear()
        self("Page.navigate", url=path.as_uri())
        self.until(
            lambda: self.js("location.protocol == 'file:' && document.readyState == 'complete'")
        )

    def js(self, expression: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        answer = self(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, condition) -> Any:
        """Waits for something to come about."""
        end = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.02)
        return value

    def press(self, key: str, code: int = 0) -> None:
        """A key, pressed and released."""
        for kind in ("rawKeyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The left button pressed at one place of the window and released at another."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=1,
            )

    def screen(self, width: int, height: int = 800, scale: float = 1.0) -> None:
        """The size of the window in CSS pixels."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )

    def wishes(self, **features: str) -> None:
        """What the user prefers: `prefers_color_scheme="dark"`,
        `prefers_reduced_motion="reduce"`.
        """
        each = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self("Emulation.setEmulatedMedia", features=each)

    def close(self) -> None:
        """Ends the browser."""
        os.close(self._out)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def _targets(self) -> list[dict]:
        return self("Target.getTargets")["targetInfos"]

    def _read(self) -> dict:
        """The next message; an event is remembered."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], PATIENCE)
            part = os.read(self._in, 1 << 20) if ready else b""
            assert part, "the browser does not answer"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(message)
        if "method" in message:
            self.events.append(message)
        return message
