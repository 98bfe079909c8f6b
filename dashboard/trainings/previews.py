"""What a network sees of a slice it does not learn from, epoch by epoch, beside the image and its label.

A slider in the browser goes through the epochs; it stays at the newest one unless the reader moves it. The pictures
come from a route of the same server:

    /segcore/previews/{run}/{file}?{time of change}
"""

from __future__ import annotations

from functools import cache
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

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
_CSS = """
:host, .three, .epochs { font: 14px/1.4 var(--st-font, system-ui, sans-serif); color: var(--st-text-color, #31333f); }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 340px)); gap: 12px; }
figure { margin: 0; }
img { width: 100%; display: block; border-radius: 4px; background: rgba(128, 128, 128, 0.2); }
figcaption { font-size: 13px; opacity: 0.8; margin-top: 3px; font-variant-numeric: tabular-nums; }
.epochs { display: flex; align-items: center; gap: 10px; max-width: 1044px; margin-top: 6px; font-size: 13px; }
.epochs input { flex: 1; min-width: 60px; accent-color: var(--st-primary-color, #0072b2); }
.epochs output { min-width: 4.5em; text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 600px) { .three { gap: 6px; } figcaption { font-size: 12px; } }
"""
_JS = """
const kept = new WeakMap();

export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector(name);
  const slider = find("input");
  const before = kept.get(parentElement);
  const newest = data.epochs.length - 1;
  // Who has gone back to an earlier epoch stays there when another one comes.
  const at = before?.run === data.run && before.at < before.newest ? Math.min(before.at, newest) : newest;
  for (const { url } of data.epochs) new Image().src = url;
  const show = (place) => {
    const { epoch, url } = data.epochs[place];
    if (find(".seen").getAttribute("src") !== url) find(".seen").src = url;
    find(".seen").alt = `Probability of interior after epoch ${epoch}`;
    find(".which").textContent = `the network after epoch ${epoch}`;
    find("output").textContent = `${epoch} of ${data.most}`;
    kept.set(parentElement, { run: data.run, at: place, newest });
  };
  for (const name of ["image", "label"]) {
    const picture = find(`.${name}`);
    picture.closest("figure").hidden = !data[name];
    if (data[name] && picture.getAttribute("src") !== data[name]) picture.src = data[name];
    picture.alt = name === "image" ? `Image of slice ${data.slice}` : `Label of slice ${data.slice}`;
  }
  slider.max = newest;
  slider.value = at;
  slider.disabled = newest < 1;
  slider.oninput = () => show(Number(slider.value));
  show(at);
}
"""


def routes() -> list[Route]:
    """The routes for `st.App(routes=...)`."""
    return [Route("/segcore/previews/{run}/{file}", _picture, methods=["GET"])]


def _picture(request: Request) -> Response:
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


def show(run: Run, *, key: str) -> None:
    """Draws the pictures of a run; nothing as long as there is none."""
    previews = Previews(run)
    seen = previews.all()
    if not seen:
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
    return st.components.v2.component("segcore_previews", html=_HTML, css=_CSS, js=_JS)
