"""A report on an evaluation: one HTML file for people who have neither the app nor the data, and its tables.

In: an evaluated run, and maybe another to compare with. Out: a page and a zip.
May use: evaluation, reviews, data, runs, measures, stacks."""

from segcore.report.conclusion import draft_conclusion
from segcore.report.contents import Contents, gather
from segcore.report.page import report_page
from segcore.report.writing import report_tables, write_report

__all__ = ["Contents", "draft_conclusion", "gather", "report_page", "report_tables", "write_report"]
