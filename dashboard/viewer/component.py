"""The slice viewer: a canvas that fetches raw tiles and classifies pixels in the browser.

result = viewer(key="errors", dataset="isbi2012", run="mine", part="test", slices=rows, z=3, threshold=0.5)
if result.slice is not None: ...   # the user went to another slice
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from dashboard.viewer.addresses import MOST_TABLES
from dashboard.viewer.layers import NO_RUN, Layers, open_layers
from dashboard.words import slice_name

_HERE = Path(__file__).parent
# The component takes one text. Each of these knows those before it.
_SCRIPTS = (
    "colours", "numbers", "tiles", "pyramid", "painter", "evidence", "strip", "page", "exchange", "panes", "layers",
    "measures", "stage", "view", "marks", "drawing", "readout", "ahead", "downloads", "actions", "input", "viewer",
    "start",
)  # fmt: skip

Mode = Literal["single", "panes", "notebook"]


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """A slice the viewer can go to.

    Attributes:
        index: its place in the stack, from 0.
        name: its file name.
        wrong_percent: for the strip until the browser knows better, or None.
    """

    index: int
    name: str
    wrong_percent: float | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place to show.

    Attributes:
        number: another one each time, also when the same place is to be shown again.
        slice: index of the slice.
        y, x: the pixel in the middle.
        area_px: what is to fill a third of the view.
        text: what is there, for screen readers.
    """

    number: int
    slice: int
    y: int
    x: int
    area_px: int
    text: str


@dataclass(frozen=True, kw_only=True)
class ViewerResult:
    """What the user changed in the viewer since the script last ran; None for what is as it was."""

    slice: int | None = None
    threshold: float | None = None
    tolerance: int | None = None

    @property
    def changed(self) -> bool:
        return (self.slice, self.threshold, self.tolerance) != (None, None, None)


def viewer(
    *,
    key: str,
    dataset: str,
    slices: Sequence[SliceRow],
    run: str | None = None,
    part: str = "test",
    z: int = 0,
    threshold: float = 0.5,
    tolerance: int = 0,
    voxel_nm: float | None = None,
    mode: Mode = "single",
    points: Mapping[str, float] | None = None,
    place: Place | None = None,
    theme: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> ViewerResult:
    """Draws the viewer and says what the user changed in it.

    The viewer follows its own controls at once and reports them half a second after the last change, so that the
    page reruns once and not for every step of a slider, or for every slice on the way. It follows `z`, `threshold` and
    `tolerance` when they are others than in the last run, which may be an echo of what it reported itself.

    Args:
        key: of the component; what it shows stays as long as the key does.
        dataset: name of an installed dataset.
        slices: those it can go to, in order. With a run, slices the evaluation holds; others show the image only.
        run: name of a run with an evaluation of `part` of the dataset, or None for images and labels alone.
        part: of the dataset that was evaluated.
        z: index of the slice to show.
        threshold: 0 to 1; interior where the probability is above it.
        tolerance: 0 to 5 px; wrong pixels nearer to a true boundary are forgiven.
        voxel_nm: width of a pixel in nanometres, for the scale bar and distances.
        mode: one picture with layers; side by side image, label, prediction and errors, or without a run image,
            label and both on top of each other; or the notebook's three.
        points: thresholds with a name, offered beside the slider.
        place: zoomed to and marked for a moment, each time its number changes.
        theme: `light` or `dark`; the page's own if None.
        on_change: called before the script runs again because of a change.

    Raises:
        SegcoreError: the dataset or the evaluation is missing or damaged.
    """
    layers = open_layers(dataset, run, part)
    reported = _since_last_run(key)
    # What was just reported counts, even where the page takes it over only after this call.
    shown = {
        "z": z if reported.slice is None else reported.slice,
        "threshold": threshold if reported.threshold is None else reported.threshold,
        "tolerance": tolerance if reported.tolerance is None else reported.tolerance,
    }
    _component()(
        key=key,
        data=_data(layers, dataset, run, part, slices, shown)
        | {
            "voxel_nm": voxel_nm,
            "mode": mode,
            "points": dict(points or {}),
            "place": _as_data(place),
            "theme": theme,
        },
        default={"view": None},
        on_view_change=on_change or _nothing,
    )
    return reported


def _nothing() -> None:
    """Streamlit keeps a state only with a callback."""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "segcore_viewer",
        css=(_HERE / "viewer.css").read_text(encoding="utf-8"),
        js="\n".join((_HERE / "js" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS),
    )


def _data(
    layers: Layers,
    dataset: str,
    run: str | None,
    part: str,
    slices: Sequence[SliceRow],
    shown: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "stack": f"{dataset}/{run or NO_RUN}/{part}",
        "version": layers.version,
        "height": layers.height,
        "width": layers.width,
        "coarsest": layers.coarsest,
        "labelled": layers.labels is not None,
        "ignores": layers.ignores,
        "borders": list(layers.borders),
        "predicted": layers.probability is not None,
        "most_tables": MOST_TABLES,
        "slices": [
            # The position in the tables of the evaluation, by which the browser asks for counts.
            [row.index, slice_name(row.index, row.name), _finite(row.wrong_percent), layers.pages.get(row.index)]
            for row in slices
        ],
        "evaluated": len(layers.pages) if layers.evidence is not None and layers.labels is not None else 0,
        **shown,
    }


def _as_data(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    facts = {"number": place.number, "slice": place.slice, "y": place.y, "x": place.x}
    return facts | {"area": place.area_px, "text": place.text}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _since_last_run(key: str) -> ViewerResult:
    """What a report changed that this session's script has not been told yet."""
    view = (st.session_state.get(key) or {}).get("view")
    seen = f"{key}: seen by the script"
    if not isinstance(view, Mapping) or view.get("number") == st.session_state.get(seen):
        return ViewerResult()
    st.session_state[seen] = view.get("number")
    changes = view.get("changes") or {}
    return ViewerResult(
        slice=_whole(changes.get("slice"), 0, 10**7),
        threshold=_between(changes.get("threshold")),
        tolerance=_whole(changes.get("tolerance"), 0, 5),
    )


def _whole(value: object, lowest: int, highest: int) -> int | None:
    # It comes from a browser, so it can be anything.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest else None


def _between(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None
