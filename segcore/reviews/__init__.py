"""What reviewers decided about places in an evaluation, kept in the run folder, and found again in the next one.

In: a run folder, the fingerprint of a dataset's pixels, verdicts, or a file of them.
Out: the verdicts in force, which present place each belongs to, and files of them for others.
May use: nothing but errors and storage."""

from segcore.reviews.exchange import Imported
from segcore.reviews.matching import Matching, match
from segcore.reviews.reviews import Reviews
from segcore.reviews.verdict import (
    DECISIONS,
    LONGEST_NAME,
    LONGEST_NOTE,
    Decision,
    Place,
    Verdict,
    check_name,
    check_note,
    check_time,
)

__all__ = [
    "DECISIONS",
    "LONGEST_NAME",
    "LONGEST_NOTE",
    "Decision",
    "Imported",
    "Matching",
    "Place",
    "Reviews",
    "Verdict",
    "check_name",
    "check_note",
    "check_time",
    "match",
]
