"""The queue: places to review, worst first, walked through and judged by keys.

In: places with what is known of them. Out: a component, `queue`, that shows them beside the viewer and says what the
reader decided. May use: viewer, words."""

from dashboard.queue.component import (
    QUEUE_KEYS,
    Change,
    Decided,
    Named,
    Pictures,
    QueueReport,
    QueueRow,
    TakenBack,
    queue,
    reported,
)

__all__ = [
    "QUEUE_KEYS",
    "Change",
    "Decided",
    "Named",
    "Pictures",
    "QueueReport",
    "QueueRow",
    "TakenBack",
    "queue",
    "reported",
]
