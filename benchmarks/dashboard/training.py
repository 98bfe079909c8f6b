"""Trainings and the app beside each other: is browsing still quick, and how soon is there a curve to look at?

**Browsing.** Slice after slice by key, first with nothing else to do, then with a training of the quick preset on
both cores, started as a job, as the app starts it.

**First epoch.** From the click on *Start training*, with the quick preset on the sample, to the Training page with the
first epoch on its curves. The reader clicks on *Watch* as soon as there is one.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from playwright.async_api import Browser

from benchmarks.dashboard.data import SMALL, Stack, environment
from benchmarks.dashboard.measuring import APP, Figure, at_most, opened, percentile, serving, spread
from benchmarks.dashboard.slices import presses
from segcore.data import fetch
from segcore.errors import SegcoreError
from segcore.jobs import JobQueue
from segcore.presets import quick
from segcore.runs import open_run, read_status


async def browsing(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """Next slice with and without a training on all cores."""
    os.environ.update(environment(root))
    queue = JobQueue()
    with serving(APP, root / "server.log", environment(root)) as server:
        _, idle = await presses(browser, server.address, SMALL)
    name = f"busy-{time.time_ns()}"
    job = queue.start(dataset=SMALL.name, config=quick(), run=name, token=name, accelerator="cpu")
    try:
        await _until(lambda: _steps(name) > 0)
        with serving(APP, root / "server.log", environment(root)) as server:
            _, busy = await presses(browser, server.address, SMALL)
        trains = queue.job(job.number).state == "training"
    finally:
        queue.stop(job.number)
        await _until(lambda: not queue.job(job.number).open)
    assert trains, "the training was over before the browsing"
    for what, of in (("median", statistics.median), ("95th percentile", percentile)):
        yield at_most(
            f"next slice during a training, {what}", of(busy) / of(idle), 2, "times idle",
            note=f"idle {spread(idle)}; training {spread(busy)}",
        )  # fmt: skip


async def first_epoch(browser: Browser, root: Path, stacks: list[Stack]) -> AsyncIterator[Figure]:
    """From the click to the first point of the curve."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        settings = environment(Path(folder))
        os.environ.update(settings)
        fetch("sample")
        queue = JobQueue()
        took = []
        with serving(APP, root / "server.log", settings) as server:
            for number in range(1, 4):
                async with opened(browser, f"{server.address}/training") as page:
                    sidebar = page.locator('[data-testid="stSidebar"]')
                    await sidebar.get_by_role("button", name="Train a model").click()
                    start = page.get_by_role("dialog").get_by_role("button", name="Start training")
                    await start.wait_for()
                    await page.wait_for_timeout(3000 if number > 1 else 60_000)  # steps are being measured
                    began = time.perf_counter()
                    await start.click()
                    await sidebar.get_by_role("button", name="Watch").first.click()
                    await page.wait_for_function(
                        "run => location.search.includes('run=' + run)", arg=queue.job(number).run
                    )
                    # Not the curve of the one before, which ended early and has no epochs to come.
                    await page.get_by_text("1 of 20 epochs").wait_for()
                    await page.wait_for_selector(".st-key-learning-curves .js-plotly-plot .scatterlayer .trace")
                    took.append(time.perf_counter() - began)
                queue.stop(number)
                await _until(lambda number=number: not queue.job(number).open)
        yield at_most(
            "click on Start to the first epoch on the curve, longest of 3", max(took), 15, "s",
            note=f"median {statistics.median(took):.1f}",
        )  # fmt: skip


def _steps(run: str) -> int:
    try:
        progress = read_status(open_run(run))
    except SegcoreError:
        return 0  # not yet
    return progress.step if progress is not None else 0


async def _until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.05)
