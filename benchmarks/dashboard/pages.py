"""Moving between the pages, what a page costs the server, and the first start.

**Moving.** A click on each link in turn, so that every page is left for every other once, after all were seen once
already. The clock runs from the click until the new page's title is there, its script has ended, nothing is a
placeholder, and it has as many drawn charts, tables and complete viewers as it had after settling.

**Script.** A client of the same websocket, without a browser whose drawing would hold up its messages: it asks the
server for a page as the browser does and waits for "script finished". That includes packing and sending everything
the page consists of. Warm: every page was asked for before in this session.

**Start.** From starting the process to the first frame with the Overview's title and its five headline numbers, in a
browser that is open already and goes there as soon as the server answers. The operating system has the files in memory.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from benchmarks.dashboard.data import LONG, Stack, environment
from benchmarks.dashboard.measuring import (
    APP,
    PROBE,
    REPOSITORY,
    WINDOW,
    Figure,
    at_most,
    opened,
    percentile,
    serving,
    settled,
    wait_until_up,
)  # fmt: skip
from segcore.data import fetch

TITLES = {
    "Overview": LONG.name, "Data": "Data", "Augmentation": "Augmentation", "Training": "Training", "Errors": "Errors",
    "Confusion matrix": "Confusion matrix", "Try it": "Try it",
}  # fmt: skip
STARTS = 5

DRAWN = """() => {
  const inMain = (one) => `[data-testid="stMain"] ${one}`;
  const isThere = (one) => Boolean(document.querySelector(inMain(one)));
  const full = (kind, inside) => [...document.querySelectorAll(inMain(`[data-testid="${kind}"]`))].filter(
    (one) => one.querySelector(inside)).length;
  bench.counts = () => [
    full("stPlotlyChart", ".main-svg"), full("stDataFrame", "canvas"),
    document.querySelectorAll('.viewer[data-complete="true"]').length,
  ];
  bench.drawn = (title, wanted) => document.querySelector('[data-test-script-state="notRunning"]')
    && document.querySelector(inMain("h1"))?.innerText.startsWith(title)
    && !isThere('[data-testid="stSkeleton"]') && bench.counts().every((count, at) => count >= wanted[at]);
  bench.arrived = async (title, wanted) => {
    while (!bench.drawn(title, wanted)) await new Promise(requestAnimationFrame);
    return (await bench.shown()) - bench.clicks.at(-1);
  };
}"""
FIRST = """async () => {
  const numbers = () => document.querySelectorAll('[data-testid="stMetricValue"]').length;
  const title = () => document.querySelector('[data-testid="stMain"] h1');
  while (!title() || numbers() < 5) await new Promise(requestAnimationFrame);
  return performance.timeOrigin + (await bench.shown());
}"""


async def moving(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """Page switches and scripts, with a run of 2000 slices."""
    with serving(APP, root / "server.log", environment(root)) as server:
        async with opened(browser, f"{server.address}/?{LONG.query}") as page:
            times = await _switches(page)
        torch = server.has_torch()
        for name in TITLES:
            there = [took for (_, to), took in times.items() if to == name]
            yield at_most(
                f"to {name} from every other page, longest", max(there), 700,
                note=f"median {statistics.median(there):.0f}",
            )  # fmt: skip
        both = list(times.values())
        yield at_most(
            f"from every page to every other, {len(both)} switches, longest", max(both), 700,
            note=f"median {statistics.median(both):.0f}, 95th {percentile(both):.0f}",
        )  # fmt: skip
        yield at_most("server has PyTorch after all pages", float(torch), 0, "")
        for name, (took, size) in _scripts(server.port).items():
            yield at_most(
                f"script of {name}", max(took), 250,
                note=f"median {statistics.median(took):.0f}; {size / 1e6:.2f} MB sent",
            )  # fmt: skip


async def _switches(page: Page) -> dict[tuple[str, str], float]:
    await page.evaluate(DRAWN)
    wanted: dict[str, list[int]] = {}
    for name, title in TITLES.items():
        await _click(page, name)
        await page.wait_for_function("title => bench.drawn(title, [0, 0, 0])", arg=title)
        await settled(page)
        await page.wait_for_timeout(4000)
        wanted[name] = await page.evaluate("bench.counts()")
    times = {}
    now = list(TITLES)[-1]
    for name in _circuit(list(TITLES), now):
        await _click(page, name)
        times[now, name] = await page.evaluate(
            "([title, wanted]) => bench.arrived(title, wanted)", [TITLES[name], wanted[name]]
        )
        await page.wait_for_timeout(700)
        now = name
    return times


async def _click(page: Page, name: str) -> None:
    await page.locator('[data-testid="stSidebarNav"]').get_by_text(name, exact=True).click()


def _circuit(names: list[str], start: str) -> Iterator[str]:
    """From `start`, each name after each other one exactly once (Hierholzer's way round)."""
    left = {name: [other for other in names if other != name] for name in names}
    path, found = [start], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            found.append(path.pop())
    return reversed(found[:-1])


# --- the server alone -------------------------------------------------------------------------


def _scripts(port: int) -> dict[str, tuple[list[float], int]]:
    """Milliseconds of each of five runs of each page's script, and the bytes it sends."""
    with connect(
        f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None, compression=None
    ) as socket:
        pages = _run(socket, "", LONG.query)[2]
        found = {}
        for name in TITLES:
            for _ in range(2):  # warm
                _run(socket, pages[name], "")
        for name in TITLES:
            runs = []
            for _ in range(5):
                # From another page, as people come.
                _run(socket, pages["Training" if name != "Training" else "Data"], "")
                time.sleep(0.2)
                runs.append(_run(socket, pages[name], ""))
            found[name] = [one[0] for one in runs], max(one[1] for one in runs)
    return found


def _run(socket: ClientConnection, page: str, query: str) -> tuple[float, int, dict[str, str]]:
    """Milliseconds from asking for a page to the end of its script, bytes received, and the pages there are."""
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_script_hash = page
    started, size, pages = time.perf_counter(), 0, {}
    socket.send(message.SerializeToString())
    while True:
        data: Any = socket.recv(120)
        size += len(data)
        found = ForwardMsg.FromString(data)
        kind = found.WhichOneof("type")
        if kind == "navigation":
            pages = {one.page_name: one.page_script_hash for one in found.navigation.app_pages}
        if kind == "script_finished" and found.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return 1000 * (time.perf_counter() - started), size, pages


# --- the first start --------------------------------------------------------------------------


async def starting(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """`streamlit run` to the first paint of the Overview, with the sample there and without any data."""
    for title, there in (("with the sample there", True), ("of a clone without data", False)):
        took = []
        for _ in range(STARTS):
            with tempfile.TemporaryDirectory(dir=root) as folder:
                took.append(await _start(browser, Path(folder), sample=there))
        yield at_most(
            f"start to first paint of the Overview, {title}, longest of {STARTS}", max(took), 4, "s",
            note=f"median {statistics.median(took):.2f}",
        )  # fmt: skip


async def _start(browser: Browser, folder: Path, *, sample: bool) -> float:
    settings = environment(folder)
    for run in ("sample-quick", "isbi2012-standard"):
        shutil.copytree(REPOSITORY / "models" / run, folder / "models" / run)
    if sample:
        _sample(folder)
    context = await browser.new_context(viewport=WINDOW)
    try:
        page = await context.new_page()
        await page.add_init_script(PROBE)
        with serving(APP, folder / "server.log", settings, wait=False) as server:
            wait_until_up(server)
            await page.goto(server.address, wait_until="commit")
            shown: float = await page.evaluate(FIRST)
            return shown / 1000 - server.started
    finally:
        await context.close()


def _sample(folder: Path) -> None:
    """The synthetic sample, drawn once and copied."""
    kept = folder.parent / "sample"
    if not kept.exists():
        import os

        os.environ["SEGCORE_DATA_DIR"] = str(folder.parent / "drawn")
        fetch("sample")
        (folder.parent / "drawn" / "sample").rename(kept)
    shutil.copytree(kept, folder / "data" / "sample")
