"""Any image or stack through the chosen model: probability, mask and overlay. Nothing stays on the server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import background, notices, scratch, uploads, words, worker
from dashboard.background import Work
from dashboard.clicks import pressed
from dashboard.figures import mask_picture, membrane_overlay, picture_file, segments_picture
from dashboard.state import choose_run, current, names_of_runs
from dashboard.viewer import SliceRow, Uploaded, show_uploaded, viewer
from segcore.evaluation import segment_rows
from segcore.measures import predicted_interior
from segcore.progress import Progress
from segcore.runs import Run, SegmentPoint
from segcore.segments import segments_of
from segcore.stacks import (
    HOLDS_SEVERAL,
    TIFF_SUFFIXES,
    VOLUME_SUFFIXES,
    Axes,
    StackWriter,
    VoxelSize,
    intensity_range,
    map_stack,
    to_uint8,
    without_padding,
)
from segcore.storage import read_only

_STATE, _SHOWN = "try it", "try it shown as"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One upload on its way through one run.

    Attributes:
        run: name of the run, and when it was trained.
        files: that were uploaded, as the uploader numbers them.
        folder: of its files, until the visit ends.
        work: makes a `Tried`.
    """

    run: tuple[str, str]
    files: tuple[str, ...]
    folder: Path
    work: Work


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What came of it: `images.tif` and `probability.tif`, 8 bits, in the folder of the attempt.

    Attributes:
        names: of the slices.
        shape: slices, height and width.
        sizes: height and width of each slice before smaller ones were padded.
        voxel_nm: (z, y, x), where the file says.
        was: how the file was read, in words.
    """

    names: tuple[str, ...]
    shape: tuple[int, int, int]
    sizes: tuple[tuple[int, int], ...]
    voxel_nm: VoxelSize | None
    was: str


def page() -> None:
    selection = current()
    notices.heading("Try it", selection, of="run")
    if selection.run is None:
        st.info("There is no run to try yet. The Overview says how to get one.", icon=":material/info:")
        return
    run = selection.run
    if run.info.members:
        _choose_a_network(run)
        return
    if run.info.outside is not None:
        st.info(
            f"**{words.plain(run.name)}** is what another program predicted; there is no network here that could look "
            "at another image. Choose a run that was trained here in the sidebar.",
            icon=":material/input:",
        )
        return
    synthetic = ", which was trained on **synthetic** images only," if run.info.synthetic else ""
    st.markdown(
        f"Drop an image or a stack; run **{words.plain(run.name)}**{synthetic} says for each pixel how probably it is "
        "cell interior. Without labels nothing can be measured: look with care, above all if your microscope, stain or "
        f"pixel size differ from those of {words.plain(run.info.dataset)}."
    )
    files = st.file_uploader(
        "Image, stack or volume, several images, or a zip of them",
        uploads.SUFFIXES,
        accept_multiple_files=True,
        key="try it files",
        on_change=_forget_other_files,
        help="More than 8 bits are stretched to 8. Colour becomes grey. At most 8192 × 8192 pixels a slice.",
    )
    st.caption(
        ":material/lock: Your files and what the model makes of them are deleted from the server when you close this "
        "page." + (" That is why this works in read-only mode, too." if read_only() else "")
    )
    inside, axes = _how_it_is_read(files)
    attempt: Attempt | None = st.session_state.get(_STATE)
    if attempt is not None and (attempt.run != (run.name, run.info.started) or _is_gone(attempt)):
        _forget()
        attempt = None
    if attempt is not None and attempt.work.state == "running":
        background.show(attempt.work, "try it")
    elif attempt is not None and attempt.work.state == "finished":
        _show(run, attempt, attempt.work.result)
    else:
        if attempt is not None:
            _why_not(attempt)
        if files and pressed("Run the model", key="try it run", type="primary", icon=":material/play_arrow:"):
            _start(run, files, inside, axes)
            st.rerun()


def _choose_a_network(run: Run) -> None:
    """Of the networks whose predictions a run averages, those that are here."""
    st.info(
        f"**{words.plain(run.name)}** averages what {len(run.info.members)} networks said of slices that they had not "
        "seen; it has none of its own that could look at another image. Choose one of them.",
        icon=":material/hub:",
    )
    here = [name for name in run.info.members if name in names_of_runs()]
    if not here:
        st.caption("None of them is on this machine.")
    for name in here:
        st.button(words.plain(name), key=f"try {name}", on_click=choose_run, args=(name,))


def _how_it_is_read(files: list[Any]) -> tuple[str, Axes]:
    """Where the stack is in a file that can hold several, and its axes; asked for of volumes alone."""
    if len(files) != 1 or not files[0].name.lower().endswith((*VOLUME_SUFFIXES, ".gz", *TIFF_SUFFIXES)):
        return "", "zyx"
    left, right = st.columns(2)
    inside, place = "", left
    if files[0].name.lower().endswith(tuple(HOLDS_SEVERAL)):
        inside = left.text_input(
            "Path of the images inside the file (if it holds several)", key="try it inside", placeholder="volumes/raw",
            on_change=_forget, help="What the file holds is listed when the model is run.",
        ).strip()  # fmt: skip
        place = right
    axes: Axes = place.selectbox(
        "Order of the axes", list(words.AXES), key="try it axes", format_func=words.AXES.__getitem__,
        on_change=_forget, help=words.HELP["axes"],
    )  # fmt: skip
    return inside, axes


def _is_gone(attempt: Attempt) -> bool:
    """Whether its visit ended, and the visitor came back before the session did."""
    shown: Uploaded | None = st.session_state.get(_SHOWN, {}).get(attempt.folder)
    return not attempt.folder.is_dir() or (shown is not None and shown.forgotten)


def _why_not(attempt: Attempt) -> None:
    problem = background.mistake(attempt.work)
    if problem:
        st.error(words.message(problem), icon=":material/error:")
    else:
        st.info("Cancelled. Nothing was kept.", icon=":material/info:")


def _start(run: Run, files: list[Any], inside: str, axes: Axes) -> None:
    _forget()
    visit = scratch.visit()
    folder = visit.folder()
    work = visit.ends(Work(partial(_predict, run.name, files, folder, inside, axes)))
    st.session_state[_STATE] = Attempt(run=(run.name, run.info.started), files=_ids(files), folder=folder, work=work)


def _ids(files: list[Any]) -> tuple[str, ...]:
    return tuple(file.file_id for file in files)


def _forget_other_files() -> None:
    """Ends what is done with files that are no longer those of the uploader, which tells of the same files twice."""
    attempt: Attempt | None = st.session_state.get(_STATE)
    if attempt is not None and attempt.files != _ids(st.session_state["try it files"]):
        _forget()


def _forget() -> None:
    attempt: Attempt | None = st.session_state.pop(_STATE, None)
    if attempt is not None:
        attempt.work.cancel()
        shown: Uploaded | None = st.session_state.get(_SHOWN, {}).pop(attempt.folder, None)
        if shown is not None:
            shown.forget()
        scratch.visit().drop(attempt.folder)


def _predict(run: str, files: list[Any], folder: Path, inside: str, axes: Axes, progress: Progress) -> Tried:
    """Predicts slice by slice. What was uploaded is not needed on disk any longer then."""
    uploaded = folder / "uploaded"
    with uploads.stack_in(uploads.copy(files, uploaded, progress), uploaded, inside, axes, progress) as stack:
        progress.at("reading the range of grey values")
        low, high = intensity_range(stack)
        shape = (len(stack), stack.height, stack.width)
        voxel = stack.voxel_size_nm
        with (
            _writer(folder / "images.tif", shape, voxel) as images,
            _writer(folder / "probability.tif", shape, voxel) as probabilities,
        ):
            for z in range(len(stack)):
                step = "predicting slices" if len(stack) > 1 else "predicting"

                def look(step: str = step, z: int = z) -> None:
                    progress.at(step, z, len(stack) if len(stack) > 1 else None)

                look()
                page = to_uint8(stack.read(z), low, high)
                images.write(page)
                probabilities.write(worker.call(worker.predict, run, without_padding(page), check=look))
        was = f"{stack.dtype}, {low:.6g} shown as black and {high:.6g} as white" if stack.dtype != np.uint8 else ""
        done = Tried(names=tuple(stack.names), shape=shape, sizes=stack.sizes, voxel_nm=voxel, was=was)
    shutil.rmtree(uploaded, ignore_errors=True)
    return done


def _writer(path: Path, shape: tuple[int, int, int], voxel_nm: VoxelSize | None) -> StackWriter:
    slices, height, width = shape
    return StackWriter(path, height=height, width=width, slices=slices, voxel_size_nm=voxel_nm)


def _show(run: Run, attempt: Attempt, done: Tried) -> None:
    folder, slices = attempt.folder, done.shape[0]
    point = run.info.operating_points.segments if run.info.operating_points else None
    points = _named_thresholds(run)
    shown: dict[str, Any] = st.session_state.setdefault(
        f"try it shown {attempt.folder}", {"z": 0, "threshold": next(iter(points.values()), 0.5)}
    )
    z = shown["z"]
    height, width = done.sizes[z]
    image, probability = (
        np.array(map_stack(folder / file, *done.shape)[z, :height, :width])
        for file in ("images.tif", "probability.tif")
    )
    interior = predicted_interior(probability, shown["threshold"])
    called = int(interior.sum())
    share = (
        f"{words.percent(100 * called / interior.size)} ({words.count(called)} of {words.count(interior.size)} pixels)"
    )
    st.markdown(
        f"**{words.plain(done.names[z])}** ({z + 1} of {slices}), {height} × {width} pixels: {share} called interior "
        f"at threshold {shown['threshold']:.3f}" + (f" · read from {words.plain(done.was)}" if done.was else "")
    )
    changed = viewer(
        key="try it viewer",
        dataset=_uploaded(attempt, done, point),
        slices=[SliceRow(index=at, name=name) for at, name in enumerate(done.names)],
        z=z,
        threshold=shown["threshold"],
        voxel_nm=done.voxel_nm[2] if done.voxel_nm else None,
        mode="panes",
        points=points,
        theme=st.context.theme.type,
    )
    news = {"z": changed.slice, "threshold": changed.threshold}
    if any(value not in (None, shown[name]) for name, value in news.items()):
        shown.update({name: value for name, value in news.items() if value is not None})
        st.rerun()
    _files(run, folder, done, z, shown["threshold"], point, image, probability)


def _uploaded(attempt: Attempt, done: Tried, point: SegmentPoint | None) -> str:
    """The name of the stack for the viewer, as long as the visit lasts."""
    named: dict[Path, Uploaded] = st.session_state.setdefault(_SHOWN, {})
    if attempt.folder not in named:
        # Where smaller slices were padded, segments would be made of what is no slice.
        whole = len({*done.sizes}) == 1
        named[attempt.folder] = show_uploaded(attempt.folder, done.shape, point if whole else None)
        scratch.visit().at_last(named[attempt.folder].forget)
    return named[attempt.folder].name


def _named_thresholds(run: Run) -> dict[str, float]:
    points = run.info.operating_points
    return {"pixel": round(points.pixel, 3), "topology": round(points.topology, 3)} if points else {}


def _files(
    run: Run, folder: Path, done: Tried, z: int, threshold: float, point: SegmentPoint | None,
    image: NDArray[np.uint8], probability: NDArray[np.uint8],
) -> None:  # fmt: skip
    """What can be taken away: pictures of the slice shown, and files of all slices."""
    mask = mask_picture(predicted_interior(probability, threshold))
    pictures: dict[str, Callable[[], NDArray[np.uint8]]] = {
        "Image": lambda: image,
        "Probability": lambda: probability,
        "Mask": lambda: mask,
        "Overlay": lambda: membrane_overlay(image, mask, predicted=True),
    }
    if point is not None:
        pictures["Segments"] = lambda: segments_picture(image, _segments(probability, point))
    with st.container(horizontal=True):
        for title, make in pictures.items():
            st.download_button(
                f"{title} (PNG)", partial(_as_png, make), f"{run.name}-{z:03d}-{title.lower()}.png", "image/png",
                icon=":material/download:", on_click="ignore", key=f"try it {title}",
            )  # fmt: skip
    with st.container(horizontal=True):
        made: list[tuple[str, str, Callable[[], bytes]]] = [
            ("All probabilities (TIFF)", "probability.tif", partial(_probabilities, folder)),
            ("All masks (TIFF)", "mask.tif", partial(_masks, folder, done, threshold)),
        ]
        if point is not None:
            made += [
                ("All segments (TIFF)", "segments.tif", partial(_all_segments, folder, done, point)),
                ("Table of segments (CSV)", "segments.csv", partial(_table_of_segments, folder, done, point)),
            ]
        for title, name, make_file in made:
            kind = "text/csv" if name.endswith("csv") else "image/tiff"
            st.download_button(
                title, make_file, f"{run.name}-{name}", kind, icon=":material/download:", on_click="ignore"
            )  # fmt: skip
    st.caption(
        "White is interior, black is membrane; grey in the probability is in between (255 times the probability, "
        "rounded). Pictures have the size of the slice, TIFFs hold all slices"
        + (", the smaller ones padded below and to the right." if len({*done.sizes}) > 1 else ".")
    )


def _as_png(make: Callable[[], NDArray[np.uint8]]) -> bytes:
    return picture_file(make(), "png")


def _segments(probability: NDArray[np.uint8], point: SegmentPoint) -> NDArray[np.int32]:
    return segments_of(probability, point.smoothing_px, point.bias, point.smallest_px)


def _each(folder: Path, done: Tried, point: SegmentPoint) -> Iterator[NDArray[np.int32]]:
    """The segments of each slice, as large as the slice was."""
    for page, (height, width) in zip(map_stack(folder / "probability.tif", *done.shape), done.sizes, strict=True):
        yield _segments(np.array(page[:height, :width]), point)


def _all_segments(folder: Path, done: Tried, point: SegmentPoint) -> bytes:
    place = scratch.new_folder()
    slices, height, width = done.shape
    try:
        with StackWriter(
            place / "segments.tif", height=height, width=width, slices=slices, voxel_size_nm=done.voxel_nm,
            compression="zlib", dtype=np.uint32,
        ) as writer:  # fmt: skip
            for one in _each(folder, done, point):
                missing = ((0, height - one.shape[0]), (0, width - one.shape[1]))
                writer.write(np.pad(one, missing).astype(np.uint32))
        return (place / "segments.tif").read_bytes()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _table_of_segments(folder: Path, done: Tried, point: SegmentPoint) -> bytes:
    rows = [row for z, one in enumerate(_each(folder, done, point)) for row in segment_rows(one, z, done.voxel_nm)]
    return pd.DataFrame(rows).to_csv(index=False).encode()


def _probabilities(folder: Path) -> bytes:
    return (folder / "probability.tif").read_bytes()


def _masks(folder: Path, done: Tried, threshold: float) -> bytes:
    place = scratch.new_folder()
    try:
        with _writer(place / "mask.tif", done.shape, done.voxel_nm) as masks:
            for page in map_stack(folder / "probability.tif", *done.shape):
                masks.write(mask_picture(predicted_interior(page, threshold)))
        return (place / "mask.tif").read_bytes()
    finally:
        shutil.rmtree(place, ignore_errors=True)


page()
