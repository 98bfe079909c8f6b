"""The viewer on a page: waiting for it, its keys and sliders, and the picture it shows."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

# As in `dashboard/viewer/js/colours.js`.
MISSED, FALSE, NEAR = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0xF0, 0xE4, 0x42)
STEP = 1.5
"""Of the zoom keys."""


class Page:
    """The viewer on a page, and everything that went wrong there."""

    def __init__(self, page, address: str, query: str, listen: Callable[..., None]) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        listen("pageerror", lambda error: self.errors.append(str(error)))
        listen("request", lambda request: self.requests.append(request.url))
        page.goto(f"{address}/?{query}")
        self.root = page.locator(".viewer")
        self.settled()

    def settled(self) -> None:
        self.frames()  # what was asked for is begun with the next one
        self.page.wait_for_selector('.viewer[data-complete="true"]', timeout=20_000)
        self.frames()

    def frames(self) -> None:
        """Waits until the browser has drawn twice."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def data(self, name: str) -> str:
        return self.root.get_attribute(f"data-{name}") or ""

    def view(self) -> tuple[float, ...]:
        return tuple(float(part) for part in self.data("view").split())

    def keys(self, *keys: str) -> None:
        self.root.focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settled()

    def slide(self, name: str, value: int) -> None:
        """Moves a slider as dragging does, by input events."""
        self.root.locator(f'[data-at="{name}"]').evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }",
            value,
        )

    def expect(self, attribute: str, value: object) -> None:
        self.page.wait_for_selector(f'.viewer[data-{attribute}="{value}"]', timeout=10_000)

    def script(self, text: str) -> None:
        self.page.get_by_text(f"script: {text}", exact=True).wait_for(timeout=10_000)


def colours(path: Path | io.BytesIO) -> np.ndarray:
    """(H, W, 3) of a PNG."""
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def picture_on_screen(page: Page) -> np.ndarray:
    """(H, W, 3) of the canvas."""
    url = page.root.locator('[data-at="canvas"]').evaluate("canvas => canvas.toDataURL('image/png')")
    with io.BytesIO(base64.b64decode(url.partition(",")[2])) as file:
        return colours(file)
