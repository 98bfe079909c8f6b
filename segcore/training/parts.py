"""A batch that does not fit into memory at once, divided into parts that do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def parts_of(batch: Sequence[Item], at_once: int, processes: int = 1) -> list[Sequence[Item]]:
    """The fewest parts, as equal as possible, that give no process more than it has in memory at once.

    All processes take the same parts, so that they pass the network together, as batch normalisation has to. Only of
    one sample at once can a part be smaller than there are processes.

    Args:
        batch: what all processes take a step with, one sample or more.
        at_once: samples that a process can take together; 0 for any number.
        processes: among which each part is dealt.
    """
    count = math.ceil(len(batch) / (at_once * processes)) if at_once else 1
    # A largest one comes first: what it leaves has room for the others.
    ends = [math.ceil(number * len(batch) / count) for number in range(count + 1)]
    return [batch[start:end] for start, end in itertools.pairwise(ends)]
