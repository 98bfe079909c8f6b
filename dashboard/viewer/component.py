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
from typing import Any, Literal, get_args

import streamlit as st

from dashboard.viewer.addresses import MOST_TABLES
from dashboard.viewer.layers import NO_RUN, Layers, open_layers
from dashboard.viewer.neurites import MOST_NUMBERS
from dashboard.words import slice_name

_HERE = Path(__file__).parent
# The component takes one text. Each of these knows those before it.
_SCRIPTS = (
    "colours", "numbers", "parts", "fates", "outlines", "tiles", "pyramid", "neurites", "apart", "painter", "evidence",
    "strip", "page", "exchange", "panes", "layers", "measures", "stage", "view", "marks", "chosen", "other", "drawing",
    "readout", "ahead", "downloads", "link", "actions", "keys", "input", "viewer", "start",
)  # fmt: skip

Mode = Literal["single", "panes", "notebook", "both"]
Kind = Literal["neurite", "segment"]

_MOST_REPORTS = 1000


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """A slice the viewer can go to.

    Attributes:
        index: its place in the stack, from 0.
        name: its file name.
        wrong_percent: for the strip until the browser knows better, or None.
        harm: of its splits and merges, by which the strip ranks slices unless asked for wrong pixels; None where it is
            not known.
    """

    index: int
    name: str
    wrong_percent: float | None = None
    harm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place to show.

    Attributes:
        number: another one each time, also when the same place is to be shown again.
        slice: index of the slice.
        y, x: the pixel in the middle.
        area_px: what is to fill a third of the view, where there is no `box`.
        text: what is there, for screen readers.
        stays: whether the place is seen until Escape is pressed, another place comes or there is none any more, and not
            only for a moment. On another slice it is not seen, and back on its own it is. What follows is drawn of
            such a place only.
        neurites, segments: numbers of those to be outlined, as in events: of `true_neurites` and of the evaluation's
            segments.
        openings: (y, x) of each place to be ringed, (y, x) itself if there is none.
        box: top, left, bottom, right (these two excluded) of what is to be in view; if it is too large to tell pixels
            apart, the openings are.
        ringed: whether anything is.
        other: whether the segments are those of the other of two runs.
    """

    number: int
    slice: int
    y: int
    x: int
    area_px: int
    text: str
    stays: bool = False
    neurites: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    openings: tuple[tuple[int, int], ...] = ()
    box: tuple[int, int, int, int] | None = None
    ringed: bool = True
    other: bool = False


@dataclass(frozen=True, kw_only=True)
class OtherRun:
    """A second run that was evaluated on the same slices, compared with the one that is shown.

    Attributes:
        run: its name.
        dataset, part: what it was evaluated on; slices have the indices that they have in the shown run's dataset.
        threshold: 0 to 1; it calls interior where its probability is above it.
    """

    run: str
    dataset: str
    part: str
    threshold: float


@dataclass(frozen=True, kw_only=True)
class ViewerResult:
    """What the user changed in the viewer since the script last ran; None for what is as it was.

    Attributes:
        slice, threshold, tolerance: what they are now.
        picked: kind, `neurite` or `segment`, and number of the last one that was clicked on the slice shown.
    """

    slice: int | None = None
    threshold: float | None = None
    tolerance: int | None = None
    picked: tuple[Kind, int] | None = None

    @property
    def changed(self) -> bool:
        return self != ViewerResult()


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
    other: OtherRun | None = None,
    points: Mapping[str, float] | None = None,
    place: Place | None = None,
    keys_left: Sequence[str] = (),
    fits_window: bool = False,
    theme: str | None = None,
    on_change: Callable[[], None] | None = None,
) -> ViewerResult:
    """Draws the viewer and says what the user changed in it.

    The viewer follows its own controls at once and reports them half a second after the last change, so that the
    page reruns once and not for every step of a slider, or for every slice on the way; clicks and keys for the page
    at once. What was reported is given back by one call, also if the page was busy. It follows `z`, `threshold` and
    `tolerance` when they are others than in the last run, which may be an echo of what it reported itself.

    Args:
        key: of the component; what it shows stays as long as the key does.
        dataset: name of an installed dataset, or of a visitor's stack.
        slices: those it can go to, in order. With a run, slices the evaluation holds; others show the image only.
        run: name of a run with an evaluation of `part` of the dataset, or None for images and labels alone.
        part: of the dataset that was evaluated.
        z: index of the slice to show.
        threshold: 0 to 1; interior where the probability is above it.
        tolerance: 0 to 5 px; wrong pixels nearer to a true boundary are forgiven.
        voxel_nm: width of a pixel in nanometres, for the scale bar and distances.
        mode: one picture with layers; side by side image, label, prediction and errors, or without a run image,
            label and both on top of each other; the notebook's three; or the errors of two runs, and what changed.
        other: a run to be compared with `run`, each at its own threshold, which then stand still.
        points: thresholds with a name, offered beside the slider.
        place: zoomed to and marked, for a moment or as long as it stays, each time its number changes.
        keys_left: names of keys that do nothing here, as something else on the page takes them, such as `n`, `ctrl+z`
            or `Enter`: one character is in lower case, and `ctrl` is also a Mac's command.
        fits_window: whether the slice is made so small that all of the viewer is on the screen at once.
        theme: `light` or `dark`; the page's own if None.
        on_change: called before the script runs again because of a change.

    Raises:
        SegcoreError: the dataset or the evaluation is missing or damaged.
    """
    layers = open_layers(dataset, run, part)
    heard = f"{key}: seen by the script"
    before = st.session_state.get(heard)
    reports = _new_reports(key, before)
    reported = _together([changes for _, changes in reports])
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
            "other": other and _other(other, slices),
            "points": dict(points or {}),
            "place": place_as_data(place),
            "keys": list(keys_left),
            "fits": fits_window,
            "theme": theme,
            "heard": before,
        },
        default={"view": None},
        on_view_change=on_change or _nothing,
    )
    if reports:
        # Last of all: a script that is run anew while it draws hears of them again. So the browser, which repeats what
        # was not heard, learns that it was one run later.
        st.session_state[heard] = reports[-1][0]
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
        "segmented": layers.segmented,
        "most_tables": MOST_TABLES,
        "slices": [
            [
                row.index,
                slice_name(row.index, row.name),
                _finite(row.wrong_percent),
                # The position in the tables of the evaluation, by which the browser asks for counts.
                layers.pages.get(row.index),
                _percent(layers, row.index),
                _finite(row.harm),
            ]
            for row in slices
        ],
        "evaluated": len(layers.pages) if layers.evidence is not None and layers.labels is not None else 0,
        **shown,
    }


def _other(other: OtherRun, slices: Sequence[SliceRow]) -> dict[str, Any]:
    layers = open_layers(other.dataset, other.run, other.part)
    return {
        "run": other.run,
        "stack": f"{other.dataset}/{other.run}/{other.part}",
        "version": layers.version,
        "threshold": other.threshold,
        "segmented": layers.segments is not None,
        "evaluated": len(layers.pages) if layers.evidence is not None and layers.labels is not None else 0,
        "pages": [[row.index, layers.pages[row.index]] for row in slices if row.index in layers.pages],
    }


def place_as_data(place: Place | None) -> dict[str, Any] | None:
    """A place as the viewer in the browser takes it, from here or as the detail of an event `segcore:show`."""
    if place is None:
        return None
    top, left, bottom, right = place.box or (0, 0, 0, 0)
    return {
        "number": place.number,
        "slice": place.slice,
        "y": place.y,
        "x": place.x,
        "area": place.area_px,
        "text": place.text,
        "stays": place.stays,
        "neurites": [int(number) for number in place.neurites],
        "segments": [int(number) for number in place.segments],
        "openings": [{"y": int(y), "x": int(x)} for y, x in place.openings],
        "ringed": place.ringed,
        "other": place.other,
        "box": {"top": top, "left": left, "bottom": bottom, "right": right} if place.box else None,
    }


def _percent(layers: Layers, z: int) -> int | None:
    """The bias of a slice's segments, in percent; None where they cannot be cut anew."""
    if layers.segments is None or layers.probability is None or z not in layers.segment_points:
        return None
    return round(100 * layers.segment_points[z].bias)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _new_reports(key: str, heard: object) -> list[tuple[str, Mapping[str, Any]]]:
    """Reports with their numbers that came after the one that this session's script heard last, in order.

    The browser sends every report again until it knows that it was heard.
    """
    view = (st.session_state.get(key) or {}).get("view")
    # It comes from a browser, so it can be anything.
    sent = view.get("reports") if isinstance(view, Mapping) else None
    if not isinstance(sent, list):
        return []
    reports = [
        (one[0], one[1])
        for one in sent[-_MOST_REPORTS:]
        if isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], Mapping)
    ]
    for at in reversed(range(len(reports))):
        if reports[at][0] == heard:
            return reports[at + 1 :]
    return reports


def _together(reports: Sequence[Mapping[str, Any]]) -> ViewerResult:
    """The last valid value of everything that was reported."""
    found: dict[str, Any] = {}
    for changes in reports:
        for name, value in (
            ("slice", _whole(changes.get("slice"), 0, 10**7)),
            ("threshold", _between(changes.get("threshold"))),
            ("tolerance", _whole(changes.get("tolerance"), 0, 5)),
            ("picked", _picked(changes.get("picked"))),
        ):
            if value is not None:
                found[name] = value
    return ViewerResult(**found)


def _picked(value: object) -> tuple[Kind, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    number = _whole(value[1], 1, MOST_NUMBERS)
    for kind in get_args(Kind):
        if value[0] == kind and number is not None:
            return kind, number
    return None


def _whole(value: object, lowest: int, highest: int) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest else None


def _between(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None
