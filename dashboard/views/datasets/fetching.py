"""The datasets that can be fetched, and how far that is."""

from __future__ import annotations

import threading

import streamlit as st

from dashboard import background, words
from dashboard.background import Work
from dashboard.clicks import pressed
from dashboard.state import names_of_datasets
from dashboard.views.datasets.arrival import arrived, in_the_form
from segcore.data import CATALOGUE, Fetchable, fetch
from segcore.storage import read_only


class _Fetches:
    """The fetches of all visitors, so that nobody starts one a second time, and a closed tab stops none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}

    def running(self, name: str) -> Work | None:
        work = self._works.get(name)
        return work if work and work.state == "running" else None

    def start(self, name: str, source: str | None) -> Work:
        with self._lock:
            work = self.running(name)
            if work is None:
                work = Work(lambda progress: fetch(name, source=source, progress=progress))
                self._works[name] = work
            return work


@st.cache_resource(show_spinner=False)
def _fetches() -> _Fetches:
    return _Fetches()


def fetch_section() -> None:
    """Draws those that are not here; one that has just come is gone to."""
    names = names_of_datasets()
    st.subheader("Datasets to download or make")
    missing = [item for item in CATALOGUE.values() if not all(target.name in names for target in item.targets)]
    for item in missing:
        with st.container(border=True):
            _fetchable(item)
    for item in CATALOGUE.values():
        # Another visitor, or this one, may have been waiting for it.
        if item not in missing and st.session_state.pop(f"fetch of {item.name}", None) is not None:
            arrived([f"{item.targets[0].title} is here."], dataset=item.name)
    if not missing:
        titles = words.listed([item.targets[0].title for item in CATALOGUE.values()])
        st.caption(f":material/check: {titles} are here already.")


def _fetchable(item: Fetchable) -> None:
    labels = "with labels" if item.labelled else "without labels"
    st.markdown(
        f"**{item.targets[0].title}** · {item.slices} slices of {item.height} × {item.width} pixels, {labels}\n\n"
        f"{item.source} · terms: {item.terms}"
    )
    mine: Work | None = st.session_state.get(f"fetch of {item.name}")
    running = _fetches().running(item.name)
    if read_only():
        st.caption(words.READ_ONLY)
        return
    if running is not None:
        background.show(running, f"fetch {item.name}")
        st.caption("It goes on when this page is closed.")
        return
    if mine is not None and mine.state == "finished":
        # It came here while this page was being drawn.
        del st.session_state[f"fetch of {item.name}"]
        st.rerun()
    if mine is not None:
        _why_not_fetched(item, mine)
    source = None
    if not item.synthetic:
        with st.expander("No network here, or a copy at hand?", expanded=mine is not None):
            source = st.text_input(
                "Another source (optional)",
                key=f"source of {item.name}",
                persist_state="session",
                placeholder="https://mirror.example/folder or /path/to/ISBI-2012-challenge.zip",
                help="The address of a mirror (the zip, or a folder with its files), or a folder, zip or stack on the "
                "computer this app runs on. Names do not matter: the pixels are checked.",
            )
            st.caption(f"The archive is at {item.url}, for a download by other means.")
    if pressed("Make it here" if item.synthetic else "Fetch", key=f"fetch {item.name}", type="primary"):
        st.session_state[f"fetch of {item.name}"] = _fetches().start(item.name, (source or "").strip() or None)
        st.rerun()


def _why_not_fetched(item: Fetchable, work: Work) -> None:
    problem = background.mistake(work)
    if problem is None:
        st.info("Cancelled. Nothing was kept.", icon=":material/info:")
        return
    st.error(in_the_form(str(problem)), icon=":material/error:")
    if not item.synthetic and "://" in str(problem):
        st.markdown(
            "Without a network: download the archive on another computer, bring it here, and give its path as another "
            "source below. A mirror's address will do, too."
        )
