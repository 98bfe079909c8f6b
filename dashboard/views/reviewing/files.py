"""A slice as a file."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.figures import error_overlay, notebook_pictures, picture_file, segments_picture, side_by_side
from dashboard.state import Result, Selection, counted_label, load_dataset, load_probability, load_segments


def files_section(selection: Selection, result: Result) -> None:
    """Buttons for pictures and numbers of the slice that is chosen."""
    if selection.dataset is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Slice {selection.z} as a file, pixel for pixel:", width="content")
        kind = st.segmented_control(
            "Format", ["png", "tiff"], default="png", required=True, format_func=str.upper, key="errors format",
            label_visibility="collapsed",
        )  # fmt: skip
        for what, label in (
            ("errors", "Errors"),
            ("prediction", "Prediction"),
            ("probability", "Probability"),
            ("notebook", "Notebook view"),
            *([("segments", "Segments")] if result.evaluation.segments else []),
        ):
            stem = f"{result.run.name}-{result.dataset}-{selection.z:03d}-{what}"
            if what not in ("probability", "segments"):
                stem += f"-{selection.threshold:.3f}"
            st.download_button(
                label,
                partial(_picture, what, kind or "png", selection, result),
                f"{stem}.{'tif' if kind == 'tiff' else 'png'}",
                f"image/{kind}",
                key=f"download {what}",
                icon=":material/download:",
                on_click="ignore",
                help=_FILES[what],
            )


_FILES = {
    "errors": "The image with its wrong pixels in colour, at the threshold and tolerance above.",
    "prediction": "Interior white, membrane black, at the threshold above.",
    "probability": "Probability of interior, 0 black to 255 white.",
    "notebook": "Predicted, expected, and the prediction with every wrong pixel in red, side by side.",
    "segments": "The image with each segment in a colour; their numbers are in segments.tif of the evaluation.",
}


def _picture(what: str, kind: str, selection: Selection, result: Result) -> bytes:
    z, threshold = selection.z, selection.threshold
    probability = load_probability(result, z)
    if what == "probability":
        return picture_file(probability, kind)
    stack = load_dataset(result.dataset)
    if what == "segments":
        return picture_file(segments_picture(stack.image(z), load_segments(result, z)), kind)
    label = counted_label(result, z)
    predicted, expected, wrong = notebook_pictures(label, probability, threshold)
    if what == "prediction":
        return picture_file(predicted, kind)
    if what == "notebook":
        return picture_file(side_by_side(predicted, expected, wrong), kind)
    shown = error_overlay(stack.image(z), label, probability, threshold, selection.tolerance)
    return picture_file(shown, kind)
