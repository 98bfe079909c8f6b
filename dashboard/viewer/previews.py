"""What a network sees of a slice it does not learn from, epoch by epoch, beside the image and its label.

A slider in the browser goes through the epochs; it stays at the newest one unless the reader moves it. The pictures
come from a route of the same server:

    /segcore/previews/{run}/{file}?{time of change}
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from segcore.errors import SegcoreError
from segcore.runs import Previews, Run, open_run

_HTML = """
<div class="three">
  <figure><img class="image" alt=""><figcaption>image</figcaption></figure>
  <figure><img class="label" alt=""><figcaption>label</figcaption></figure>
  <figure><img class="seen" alt=""><figcaption class="which"></figcaption></figure>
</div>
<label class="epochs">
  <span>Epoch</span><input type="range" min="0" step="1" aria-label="Epoch"><output></output>
</label>
"""


def preview(request: Request) -> Response:
    """A picture of a run, as an answer to its address."""
    wanted = request.path_params["file"]
    try:
        # Only what is there can be asked for; a path that leads elsewhere is not among it.
        found = {path.name: path for path in _paths(open_run(request.path_params["run"]))}
        path = found[wanted]
        if path.is_file():
            return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})
    except (SegcoreError, KeyError, OSError):
        pass
    return PlainTextResponse("no such picture", status_code=404, headers={"Cache-Control": "no-store"})


def _paths(run: Run) -> list[Any]:
    previews = Previews(run)
    seen = previews.all()
    beside = previews.of_slice(seen[-1].slice) if seen else None
    return [one.path for one in seen] + ([beside.image, beside.label] if beside else [])


def show_previews(run: Run, *, key: str) -> None:
    """Draws the pictures of a run; while it is trained nothing as long as there is none."""
    previews = Previews(run)
    seen = previews.all()
    if not seen:
        # What learned in no epoch, such as a mean of networks, had nothing to be pictured.
        if run.state != "training" and run.info.epochs:
            st.caption(
                "This run has no pictures of what the network saw as it learned. They hold slices of its dataset, so "
                "they are left out where a run is passed on without its data."
            )
        return
    beside = previews.of_slice(seen[-1].slice)
    data = {
        "run": f"{run.name} {run.info.started}",
        "slice": seen[-1].slice,
        "image": _address(run, beside.image) if beside else "",
        "label": _address(run, beside.label) if beside else "",
        "epochs": [{"epoch": one.epoch, "url": _address(run, one.path)} for one in seen],
        "most": run.config.train.epochs,
    }
    st.subheader(
        "What the network sees",
        help=f"Its probability of interior (white) on validation slice {seen[-1].slice}, which it does not learn from. "
        "Move the slider to go back to earlier epochs.",
    )
    _component()(key=key, data=data)


def _address(run: Run, path: Any) -> str:
    return f"/segcore/previews/{run.name}/{path.name}?{path.stat().st_mtime_ns}"


@cache
def _component() -> Any:
    return st.components.v2.component("segcore_previews", html=_HTML, css=_text("css"), js=_text("js"))


def _text(ending: str) -> str:
    return Path(__file__).with_name(f"previews.{ending}").read_text(encoding="utf-8")
