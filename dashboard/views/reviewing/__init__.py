"""The parts of the Errors page.

In: the selection and its evaluation. Out: what there is to review with its verdicts, errors taken apart, tables and
files. May use every other room of the dashboard, but not the sidebar and the pages."""

from dashboard.views.reviewing.apart import apart_section
from dashboard.views.reviewing.events import Filter, event_items
from dashboard.views.reviewing.files import files_section
from dashboard.views.reviewing.items import Item, progress, rows_of
from dashboard.views.reviewing.regions import MOST_PIXELS, region_items
from dashboard.views.reviewing.settings import settings_section
from dashboard.views.reviewing.slices import slice_items
from dashboard.views.reviewing.table import slices_table
from dashboard.views.reviewing.verdicts import Desk, Judged, desk, judged, take_changes, verdicts_section

__all__ = [
    "MOST_PIXELS",
    "Desk",
    "Filter",
    "Item",
    "Judged",
    "apart_section",
    "desk",
    "event_items",
    "files_section",
    "judged",
    "progress",
    "region_items",
    "rows_of",
    "settings_section",
    "slice_items",
    "slices_table",
    "take_changes",
    "verdicts_section",
]
