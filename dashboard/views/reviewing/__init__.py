"""The parts of the Errors page.

In: the selection and its evaluation. Out: what there is to review with its verdicts, errors taken apart, tables and
files. May use every other room of the dashboard, but not the sidebar and the pages."""

from dashboard.views.reviewing.apart import apart_section
from dashboard.views.reviewing.changed import Change, changed_events, changed_rows
from dashboard.views.reviewing.corrected import corrected_section
from dashboard.views.reviewing.correcting import BELOW_QUEUE_PX, correct_line
from dashboard.views.reviewing.events import Filter, event_id, event_items, event_pictures
from dashboard.views.reviewing.files import files_section
from dashboard.views.reviewing.items import Item, Listed, PlacesByName, progress, rows_of
from dashboard.views.reviewing.listing import what_is_listed
from dashboard.views.reviewing.pictured import event_pictured
from dashboard.views.reviewing.regions import region_items
from dashboard.views.reviewing.settings import settings_section
from dashboard.views.reviewing.slices import slice_items
from dashboard.views.reviewing.table import slices_table
from dashboard.views.reviewing.verdicts import Desk, Judgeable, Judged, desk, judged, take_changes, verdicts_section

__all__ = [
    "BELOW_QUEUE_PX",
    "Change",
    "Desk",
    "Filter",
    "Item",
    "Judgeable",
    "Judged",
    "Listed",
    "PlacesByName",
    "apart_section",
    "changed_events",
    "changed_rows",
    "correct_line",
    "corrected_section",
    "desk",
    "event_id",
    "event_items",
    "event_pictured",
    "event_pictures",
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
    "what_is_listed",
]
