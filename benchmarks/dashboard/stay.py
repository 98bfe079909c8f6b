"""Whether the server's memory stays flat while people look at slices, and while they come and go.

Before each measurement the same is done for a while, until what is kept on purpose is full: the caches of the app and
of Streamlit, which keeps sessions that went away for two minutes, in case they come back. Resident memory (RSS) is
that of the server's own process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, Page

from benchmarks.dashboard.data import LARGE, LONG, Stack, environment
from benchmarks.dashboard.measuring import APP, Figure, Server, at_most, opened, serving, settled

CHANGES, WARM_CHANGES = 1000, 200
SESSIONS, WARM_SESSIONS = 20, 6
GROWTH_MB = 50


async def memory(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """Growth over 1000 slice changes at 4096 x 4096, and over 20 sessions with a run of 2000 slices."""
    with serving(APP, root / "server.log", environment(root)) as server:
        async with opened(browser, f"{server.address}/errors?{LARGE.query}&slice=0") as page:
            await page.wait_for_selector('.viewer[data-complete="true"]')
            await page.locator(".viewer").focus()
            await _walk(page, LARGE, range(WARM_CHANGES))
            before = server.memory_mb()
            await _walk(page, LARGE, range(WARM_CHANGES, WARM_CHANGES + CHANGES))
            yield _growth(f"memory over {CHANGES} slice changes", server, before)
    with serving(APP, root / "server.log", environment(root)) as server:
        for _ in range(WARM_SESSIONS):
            await _visit(browser, server)
        before = server.memory_mb()
        for _ in range(SESSIONS):
            await _visit(browser, server)
        yield _growth(f"memory over {SESSIONS} sessions that come and go", server, before)


def _growth(what: str, server: Server, before: float) -> Figure:
    after = server.memory_mb()
    note = f"from {before:.0f} to {after:.0f} MB, peak {server.memory_mb('VmHWM'):.0f} MB"
    return at_most(f"{what}, growth", after - before, GROWTH_MB, "MB", note=note)


async def _walk(page: Page, stack: Stack, steps: range) -> None:
    """Up and down the stack by key, each slice complete before the next; the script follows at every tenth."""
    up = stack.slices - 1
    for step in steps:
        forth = step % (2 * up) < up
        z = step % up + 1 if forth else up - step % up - 1
        await page.evaluate("bench.paints.length = 0")
        await page.keyboard.press("ArrowRight" if forth else "ArrowLeft")
        await page.evaluate("z => bench.until(z)", z)
        if step % 10 == 9:
            await page.wait_for_timeout(800)


async def _visit(browser: Browser, server: Server) -> None:
    """Overview, then Errors until a slice is complete; then the browser is closed."""
    async with opened(browser, f"{server.address}/?{LONG.query}") as page:
        await page.locator('[data-testid="stSidebarNav"]').get_by_text("Errors", exact=True).click()
        await page.wait_for_selector('.viewer[data-complete="true"]')
        await settled(page)
