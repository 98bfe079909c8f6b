"""The sections of the Data page.

In: the selection, the datasets here and those that can be fetched, files that a visitor brings. Out: the sections.
May use every other room of the dashboard, but not the sidebar and the pages."""

from dashboard.views.datasets.arrival import announce
from dashboard.views.datasets.fetching import fetch_section
from dashboard.views.datasets.grid import grid_section
from dashboard.views.datasets.importing import import_section
from dashboard.views.datasets.installed import installed_section
from dashboard.views.datasets.scoring import scoring_section
from dashboard.views.datasets.slices import slices_section
from dashboard.views.datasets.split import split_section
from dashboard.views.datasets.what_next import next_steps

__all__ = [
    "announce",
    "fetch_section",
    "grid_section",
    "import_section",
    "installed_section",
    "next_steps",
    "scoring_section",
    "slices_section",
    "split_section",
]
