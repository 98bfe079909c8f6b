"""What stands wherever a number leaks, flatters or comes from invented images, and in place of what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.errors import FragmentHandledException

from dashboard import words
from dashboard.state import Result, Selection, dataset_info, evaluated_parts, is_measurable, leak_audit, load_result
from segcore.errors import SegcoreError
from segcore.evaluation import collapse
from segcore.runs import Run, slice_ranges

_LOG = logging.getLogger(__name__)


@contextmanager
def guarded() -> Iterator[None]:
    """Whatever is raised inside becomes one line on the page; a bug's full report goes to the server's log.

    Streamlit ends and repeats scripts by exceptions of its own, which are no `Exception`s and pass.
    """
    try:
        yield
    except SegcoreError as error:
        st.error(words.message(error), icon=":material/error:")
    except FileNotFoundError as error:
        name = words.plain(Path(str(error.filename)).name) if error.filename else "A file"
        st.error(f"{name} went away while this page was being drawn. Reload the page.", icon=":material/error:")
    except FragmentHandledException:
        raise
    except Exception as error:
        now = datetime.now(UTC).strftime("%H:%M:%S UTC")
        kind = type(error).__name__
        _LOG.exception("%s: %s while a page was being drawn", now, kind)
        st.error(
            f"**This page stopped at a bug in the app ({kind}).** It is not your doing, and nothing was changed. The "
            f"full report, of {now}, is in the server's log: the terminal that the app was started from. The other "
            "pages still work.",
            icon=":material/bug_report:",
        )


def heading(text: str, selection: Selection, mark: str = "", *, of: Literal["both", "run", "dataset"] = "both") -> None:
    """The heading of a page, and beside it which run and dataset it is about."""
    names = {"run": selection.run.name if selection.run else None, "dataset": selection.dataset_name}
    about = " · ".join(words.plain(name) for kind, name in names.items() if name and of in ("both", kind))
    st.title(" ".join(part for part in (text, mark, f":small[:gray[{about}]]" if about else "") if part))


def about_result(result: Result) -> None:
    """What has to be known of an evaluation: that the model collapsed, a leak, and whether its images are invented."""
    facts = result.facts
    if said := collapsed(result):
        st.error(
            f"**The model collapsed.** {said} Other figures mean little then. {_how_it_learned(result.run)}".strip(),
            icon=":material/error:",
        )
    if not _changed_since(result):
        _other_labels(result)
    if result.leaks:
        seen = facts.get("trained_on") or []
        st.error(
            f"**These figures leak.** {_slices(len(seen))} of the {result.called} slices shown here (or "
            f"turned copies) were trained on: {slice_ranges(seen)}. The figures say nothing about new images. "
            f"{_unseen(result)}",
            icon=":material/warning:",
        )
    elif result.run.info.members:
        averaged(result.run)
    elif result.run.info.outside is not None:
        outside(result.run)
    elif facts.get("chosen_on"):
        st.warning(
            f"**These figures flatter.** {_what_was_chosen(result.run)} chosen on {_slices(len(facts['chosen_on']))} "
            "shown here. The model did not learn from them.",
            icon=":material/info:",
        )
    if facts.get("gap_px") is not None and not result.leaks:
        st.info(
            f"What is judged are other rows of the very slices that were trained on, {facts['gap_px']} rows away. "
            "Another slice may be segmented worse.",
            icon=":material/info:",
        )
    if facts.get("synthetic"):
        synthetic()


def _how_it_learned(run: Run) -> str:
    """Where to look for the reason, from the losses; empty where they are not known."""
    with suppress(SegcoreError):
        if records := run.history():
            own, unseen = (
                words.decimal(losses[0]) + (f" to {words.decimal(losses[-1])}" if len(losses) > 1 else "")
                for losses in ([one.train_loss for one in records], [one.validation_loss for one in records])
            )
            return (
                f"Losses in {words.counted(len(records), 'epoch', 'epochs')}: training {own}, validation {unseen} "
                "(curves on the Training page). If they hardly fell, train for more epochs or with another learning "
                "rate; if they fell, look on the Data page at whether images and labels belong together."
            )
    return ""


def _changed_since(result: Result) -> bool:
    """Says of a dataset that it was changed after it was measured, as a corrected copy is with every correction."""
    measured, info = result.facts.get("dataset_fingerprint"), dataset_info(result.dataset)
    if info is None or measured in (None, info.fingerprint):
        return False
    name = words.plain(result.dataset)
    again = (
        f"`python -m segcore evaluate {result.run.name} --dataset {result.dataset} --slices {result.part}` measures "
        "again."
        if is_measurable(result.run, result.dataset)
        else "It cannot be measured again: the run has no network, and what it predicted may be of other images."
    )
    st.warning(
        f"**These figures are older than the labels.** {name} has other labels, or other images, than when this was "
        f"measured; pictures show those of now. {again}",
        icon=":material/history:",
    )
    return True


def _other_labels(result: Result) -> None:
    """That the slices are those of the run's own stack, and their labels are not."""
    run = result.run
    # Only what is the run's own stack, whatever its labels, has its parts.
    if result.part == "all" or result.facts.get("dataset_fingerprint") in (None, run.info.dataset_fingerprint):
        return
    if result.dataset == run.info.dataset:
        st.info(
            f"**Other labels.** The labels of {words.plain(result.dataset)} are others than when the run was trained "
            "on them.",
            icon=":material/label:",
        )
    else:
        st.info(
            f"**Other labels.** These are slices of {words.plain(run.info.dataset)}, which the run was trained on, "
            f"measured against the labels of {words.plain(result.dataset)}. Where figures differ from those of "
            f"{words.plain(run.info.dataset)}, it is the labels that differ.",
            icon=":material/label:",
        )


def collapsed(result: Result) -> str:
    """That nearly all was called one class, at the threshold the run chose for the fewest wrong pixels or its only one.

    Nothing where it was not.
    """
    points = result.summary["operating_points"]
    point = points.get("pixel") or next(iter(points.values()))
    said = collapse(point["pooled"]["confusion"])
    return said and f"At threshold {point['threshold']:.3f} {said}."


def _unseen(result: Result) -> str:
    """What the same model does on slices that it never saw, where that was measured."""
    for dataset, part in evaluated_parts(result.run):
        with suppress(SegcoreError):
            other = load_result(result.run, dataset, part)
            if not other.leaks and not other.facts.get("chosen_on"):
                pooled = other.summary["operating_points"][next(iter(other.points))]["pooled"]
                return (
                    f"On {_slices(len(other.evaluation.slices))} of {words.plain(dataset)} that it never saw, the same "
                    f"model has **{words.percent(pooled['wrong_percent'])}** wrong pixels."
                )
    return "The same model was not measured on slices that it never saw."


def about_run(run: Run) -> None:
    """The same for a run as a whole: whether slices that it is judged by, the curves included, had been seen."""
    audit = leak_audit(run)
    if audit.leaks:
        parts = [part for part in ("validation", "test") if {*audit.trained_on} & {*getattr(run.split, part)}]
        said = [f"**The {' and '.join(parts)} figures leak.**"]
        for seen, whence in (
            (audit.trained_here, "this run learned from, as they are or as copies"),
            (audit.trained_before, "the weights it began with had learned from"),
        ):
            if seen:
                said.append(f"It is judged by {_slices(len(seen))} ({slice_ranges(seen)}) that {whence}.")
        if "validation" in parts:
            said.append("Validation looks better than it is, and chose the epoch and the thresholds.")
        st.error(" ".join(said), icon=":material/warning:")
    if run.info.members:
        averaged(run)
    elif run.info.outside is not None:
        outside(run)
    elif audit.chosen_on:
        st.warning(
            f"**Test figures flatter.** {_what_was_chosen(run)} chosen on {_slices(len(audit.chosen_on))} "
            f"({slice_ranges(audit.chosen_on)}) that are test slices.",
            icon=":material/info:",
        )
    facts = dataset_info(run.info.dataset)
    if facts is not None and run.split.validation and {*run.split.validation} <= {*facts.one_class_slices}:
        st.warning(
            "**The thresholds mean little.** The validation slices that they were chosen on hold one class only.",
            icon=":material/warning:",
        )
    if run.info.synthetic:
        synthetic()


def averaged(run: Run) -> None:
    """Whose predictions these are, and what the networks had seen."""
    chosen_on, points = leak_audit(run).chosen_on, run.info.operating_points
    said = (
        f"**Every slice was predicted by networks that were not trained on it**, of {len(run.info.members)} runs of a "
        "cross-validation."
    )
    if chosen_on:
        # Where slices have segments of their own, these were chosen on others.
        common = "the thresholds" + (" and the bias of segments" if points is not None and points.segments else "")
        said += (
            f" {_slices(len(chosen_on))} shown here ({slice_ranges(chosen_on)}) also helped to choose {common}, which "
            "lie between those of the networks; that flatters a little."
        )
    st.info(said, icon=":material/hub:")


def outside(run: Run) -> None:
    """What is known of a prediction that another program made, and what is not."""
    about = run.info.outside
    if about is None:
        return
    said = f"What another program predicted, from {words.plain(about.source)}: {words.plain(about.read_as)}."
    if about.kind == "segments":
        said += " So its figures of pixels say little; those of neurites are of the segments as they were numbered."
    if about.trained_on_known:
        st.info(said, icon=":material/input:")
    else:
        st.warning(
            f"{said} **Nobody said which slices its method was trained on**, so these figures may be of slices that it "
            "learned from.",
            icon=":material/input:",
        )


def _what_was_chosen(run: Run) -> str:
    if run.inherited.validated:
        return "The epoch and the thresholds of this run, or of one whose weights it began with, were"
    return "The epoch and the thresholds were"


def synthetic() -> None:
    """Says that images are invented."""
    st.info(words.SYNTHETIC, icon=":material/science:")


def mark(result: Result) -> str:
    """A mark to put after a title."""
    marks = []
    if result.leaks:
        marks.append(":red-badge[:material/warning: leaks]")
    elif result.run.info.outside is not None and not result.run.info.outside.trained_on_known:
        marks.append(":orange-badge[training unknown]")
    elif result.facts.get("chosen_on") and not result.run.info.members:
        marks.append(":orange-badge[flatters]")
    if result.facts.get("synthetic"):
        marks.append(":violet-badge[synthetic]")
    return " ".join(marks)


def _slices(number: int) -> str:
    return words.counted(number, "slice", "slices")
