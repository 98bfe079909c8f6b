"""Places where networks that never saw a slice are sure that its label is wrong, to be reviewed."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.state import Result, counted_label, load_dataset, load_probability, load_segments, stamp
from dashboard.views.reviewing.items import Item, at_spot
from dashboard.views.reviewing.verdicts import SUSPECT
from segcore.measures import Suspect, find_suspects
from segcore.stacks import Truth, stored_page


def why_no_suspects(result: Result) -> str:
    """What keeps these predictions from telling anything of the labels; empty where nothing does."""
    outside = result.run.info.outside
    if result.leaks or result.part not in ("test", "all"):
        return "These slices were learned from, labels and all, so what is predicted there says nothing of the labels."
    if outside is not None and not outside.trained_on_known:
        return "Nobody said which slices these predictions were trained on, so they may have learned the labels."
    if not result.evaluation.segments:
        return "This evaluation has no segments. Evaluate again."
    return ""


def suspect_items(result: Result, z: int | None, least_px: int) -> list[Item]:
    """Those of all evaluated slices, or of one, of so many pixels at least; those on which most hangs first."""
    threshold = result.points.get("pixel", next(iter(result.points.values())))
    folder, key = str(result.folder.absolute()), (stamp(result.folder), stamp(load_dataset(result.dataset).folder))
    found: list[Suspect] = []
    with st.spinner("Comparing labels and predictions …"):
        for index in result.evaluation.slices if z is None else (z,):
            found += _suspects(folder, key, index, threshold, result)
    found = sorted((one for one in found if one.pixels >= least_px), key=lambda one: -one.gain)
    return [_item(one, number) for number, one in enumerate(found, start=1)]


@st.cache_resource(max_entries=2000, show_spinner=False)
def _suspects(folder: str, key: object, z: int, threshold: float, _result: Result) -> list[Suspect]:
    numbers = load_dataset(_result.dataset).numbers
    truth = Truth.of(counted_label(_result, z), None if numbers is None else stored_page(numbers, z))
    return find_suspects(
        truth.interior, load_probability(_result, z), load_segments(_result, z), truth.counted, truth.numbers,
        threshold=threshold, slice_index=z,
    )  # fmt: skip


def _item(one: Suspect, number: int) -> Item:
    labelled, predicted = ("membrane", "interior") if one.labelled_membrane else ("interior", "membrane")
    gain = f"{100 * one.pixels_gain:.2f} % more pixels of the slice would be right"
    if one.v_rand_gain > 0:
        gain = f"V_Rand of the slice would rise by {one.v_rand_gain:.4f}, and {gain}"
    return Item(
        id=f"suspect-{labelled}-{one.slice}-{one.y}-{one.x}",
        # The kind that errors of this sort have: labelled membrane that is predicted interior would be a merge.
        kind="merge" if one.labelled_membrane else "split",
        title=f"{labelled}?",
        said=f"Slice {one.slice}: {words.count(one.pixels)} pixels at x {one.x}, y {one.y} are labelled {labelled}, "
        f"and no {'membrane' if one.labelled_membrane else 'label of membrane'} is near; the prediction is sure that "
        f"they are {predicted}. If the label were changed to that, {gain}.",
        harm=one.gain,
        size_px=one.pixels,
        **at_spot(one, SUSPECT, number=number, text=f"labelled {labelled}?"),
    )
