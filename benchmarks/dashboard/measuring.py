"""Servers, browsers and figures: what the measurements share."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

REPOSITORY = Path(__file__).parents[2]
APP = REPOSITORY / "dashboard" / "app.py"
PICTURES = Path(__file__).with_name("picture_page.py")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip
WINDOW = {"width": 1400, "height": 1000}
PATIENCE = 120_000

# Times are those of the page's own clock. A key or a click counts from when the browser got it, a picture to the
# first task after the frame it was drawn in: by then the page has handed the frame over to be shown.
PROBE = """
window.bench = { presses: [], clicks: [], paints: [], waiting: [] };
bench.shown = () => new Promise((done) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => done(performance.now());
  channel.port2.postMessage(0);
}));
bench.painted = (paint) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    bench.paints.push({ ...paint, at: performance.now() });
    bench.waiting = bench.waiting.filter((check) => !check());
  };
  channel.port2.postMessage(0);
};
bench.until = (z) => new Promise((done) => {
  const check = () => bench.paints.some((one) => one.z === z && one.complete) && (done(), true);
  if (!check()) bench.waiting.push(check);
});
addEventListener("keydown", (event) => bench.presses.push(event.timeStamp), true);
addEventListener("click", (event) => bench.clicks.push(event.timeStamp), true);
addEventListener("segcore:painted", ({ detail }) => bench.painted({ z: detail.z, complete: detail.complete }));
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        what: was measured.
        value: in `unit`.
        unit: for people.
        target: such as "at most 35", or empty where the figure is for information.
        met: None without a target.
        note: how it is spread, or what else there is to say.
    """

    what: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None
    note: str = ""


def at_most(what: str, value: float, limit: float, unit: str = "ms", note: str = "") -> Figure:
    """A figure with an upper limit."""
    return Figure(what=what, value=value, unit=unit, target=f"at most {limit:g}", met=value <= limit, note=note)


def at_least(what: str, value: float, limit: float, unit: str, note: str = "") -> Figure:
    """A figure with a lower limit."""
    return Figure(what=what, value=value, unit=unit, target=f"at least {limit:g}", met=value >= limit, note=note)


def percentile(values: Sequence[float], share: float = 0.95) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, -(-len(values) * round(100 * share) // 100) - 1)]


def spread(values: Sequence[float]) -> str:
    """Median, 95th percentile and longest, for a note."""
    return f"median {statistics.median(values):.0f}, 95th {percentile(values):.0f}, longest {max(values):.0f}"


@dataclass(frozen=True)
class Server:
    """A running `streamlit run`."""

    address: str
    process: subprocess.Popen[bytes]
    started: float

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Resident memory of the server's process, now or (`VmHWM`) at its highest."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {what}")

    def has_torch(self) -> bool:
        """Whether the server's process has PyTorch's libraries."""
        return "libtorch" in Path(f"/proc/{self.process.pid}/maps").read_text()


@contextmanager
def serving(app: Path, log: Path, environment: dict[str, str], *, wait: bool = True) -> Iterator[Server]:
    """`streamlit run` from the project's folder, so with its settings, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), f"--server.port={port}", "--server.headless=true"]
    with log.open("wb") as out:
        started = time.time()
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=out, env=os.environ | environment)
        try:
            server = Server(f"http://127.0.0.1:{port}", process, started)
            if wait:
                wait_until_up(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_up(server: Server) -> None:
    """Returns as soon as the server answers."""
    while server.process.poll() is None and time.time() < server.started + 60:
        try:
            urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the server did not start")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium, or Playwright's own."""
    async with async_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or driver.chromium.executable_path
        browser = await driver.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str) -> AsyncIterator[Page]:
    """A page in a context of its own, with the probe, settled."""
    context = await browser.new_context(viewport=WINDOW)
    context.set_default_timeout(PATIENCE)
    try:
        page = await context.new_page()
        await page.add_init_script(PROBE)
        await page.goto(url)
        await settled(page)
        yield page
    finally:
        await context.close()


async def settled(page: Page) -> None:
    """Waits until the script has ended and nothing is left to be drawn."""
    await page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    await page.wait_for_selector('[data-testid="stMain"] h1')
    await page.wait_for_function('() => !document.querySelector(\'[data-testid="stMain"] [data-testid="stSkeleton"]\')')
