"""Every run of the script: what there is to choose from, the sidebar, and then the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import notices, words
from dashboard.state import (
    PAGES,
    Result,
    Selection,
    broken_runs,
    choose,
    chosen,
    dataset_info,
    evaluated_parts,
    leak_audit,
    load_result,
    load_run,
    measures_at,
    names_of_datasets,
    names_of_runs,
    read_address,
    set_current,
    switch_run,
    view,
    write_address,
)
from dashboard.trainings import FORM_STYLE, JOBS_STYLE, form_button, left_for_import, show_form, show_jobs
from segcore.data import DatasetInfo
from segcore.errors import SegcoreError
from segcore.evaluation import events_by_harm
from segcore.runs import Run, threshold_value
from segcore.storage import read_only

OWN_DATA = ("data", "augmentation")
"""Pages about a dataset, whether or not a run was evaluated on it."""
WITHOUT_SLICE = ("", "compare", "confusion", "errors", "training", "try_it")
"""Pages that show no slice, or more than one, or choose it in their viewer; the Overview's path is empty."""
WITHOUT_THRESHOLD = (*OWN_DATA, "compare", "errors", "training", "try_it")
"""Pages to which it means nothing, or that choose it in their viewer."""
WITH_THRESHOLD = ("", "confusion", "errors")
"""Pages that show figures or pictures at the threshold that is chosen."""
KEPT = {
    "compare": ("with", "event"),
    "data": ("section", "of", "sort", "show", "tag", "by", "least", "most"),
    "errors": ("event",),
}
"""What else a page keeps in the address."""
_KEEP = "sidebar keep threshold"


def run_app() -> None:
    """Draws the app for one run of the script."""
    if not read_only():
        show_form()
    here = Path(__file__).parent
    st.set_page_config(page_icon=str(here / "icon.svg"), layout="wide")
    st.logo(here / "wordmark.svg", icon_image=here / "icon.svg")
    read_address()
    page = st.navigation(
        [
            st.Page(view(name), title=title, icon=icon, url_path=name, default=name == "overview")
            for name, title, icon in PAGES
        ]
    )
    if left_for_import():
        st.session_state["section"] = "import"
        st.switch_page(view("data"))
    with notices.guarded():
        selection = _choose(page.url_path)
        st.set_page_config(page_title=f"{page.title} · {selection.run.name if selection.run else 'segcore'}")
        set_current(selection)
        write_address(selection, keep=KEPT.get(page.url_path, ()))
        page.run()


def _choose(page: str) -> Selection:
    with st.sidebar:
        run = _run(thresholds=page in WITH_THRESHOLD)
        name, info = _dataset(run, needs_data=page in OWN_DATA)
        result = _part(run, name)
        if result is not None and notices.collapsed(result):
            st.error("The model collapsed: see the Overview.", icon=":material/error:")
        z = _slice(info, result, whole_stack=page in OWN_DATA, shown=page not in WITHOUT_SLICE)
        threshold, tolerance = _threshold(run, result, shown=page not in WITHOUT_THRESHOLD)
        _training(run, info)
        if read_only():
            st.caption(":material/lock: Read-only: nothing is written here.")
    return Selection(
        run=run,
        dataset=info,
        dataset_name=name,
        part=result.part if result else "test",
        result=result,
        z=z,
        threshold=threshold,
        tolerance=tolerance,
    )


def _training(run: Run | None, info: DatasetInfo | None) -> None:
    st.html(FORM_STYLE + JOBS_STYLE)
    if not read_only():
        form_button(run.name if run else None, info.name if info and info.labelled else None)
    show_jobs(run.name if run else None)


def _take(key: str) -> None:
    choose(**{key: st.session_state[f"sidebar {key}"]})


def _run(*, thresholds: bool) -> Run | None:
    names = names_of_runs()
    if not names:
        st.caption("No run yet." if read_only() else "No run yet. Train one below.")
        return None
    broken = broken_runs()
    wanted = chosen().get("run")
    if wanted not in names:
        if wanted is not None:
            st.warning(f"There is no run {words.plain(wanted)} here.")
        wanted = max(names, key=lambda name: _rank(name, broken))
        choose(run=wanted)
    st.session_state["sidebar run"] = wanted
    st.selectbox(
        "Run",
        names,
        key="sidebar run",
        format_func=lambda name: f"{name} (damaged)" if name in broken else name,
        help=words.HELP["run"],
        on_change=_take_run,
    )
    if thresholds and len(names) > 1:
        st.toggle(
            "Keep the threshold", key=_KEEP, persist_state="session",
            help="When another run is chosen. Else each run is shown at the threshold that it chose itself, at which "
            "its figures were measured.",
        )  # fmt: skip
    if wanted in broken:
        st.error(words.message(broken[wanted]))
        return None
    return load_run(wanted)


def _rank(name: str, broken: dict[str, SegcoreError]) -> tuple[bool, bool, bool, bool, str, bool]:
    """The run to begin with: whole, its data here, evaluated, on measured images, of ours without a leak, the latest.

    A run that averages others ended with the last of these, and comes before it.
    """
    if name in broken:
        return False, False, False, False, "", False
    run = load_run(name)
    # The synthetic stack is drawn on the first start, so its data is as good as here.
    here = run.info.synthetic or dataset_info(run.info.dataset) is not None
    honest = not leak_audit(run).leaks
    latest = run.info.ended or run.info.started
    own = run.info.outside is None
    return here, bool(run.evaluations()), not run.info.synthetic, honest and own, latest, bool(run.info.members)


def _take_run() -> None:
    switch_run(st.session_state["sidebar run"], keep_threshold=bool(st.session_state.get(_KEEP)))


def _dataset(run: Run | None, *, needs_data: bool) -> tuple[str | None, DatasetInfo | None]:
    installed = names_of_datasets()
    own = list(dict.fromkeys(name for name, _ in evaluated_parts(run))) if run else []
    if run and run.info.dataset not in own:
        own.append(run.info.dataset)
    names = list(dict.fromkeys([*(name for name in own if name in installed or not needs_data), *installed]))
    if not names:
        return None, None
    wanted = chosen().get("dataset")
    if wanted not in names:
        if wanted is not None and not needs_data:
            st.warning(f"There is no dataset {words.plain(wanted)} here.")
        wanted = names[0]
        if not needs_data:
            choose(dataset=wanted)
    st.session_state["sidebar dataset"] = wanted

    def titled(name: str) -> str:
        facts = dataset_info(name)
        return f"{name} (not here)" if facts is None else f"{name} (synthetic)" if facts.synthetic else name

    # Titles as they are now: a dataset may go away before the reader chooses.
    titles = {name: titled(name) for name in names}
    st.selectbox(
        "Dataset", names, key="sidebar dataset", format_func=titles.__getitem__, help=words.HELP["dataset"],
        on_change=_take_dataset,
    )  # fmt: skip
    return wanted, dataset_info(wanted)


def _take_dataset() -> None:
    for key in ("part", "slice"):
        chosen().pop(key, None)
    _take("dataset")


def _part(run: Run | None, name: str | None) -> Result | None:
    parts = [part for dataset, part in evaluated_parts(run) if dataset == name] if run else []
    if run is None or name is None or not parts:
        return None
    wanted = chosen().get("part")
    if wanted not in parts:
        wanted = parts[0]
        choose(part=wanted)
    if len(parts) > 1:
        st.session_state["sidebar part"] = wanted
        st.selectbox(
            "Slices of",
            parts,
            key="sidebar part",
            format_func=lambda part: f"{words.PARTS[part]} slices",
            help=words.HELP["part"],
            on_change=_take_part,
        )
    try:
        return load_result(run, name, wanted)
    except SegcoreError as error:
        st.error(words.message(error))
        return None


def _take_part() -> None:
    chosen().pop("slice", None)
    _take("part")


def _slice(info: DatasetInfo | None, result: Result | None, *, whole_stack: bool, shown: bool) -> int:
    if result is not None and not whole_stack:
        indices = list(result.evaluation.slices)
        called = result.evaluation.names
    elif info is not None:
        indices = list(range(info.slices))
        called = info.slice_names
    else:
        return 0
    chosen_slice: int | None = chosen().get("slice")
    if chosen_slice is None:
        wanted = indices[0] if result is None or whole_stack else worst_slice(result)
        if not whole_stack:
            choose(slice=wanted)
    else:
        # The nearest there is on this page; the pages that have the slice itself still show it.
        wanted = min(indices, key=lambda z: abs(z - chosen_slice))
    if len(indices) > 1 and shown:
        st.session_state["sidebar slice"] = wanted
        names = {z: words.slice_name(z, name)[:40] for z, name in zip(indices, called, strict=True)}
        st.select_slider(
            "Slice",
            indices,
            key="sidebar slice",
            format_func=lambda z: f"{z} · {names[z]}" if names[z] else str(z),
            help=words.HELP["slice"],
            on_change=_take,
            args=("slice",),
        )
    return int(wanted)


def worst_slice(result: Result) -> int:
    """The slice of the split or merge that does most harm, or else the one with the most wrong pixels.

    These are counted at the run's first threshold.
    """
    events = events_by_harm(result.evaluation)
    if events and events[0].harm > 0:
        return events[0].slice
    wrong = measures_at(result, next(iter(result.points.values())), 0).each.wrong_percent
    return result.evaluation.slices[int(wrong.argmax())]


def _threshold(run: Run | None, result: Result | None, *, shown: bool) -> tuple[float, int]:
    if run is None or result is None:
        return float(chosen().get("threshold", 0.5)), int(chosen().get("tolerance", 0))
    # Three decimals are finer than the 8 bits of a probability, so rounding moves no pixel.
    points = {name: round(value, 3) for name, value in result.points.items()}
    if "threshold" not in chosen():
        choose(threshold=points.get("pixel", round(threshold_value(run, next(iter(points.values()))), 3)))
    chosen().setdefault("tolerance", 0)
    if not shown:
        return float(chosen()["threshold"]), int(chosen()["tolerance"])
    for key in ("threshold", "tolerance"):
        st.session_state[f"sidebar {key}"] = chosen()[key]
    st.slider(
        "Threshold",
        0.0,
        1.0,
        step=0.001,
        format="%.3f",
        key="sidebar threshold",
        help=words.HELP["threshold"],
        on_change=_take,
        args=("threshold",),
    )
    labels = {"pixel": "Pixel threshold", "topology": "Topology threshold"}
    for name, value in points.items():
        st.button(
            f"{labels.get(name, name)} · {value:.3f}",
            key=f"sidebar point {name}",
            help=words.HELP.get(name),
            on_click=choose,
            kwargs={"threshold": value},
            disabled=abs(chosen()["threshold"] - value) < 5e-4,
            width="stretch",
        )
    nm = None
    facts = dataset_info(result.dataset)
    if facts is not None and facts.voxel_size_nm:
        nm = facts.voxel_size_nm[2]
    st.select_slider(
        "Tolerance",
        list(range(6)),
        key="sidebar tolerance",
        format_func=lambda px: f"{px} px" if nm is None or not px else f"{px} px ({px * nm:g} nm)",
        help=words.HELP["tolerance"],
        on_change=_take,
        args=("tolerance",),
    )
    return float(chosen()["threshold"]), int(chosen()["tolerance"])
