"""Every figure that was promised for the dashboard's speed, each with its target, in one table.

    python -m benchmarks.dashboard [--only next,hold,drag,pages,start,memory,training,epoch] [--stacks small,large,huge]
        [--keep FOLDER] [--json FILE]

Needs a Chromium, 11 GB of disk and half an hour; nothing else should be running.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.dashboard import data, pages, slices, stay, training
from benchmarks.dashboard.measuring import Figure, chromium

PARTS = {
    "next": (slices.next_slice, [data.SMALL, data.LARGE, data.HUGE]),
    "hold": (slices.held_key, [data.SMALL, data.LARGE, data.HUGE]),
    "drag": (slices.dragging, [data.SMALL]),
    "pages": (pages.moving, [data.LONG]),
    "start": (pages.starting, []),
    "memory": (stay.memory, [data.LARGE, data.LONG]),
    "training": (training.browsing, [data.SMALL]),
    "epoch": (training.first_epoch, []),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help="comma-separated parts")
    parser.add_argument("--stacks", default="small,large,huge,long", help="of `next` and `hold`, comma-separated")
    parser.add_argument("--keep", type=Path, help="folder for the data; what is there is used again")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    parts = given.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with ExitStack() as stack:
        root = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root.mkdir(parents=True, exist_ok=True)
        data.make(root, list(dict.fromkeys(one for part in parts for one in PARTS[part][1])))
        figures = asyncio.run(_measured(root.absolute(), parts, given.stacks.split(",")))
    if given.json:
        given.json.write_text(json.dumps([dataclasses.asdict(one) for one in figures], indent=2) + "\n")


async def _measured(root: Path, parts: list[str], names: list[str]) -> list[Figure]:
    figures = []
    print("| | measured | target | | |\n|---|---:|---|---|---|")
    for part in parts:
        async with chromium() as browser:
            measure, stacks = PARTS[part]
            async for one in measure(browser, root, [one for one in stacks if one.name in names]):
                figures.append(one)
                met = "" if one.met is None else "met" if one.met else "**missed**"
                print(f"| {one.what} | {one.value:,.1f} {one.unit} | {one.target} | {met} | {one.note} |", flush=True)
    return figures


if __name__ == "__main__":
    main()
