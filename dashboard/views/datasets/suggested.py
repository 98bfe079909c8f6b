"""What a new dataset is called where nobody says: after its files."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from itertools import takewhile
from pathlib import PurePath

from segcore.errors import SegcoreError
from segcore.storage import safe_name

_MOST_LETTERS = 90


def suggested_name(files: Sequence[str], taken: Container[str]) -> str:
    """A free name after the files that a dataset is made of, `stack` of `stack.ome.tif`; empty where none is found.

    Args:
        files: names or paths; what follows a colon, as in `a.h5:volumes/raw`, is the place inside a file.
        taken: names of datasets that there are.
    """
    stems = [PurePath(re.sub(r"(\.\w+):.*", r"\1", file)).name.partition(".")[0] for file in files]
    pairs = zip(min(stems), max(stems), strict=False) if stems else ()
    common = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if len(stems) > 1:
        common = common.rstrip("0123456789")  # the beginning of their numbers
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", common)[:_MOST_LETTERS].strip("-_")
    try:
        safe_name(name, "dataset")
    except SegcoreError:
        return ""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
