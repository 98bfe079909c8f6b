"""Going from slice to slice and dragging a slider: from the key press to the picture, in Chromium.

The app's Errors page is open as it is for everybody, with its tables, its sidebar and its reports to the script,
which runs anew after each pause. A press counts from when the browser got the key until the slice is drawn: its
first picture, which may be a coarse one, and the complete one at the level of detail on screen. Every slice is new to
the browser. For large slices the server keeps coarse levels on disk, so those of 4096 and more are measured twice: on
a first visit, when nobody ever saw these slices, and by a new server and a new browser after that.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from benchmarks.dashboard.data import HUGE, LARGE, SMALL, Stack, environment
from benchmarks.dashboard.measuring import APP, PICTURES, Figure, at_least, at_most, opened, percentile, serving, spread

PRESSES = 30
HELD, EVERY_S = 25, 0.033
PAUSE_MS = 400
LIMITS = {SMALL: (35, 4), LARGE: (100, 8), HUGE: (120, None)}
# A frame of a screen with 60 pictures a second is 16.7 ms, two are 33.3.
FRAME_MS = 33.4
WATCH = """() => {
  const frames = bench.frames = [];
  let last = null, on = true;
  const tick = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    if (on) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  bench.watched = () => {
    on = false;
    return [frames, bench.sent];
  };
  // The browser's list of requests does not have what goes through a websocket.
  bench.send ??= WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    bench.sent++;
    return bench.send.call(this, data);
  };
}"""
WHOLE = '.viewer[data-complete="true"]'


async def next_slice(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """Slice after slice by key, at each size, beside a page with `st.image`."""
    for stack in stacks:
        limit, times = LIMITS[stack]
        name = _title(stack)
        if stack.side > 512:
            shutil.rmtree(root / "new", ignore_errors=True)
            with serving(APP, root / "server.log", environment(root) | {"SEGCORE_CACHE_DIR": str(root / "new")}) as one:
                first, whole = await presses(browser, one.address, stack)
            yield at_most(
                f"next slice, {name}, on a first visit", percentile(whole), limit,
                note=f"{spread(whole)}; first picture {spread(first)}",
            )  # fmt: skip
            with serving(APP, root / "server.log", environment(root)) as one:
                await presses(browser, one.address, stack)
        with serving(APP, root / "server.log", environment(root)) as one:
            first, whole = await presses(browser, one.address, stack)
        yield at_most(
            f"next slice, {name}", percentile(whole), limit, note=f"{spread(whole)}; first picture {spread(first)}"
        )  # fmt: skip
        if times is not None:
            with serving(PICTURES, root / "server.log", environment(root)) as one:
                slow = await _pictures(browser, one.address, stack, PRESSES if stack.side < 4096 else 12)
            yield Figure(what=f"the same by st.image, {name}", value=percentile(slow), unit="ms", note=spread(slow))
            ratio = percentile(slow) / percentile(whole)
            yield at_least(f"st.image takes, {name}", ratio, times, "times as long")


async def held_key(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """The key held down: how many of the slices it passes are seen."""
    for stack in stacks:
        with serving(APP, root / "server.log", environment(root)) as server:
            seen, whole = [], []
            for _ in range(3):
                async with opened(browser, _errors(server.address, stack)) as page:
                    await _ready(page)
                    paints = await _hold(page)
                    seen.append(len({one["z"] for one in paints} - {0}))
                    whole.append(len({one["z"] for one in paints if one["complete"]} - {0}))
        yield at_least(
            f"key held down, {_title(stack)}", min(seen), 20, f"of {HELD} slices painted",
            note=f"three times {', '.join(map(str, seen))}; complete {', '.join(map(str, whole))}",
        )  # fmt: skip


async def dragging(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """Threshold and opacity dragged from side to side, with a mouse that reports 125 times a second."""
    with serving(APP, root / "server.log", environment(root)) as server:
        async with opened(browser, _errors(server.address, SMALL)) as page:
            await _ready(page)
            for name in ("threshold", "opacity"):
                frames, requests, messages = await _drag(page, name)
                over = sum(frame > FRAME_MS for frame in frames)
                yield at_most(
                    f"dragging {name}, longest time between two frames", max(frames), FRAME_MS,
                    note=f"{over} of {len(frames)} over; {spread(frames)}",
                )  # fmt: skip
                yield at_most(
                    f"dragging {name}, requests and messages to the server", requests + messages, 0, "",
                    note=f"{requests} requests, {messages} messages while the button was down",
                )  # fmt: skip


def _title(stack: Stack) -> str:
    return f"{stack.slices} x {stack.side} x {stack.side}"


def _errors(address: str, stack: Stack) -> str:
    return f"{address}/errors?{stack.query}&slice=0&threshold=0.470&tolerance=0"


async def _ready(page: Page) -> None:
    """The viewer has the keys, and has had time to look ahead."""
    await page.wait_for_selector(WHOLE)
    await page.locator(".viewer").focus()
    await page.wait_for_timeout(3000)
    await page.evaluate("bench.presses.length = bench.paints.length = 0")


async def presses(browser: Browser, address: str, stack: Stack) -> tuple[list[float], list[float]]:
    """Milliseconds to the first and to the complete picture of each slice."""
    async with opened(browser, _errors(address, stack)) as page:
        await _ready(page)
        for z in range(1, PRESSES + 1):
            await page.keyboard.press("ArrowRight")
            await page.evaluate("z => bench.until(z)", z)
            await page.wait_for_timeout(PAUSE_MS)
        presses, paints = await page.evaluate("[bench.presses, bench.paints]")
    assert len(presses) == PRESSES

    def until(z: int, *, complete: bool) -> float:
        return min(one["at"] for one in paints if one["z"] == z and (one["complete"] or not complete)) - presses[z - 1]

    slices = range(1, PRESSES + 1)
    return [until(z, complete=False) for z in slices], [until(z, complete=True) for z in slices]


async def _pictures(browser: Browser, address: str, stack: Stack, count: int) -> list[float]:
    """Milliseconds from each press to the picture that `st.image` shows."""
    async with opened(browser, f"{address}/?stack={stack.name}") as page:
        await page.evaluate("""() => document.addEventListener("load", async ({ target }) => {
            if (target.tagName !== "IMG") return;
            await target.decode();
            bench.paints.push({ at: await bench.shown() });
        }, true)""")
        await page.wait_for_timeout(3000)
        await page.evaluate("bench.presses.length = bench.paints.length = 0")
        for number in range(1, count + 1):
            await page.keyboard.press("ArrowRight")
            await page.wait_for_function("number => bench.paints.length >= number", arg=number)
            await page.wait_for_timeout(PAUSE_MS)
        presses, paints = await page.evaluate("[bench.presses, bench.paints]")
    assert len(presses) == len(paints) == count
    return [paint["at"] - press for press, paint in zip(presses, paints, strict=True)]


async def _hold(page: Page) -> list[dict[str, Any]]:
    """Everything painted until half a second after the last press. A press does not wait for the one before."""
    started, pressed = time.perf_counter(), []
    for number in range(HELD):
        await asyncio.sleep(max(0.0, started + number * EVERY_S - time.perf_counter()))
        pressed.append(asyncio.create_task(page.keyboard.down("ArrowRight")))
    await asyncio.gather(*pressed)
    await page.keyboard.up("ArrowRight")
    await page.wait_for_timeout(500)
    paints: list[dict[str, Any]] = await page.evaluate("bench.paints")
    return paints


async def _drag(page: Page, name: str) -> tuple[list[float], int, int]:
    """Times between frames in ms, requests, and websocket messages, while the button is down."""
    box = await page.locator(f'.viewer [data-at="{name}"]').bounding_box()
    assert box is not None
    y, at = box["y"] + box["height"] / 2, lambda share: box["x"] + box["width"] * share
    await page.evaluate(WATCH)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await page.mouse.move(at(0.5), y)
    await page.mouse.down()
    await page.wait_for_timeout(100)
    await page.evaluate("() => { bench.frames.length = 0; bench.sent = 0; }")
    requests.clear()
    steps = 250
    started, moves = time.perf_counter(), []
    for step in range(steps):
        await asyncio.sleep(max(0.0, started + step * 0.008 - time.perf_counter()))
        share = 0.5 + 0.45 * (1 - abs(4 * ((step / steps + 0.75) % 1) - 2))
        moves.append(asyncio.create_task(page.mouse.move(at(share), y)))
    await asyncio.gather(*moves)
    frames, messages = await page.evaluate(
        "() => { const all = bench.frames; bench.frames = null; return [all, bench.sent]; }"
    )
    asked = len(requests)
    await page.mouse.up()
    await page.wait_for_timeout(1500)
    return frames, asked, messages
