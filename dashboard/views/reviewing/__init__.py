"""The parts of the Errors page.

In: the selection and its evaluation. Out: the queue with its verdicts, errors taken apart, tables and files.
May use every other room of the dashboard, but not the sidebar and the pages."""

from dashboard.views.reviewing.apart import apart_section
from dashboard.views.reviewing.events import Filter, event_id, event_rows, shown_events
from dashboard.views.reviewing.files import files_section
from dashboard.views.reviewing.settings import settings_section
from dashboard.views.reviewing.table import slices_table
from dashboard.views.reviewing.verdicts import Judged, judged, progress, take_changes, verdicts_section

__all__ = [
    "Filter",
    "Judged",
    "apart_section",
    "event_id",
    "event_rows",
    "files_section",
    "judged",
    "progress",
    "settings_section",
    "shown_events",
    "slices_table",
    "take_changes",
    "verdicts_section",
]
