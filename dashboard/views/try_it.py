"""Any image or stack through the chosen model: probability, mask and overlay. Nothing stays on the server."""

from __future__ import annotations

import hashlib
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard import pictures, uploads, words, worker
from dashboard.selection import current
from segcore.errors import SegcoreError
from segcore.evidence import predicted_interior
from segcore.runs import Run
from segcore.volume import StackWriter, intensity_range, map_stack, open_stack, to_uint8

_STATE = "try it: result"


def page() -> None:
    selection = current()
    st.title("Try it")
    if selection.run is None:
        st.info("There is no run to try yet. The Overview says how to get one.", icon=":material/info:")
        return
    run = selection.run
    synthetic = ", which was trained on **synthetic** images only" if run.info.synthetic else ""
    st.markdown(
        f"Drop an image or a stack; run **{words.plain(run.name)}**{synthetic} says for each pixel how probably it is "
        "cell interior. Without labels nothing can be measured: look with care, above all if your microscope, stain or "
        f"pixel size differ from those of {words.plain(run.info.dataset)}."
    )
    files = st.file_uploader(
        "Image, multi-page TIFF, or several images of one size",
        list(uploads.SUFFIXES),
        accept_multiple_files=True,
        key="try it files",
        help="More than 8 bits are stretched to 8. Colour becomes grey.",
    )
    threshold = st.slider(
        "Threshold", 0.0, 1.0, _usual(run), 0.001, format="%.3f", key=f"try it threshold {run.name}",
        help=words.HELP["threshold"],
    )  # fmt: skip
    if not files:
        st.session_state.pop(_STATE, None)
        st.caption("Files are deleted from the server when they have been read, results when you close the page.")
        return
    fingerprint = _fingerprint(run, files)
    done = st.session_state.get(_STATE)
    if done is None or done["fingerprint"] != fingerprint:
        if not st.button("Run the model", type="primary", icon=":material/play_arrow:"):
            return
        try:
            done = _predict(run, files) | {"fingerprint": fingerprint}
        except SegcoreError as error:
            st.error(words.message(error), icon=":material/error:")
            return
        st.session_state[_STATE] = done
        st.rerun()
    _show(run, done, threshold)


def _usual(run: Run) -> float:
    return round(run.info.operating_points.pixel, 3) if run.info.operating_points else 0.5


def _fingerprint(run: Run, files: list[Any]) -> str:
    running = hashlib.sha256(f"{run.name} {run.info.started}".encode())
    for file in files:
        running.update(f"{file.file_id} {file.name} {file.size}".encode())
    return running.hexdigest()


def _predict(run: Run, files: list[Any]) -> dict[str, Any]:
    """Predicts slice by slice into a folder that goes with the session."""
    kept = tempfile.TemporaryDirectory(prefix="segcore-")
    folder = Path(kept.name)
    bar = st.progress(0.0, "Reading …")
    with uploads.on_disk(files) as path, open_stack(path) as stack:
        low, high = intensity_range(stack)
        sizes = {"height": stack.height, "width": stack.width, "slices": len(stack)}
        voxel = stack.voxel_size_nm
        with (
            StackWriter(folder / "images.tif", **sizes, voxel_size_nm=voxel) as images,
            StackWriter(folder / "probability.tif", **sizes, voxel_size_nm=voxel) as probabilities,
        ):
            for z in range(len(stack)):
                bar.progress(z / len(stack), f"Slice {z + 1} of {len(stack)} …")
                page = to_uint8(stack.read(z), low, high)
                images.write(page)
                probabilities.write(worker.call(worker.predict, run.name, page))
        names = stack.names
    bar.empty()
    return {"folder": kept, "names": tuple(names), "voxel": voxel, **sizes}


def _show(run: Run, done: dict[str, Any], threshold: float) -> None:
    folder = Path(done["folder"].name)
    shape = (done["slices"], done["height"], done["width"])
    z = 0
    if done["slices"] > 1:
        z = st.slider("Slice of the upload", 0, done["slices"] - 1, 0, key="try it slice")
    image = np.array(map_stack(folder / "images.tif", *shape)[z])
    probability = np.array(map_stack(folder / "probability.tif", *shape)[z])
    interior = predicted_interior(probability, threshold)
    st.markdown(
        f"**{words.plain(done['names'][z])}**, {done['height']} × {done['width']} pixels: "
        f"{words.percent(100 * float(interior.mean()))} called interior at threshold {threshold:.3f}"
    )
    overlay = pictures.membrane_over(image, interior)
    shown = {"Image": image, "Probability": probability, "Mask": pictures.mask(interior), "Overlay": overlay}
    for column, (title, picture) in zip(st.columns(4), shown.items(), strict=True):
        with column:
            st.image(pictures.small(picture, 700), width="stretch", caption=_CAPTIONS[title], alt=title)
            st.download_button(
                f"{title} (PNG)", partial(pictures.encoded, picture, "png"), f"{run.name}-{z:03d}-{title.lower()}.png",
                "image/png", icon=":material/download:", on_click="ignore", width="stretch", key=f"try it {title}",
            )  # fmt: skip
    with st.container(horizontal=True):
        st.download_button(
            "All probabilities (TIFF)", partial(_probabilities, folder), f"{run.name}-probability.tif", "image/tiff",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "All masks (TIFF)", partial(_masks, folder, shape, done["voxel"], threshold), f"{run.name}-mask.tif",
            "image/tiff", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


_CAPTIONS = {
    "Image": "Image, 8 bits",
    "Probability": "Probability of interior: white is 1, black is 0",
    "Mask": "Mask: interior white, membrane black",
    "Overlay": "Predicted membrane in orange over the image",
}


def _probabilities(folder: Path) -> bytes:
    return (folder / "probability.tif").read_bytes()


def _masks(folder: Path, shape: tuple[int, int, int], voxel: Any, threshold: float) -> bytes:
    slices, height, width = shape
    path = folder / "mask.tif"
    found = map_stack(folder / "probability.tif", *shape)
    with StackWriter(path, height=height, width=width, slices=slices, voxel_size_nm=voxel) as masks:
        for page in found:
            masks.write(pictures.mask(predicted_interior(page, threshold)))
    return path.read_bytes()


page()
