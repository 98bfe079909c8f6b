"""Trainings: the form that starts one, the panel of those that run and wait, and one as it goes.

In: the queue of jobs, runs, and what is typed and clicked. Out: what the sidebar and the pages draw of them.
May use: notices, state."""

from dashboard.trainings.actions import evaluate_button, go_on_button
from dashboard.trainings.card import JOBS_STYLE
from dashboard.trainings.form import FORM_STYLE, form_button, left_for_import, open_form, show_form
from dashboard.trainings.live import how_far, how_it_ended, show_log
from dashboard.trainings.panel import show_jobs
from dashboard.trainings.starting import is_open
from dashboard.trainings.unevaluated import needs_result, offer_evaluation

__all__ = [
    "FORM_STYLE",
    "JOBS_STYLE",
    "evaluate_button",
    "form_button",
    "go_on_button",
    "how_far",
    "how_it_ended",
    "is_open",
    "left_for_import",
    "needs_result",
    "offer_evaluation",
    "open_form",
    "show_form",
    "show_jobs",
    "show_log",
]
