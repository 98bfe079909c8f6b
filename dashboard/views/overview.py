"""What this run is, its headline numbers with what they mean, and where to go next."""

from __future__ import annotations

import math
import re
import threading

import numpy as np
import streamlit as st

from dashboard import notices, words
from dashboard.clicks import pressed
from dashboard.figures import confusion_tables, error_legend, picture_cards, small_picture
from dashboard.state import (
    MeasuresAt,
    Result,
    broken_datasets,
    broken_runs,
    choose,
    current,
    dataset_info,
    error_picture,
    leak_audit,
    measures_at,
    names_of_datasets,
    view,
)
from dashboard.trainings import go_on_button, offer_evaluation
from dashboard.views.baselines import baselines_section
from dashboard.views.cross_validation import cross_validation_section
from dashboard.views.leak_shown import leak_section
from dashboard.views.report_button import report_section
from dashboard.views.reviewing import event_pictured
from segcore.data import fetch
from segcore.errors import SegcoreError
from segcore.evaluation import events_by_harm, harm_by_slice, harm_is_known, harm_of_first, verdict
from segcore.progress import duration
from segcore.runs import Run, row_range, slice_ranges
from segcore.storage import read_only

# What Markdown would fetch from another server, if somebody wrote it into a card.
_PICTURE = re.compile(r"!(\[)")
_ON_CARD = 5


@st.cache_resource(show_spinner=False)
def _one_at_a_time() -> threading.Lock:
    return threading.Lock()


def page() -> None:
    selection = current()
    if selection.run is None:
        _first_steps()
    else:
        _title(selection.run)
        if selection.result is None:
            _about(selection.run)
        else:
            _verdict(selection.result)
            left, right = st.columns([7, 5], gap="medium")
            with left:
                baselines_section(selection.result)
            with right:
                _about(selection.run)
        if selection.result is not None:
            if not selection.result.leaks and leak_audit(selection.run).leaks:
                notices.about_run(selection.run)
            _results(selection.result, selection.threshold, selection.tolerance)
            leak_section(selection.run)
            cross_validation_section(selection.run)
        elif selection.run.info.dataset:
            notices.about_run(selection.run)
            _not_evaluated(selection.run, selection.dataset_name or selection.run.info.dataset)
        _next()
    _problems()
    _make_sample()


def _title(run: Run) -> None:
    mark = ""
    if leak_audit(run).leaks:
        mark += " :red-badge[:material/warning: leaks]"
    if run.info.synthetic:
        mark += " :violet-badge[synthetic]"
    st.title(f"{words.plain(run.name)}{mark}")


def _verdict(result: Result) -> None:
    """Whether it is good enough, where it fails and at which setting, and what anybody gets without a network."""
    notices.about_result(result)
    if notices.collapsed(result):
        return
    validation = result.run.info.best_dice if result.dataset == result.run.info.dataset else math.nan
    first, *others = verdict(
        result.evaluation,
        which=result.called,
        validation_dice=validation if result.part == "test" and validation else math.nan,
    )
    with st.container(key="verdict"):
        st.markdown(f"**{words.plain(first)}**", help=words.HELP["v_rand"])
        st.markdown(words.plain(" ".join(others)))


def _about(run: Run) -> None:
    info = run.info
    state = {
        "finished": f"trained {words.when(info.ended)}",
        "training": "training now",
        "interrupted": "interrupted, can be resumed",
        "failed": f"failed: {words.plain(info.message)}",
    }[run.state]
    facts = dataset_info(info.dataset)
    about = words.plain(facts.title if facts else info.dataset)
    if info.outside is not None:
        st.markdown(
            f"What another program predicted for **{about}**"
            + (f", {words.shape(facts)}" if facts else " (not installed here)")
            + f" · read {words.when(info.ended)}"
        )
        _slices_of(run)
        return
    if info.members:
        what = (
            f"The predictions of **{len(info.members)}** U-Nets of **{words.count(info.parameters)}** parameters each, "
            f"one mean a slice · {state} · {duration(info.train_seconds)} together"
        )
    else:
        what = (
            f"A U-Net that tells cell interior from membrane, **{words.count(info.parameters)}** parameters · "
            f"{state} · **{info.epochs}** epochs in {duration(info.train_seconds)}"
        )
    st.markdown(
        f"{what} on {words.plain(info.device)} · preset {words.plain(run.config.preset)} · on **{about}**"
        + (f", {words.shape(facts)}" if facts else " (not installed here)")
    )
    _slices_of(run)


def _slices_of(run: Run) -> None:
    st.markdown(
        " · ".join(
            f"{title} slice{'s' if len(indices) > 1 else ''} {slice_ranges(indices)}"
            + (f" ({len(indices)})" if len(indices) > 1 else "")
            + (f", {rows}" if (rows := row_range(of)) else "")
            for title, indices, of in (
                ("**Training**", run.split.train, run.split.rows("train")),
                ("**Validation**", run.split.validation, run.split.rows("validation")),
                ("**Left out**", run.split.gap, None),
                ("**Test**", run.split.test, run.split.rows("test")),
            )
            if indices
        )
    )


def _counted_by(result: Result) -> str:
    return " (connected pieces of one number in a slice)" if result.facts.get("numbered") else ""


def _results(result: Result, threshold: float, tolerance: int) -> None:
    found = measures_at(result, threshold, tolerance)
    pooled, matrix = found.pooled, found.matrix
    percent = matrix.percent()
    number = len(result.evaluation.slices)
    forgiven = f", {words.forgiven(tolerance)}" if tolerance else ""
    st.subheader(
        f"{'One of the' if number == 1 else number} {result.called} slices of "
        f"{words.plain(result.dataset)}, threshold {threshold:.3f}{forgiven} {notices.mark(result)}"
    )
    for column, (label, term, value, below) in zip(
        st.container(key="two tiles").columns(5),
        (
            (
                "Wrong pixels",
                "wrong",
                words.percent(pooled["wrong_percent"]),
                f"{words.count(pooled['wrong_pixels'])} of {words.count(pooled['pixels'])}",
            ),
            (
                "Missed membrane",
                "missed",
                words.percent(float(percent[0, 1])),
                f"{words.count(int(matrix.missed_membrane))} pixels; risks merging neurites",
            ),
            (
                "False membrane",
                "false",
                words.percent(float(percent[1, 0])),
                f"{words.count(int(matrix.false_membrane))} pixels; risks splitting neurites",
            ),
            (
                "Dice of interior",
                "dice",
                words.decimal(pooled["dice_interior"]),
                f"interior is {words.percent(float(percent[1].sum()), 1)} of the labels",
            ),
            (
                "Dice of membrane",
                "dice",
                words.decimal(pooled["dice_membrane"]),
                f"membrane is {words.percent(float(percent[0].sum()), 1)} of the labels",
            ),
        ),
        strict=True,
    ):
        with column.container(border=True, height="stretch", gap="xxsmall"):
            st.metric(label, value, help=words.HELP[term])
            st.caption(below)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _worst_and_best(result, found, threshold, tolerance)
    with right:
        confusion_tables({"Confusion matrix, percent of all labelled pixels": matrix.percent()}, matrix.counts)
        _neurites(result)
    _model_card(result)
    report_section(result)


def _neurites(result: Result) -> None:
    """How many there are, what became of them, and a way to where it matters."""
    events, evaluation = result.summary["events"], result.evaluation
    of = "segments" if evaluation.events_at == "segments" else f"the prediction at the {evaluation.events_at} threshold"
    said = (
        f"Neurites in these slices: **{words.count(result.summary['neurites'])}**{_counted_by(result)}. Against them "
        f"{of} {'have' if of == 'segments' else 'has'} **{words.count(events['splits'])}** splits and "
        f"**{words.count(events['merges'])}** merges."
    )
    known = harm_is_known(evaluation)
    first = harm_of_first(evaluation, 3)
    if known and not math.isnan(first) and len(evaluation.events) > 3:
        said += f" The first 3 of these do **{100 * first:.0f} %** of all harm."
    st.markdown(said, help=words.HELP["harm"] if known else None)
    label = "Review them, the worst first" if known else "Review them, the largest first"
    if evaluation.events and pressed(label, key="review", icon=":material/fact_check:"):
        worst = events_by_harm(evaluation)[0]
        choose(slice=worst.slice)
        st.switch_page(view("errors"))


def _worst_and_best(result: Result, found: MeasuresAt, threshold: float, tolerance: int) -> None:
    wrong = found.each.wrong_percent
    harms, known = harm_by_slice(result.evaluation), harm_is_known(result.evaluation)
    by = np.array([harms.get(z, 0.0) for z in result.evaluation.slices]) if known else wrong
    places = {"Worst slice": int(by.argmax()), "Best slice": int(by.argmin())}
    st.caption(
        "By the harm of their splits and merges." if known else "By wrong pixels.",
        help=words.HELP["harm of slice"] if known else words.HELP["wrong"],
    )
    for column, (title, place) in zip(st.container(key="two examples").columns(2), places.items(), strict=True):
        z = result.evaluation.slices[place]
        with column:
            st.markdown(
                f"**{title}: {z}**  \n"
                + (f"harm {words.decimal(float(by[place]), 4)} · " if known else "")
                + f"{words.percent(wrong[place])} wrong "
                f"({words.count(int(found.each.wrong_pixels[place]))} pixels)"
            )
            try:
                shown = error_picture(result, z, threshold, tolerance)
                st.image(small_picture(shown), width="stretch", alt=f"{title}: wrong pixels in colour over the image")
            except SegcoreError as error:
                st.caption(f"No picture: {words.message(error)}")
            if pressed(f"Look at slice {z}", key=f"look {title}", icon=":material/search:"):
                choose(slice=z)
                st.switch_page(view("errors"))
    error_legend(forgiven=tolerance > 0)


def _model_card(result: Result) -> None:
    run = result.run
    try:
        card = run.card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    with st.expander("Model card", icon=":material/description:"):
        # Its headings stand below that of the page.
        st.markdown(re.sub(r"(?m)^#", "###", _PICTURE.sub(r"\1", card)))
        worst = list(events_by_harm(result.evaluation)[:_ON_CARD])
        if pictures := event_pictured(result, worst, [[] for _ in worst]):
            shown = (
                "Splits and merges of most harm" if harm_is_known(result.evaluation) else "Largest splits and merges"
            )
            st.markdown(f"**{shown}**, on {words.plain(result.dataset)}")
            picture_cards(pictures)
        st.download_button("Download as Markdown", card, f"{run.name}-card.md", "text/markdown", on_click="ignore")


def _not_evaluated(run: Run, dataset: str) -> None:
    if run.state == "finished" or run.evaluations():
        offer_evaluation(run, dataset)
    elif run.state == "training":
        st.info("No evaluation yet: that comes when training has ended. Its curves are on the Training page.")
    else:
        st.info("Training did not get to its end.", icon=":material/info:")
        offered = go_on_button(run, "Go on from its last epoch")
        st.caption("Or in a terminal, in the project's folder:" if offered else "In a terminal, this goes on with it:")
        st.code(f"python -m segcore train --resume {run.name}", language="sh")


def _next() -> None:
    st.subheader("Where to go next")
    for column, (name, label, text) in zip(
        st.container(key="two ways").columns(4),
        (
            ("errors", "Errors", "Slice by slice, worst first: what is wrong, and does it matter?"),
            ("confusion", "Confusion matrix", "Which class is taken for which, at any threshold."),
            ("training", "Training", "How it learned; compare runs."),
            ("try_it", "Try it", "Your own image through this model."),
        ),
        strict=True,
    ):
        with column.container(border=True, height="stretch"):
            st.page_link(view(name), label=f"**{label}**", icon=":material/arrow_forward:")
            st.caption(text)


def _first_steps() -> None:
    st.title("No run yet")
    st.markdown(
        "This app shows how well a trained model tells cell interior from membrane in electron micrographs, slice by "
        "slice. It needs a **dataset** and a **run** (a trained model)."
    )
    st.markdown("**1.** A dataset: the synthetic sample is made here; others are fetched or imported on the Data page.")
    st.page_link(view("data"), label="Data", icon=":material/stacks:")
    if read_only():
        st.markdown(f"**2.** A run. {words.READ_ONLY}")
    else:
        st.markdown(
            "**2.** A run: click :material/model_training: **Train a model** in the sidebar, and there "
            "*Start training*. With the preset `quick` this takes about two minutes. Or in a terminal:"
        )
        st.code("python -m segcore train sample --preset quick", language="sh")
    st.markdown("**3.** Come back to this page. It shows the run as soon as there is one.")


def _problems() -> None:
    damaged = [*broken_runs().values(), *broken_datasets().values()]
    if damaged:
        with st.expander(f"{len(damaged)} damaged folders", icon=":material/warning:"):
            for error in damaged:
                st.error(words.message(error))


def _make_sample() -> None:
    """On a first start the app draws its own data, once, when everything else is on the screen."""
    if names_of_datasets():
        return
    if read_only():
        st.info(f"There is no dataset here. {words.READ_ONLY}")
        return
    with st.spinner("Drawing the synthetic sample, a few seconds …", show_time=True), _one_at_a_time():
        if not names_of_datasets():
            fetch("sample")
    st.rerun()


page()
