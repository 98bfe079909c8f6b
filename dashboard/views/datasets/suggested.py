"""What a new dataset is called where nobody says: after its files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence
from itertools import takewhile
from pathlib import PurePath

from dashboard.uploads import SUFFIXES
from segcore.errors import SegcoreError
from segcore.storage import safe_name

_MOST_LETTERS = 90
_ENDS = re.compile(
    rf"(?:\.(?:{'|'.join(map(re.escape, sorted((*SUFFIXES, 'ome', 'gz', 'zarr', 'n5'))))}))+", re.IGNORECASE
)
# A place inside a file or folder that can hold several stacks: after a colon, or as a path.
_INSIDE = re.compile(r"(\.(?:zarr|n5))[/\\].*|(\.\w+):.*", re.IGNORECASE | re.DOTALL)


def suggested_name(files: Sequence[str], taken: Container[str]) -> str:
    """A free name after the files that a dataset is made of, `stack` of `stack.ome.tif`; empty where none is found.

    Where the files say nothing, as numbers and patterns do, it is that of their folder.

    Args:
        files: names or paths; what follows a colon, as in `a.h5:volumes/raw`, is the place inside a file.
        taken: names of datasets that there are.
    """
    paths = [PurePath(_INSIDE.sub(r"\1\2", file)) for file in files]
    folders = [path.parent.name for path in paths]
    name = _name([_stem(path.name) for path in paths if "*" not in path.name]) or _name(folders)
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _stem(name: str) -> str:
    for at in range(1, len(name)):
        if _ENDS.fullmatch(name, at):
            return name[:at]
    return name


def _name(stems: Sequence[str]) -> str:
    """What they have in common, as the name of a dataset; empty if that will not do for one."""
    if not stems:
        return ""
    first, last = (unicodedata.normalize("NFKD", one) for one in (min(stems), max(stems)))
    common = "".join(one for one, _ in takewhile(_same, zip(first, last, strict=False)))
    if len(stems) > 1 and first != last:
        common = common.rstrip("0123456789")  # the beginning of their numbers
    plain = "".join(one for one in common if not unicodedata.combining(one))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain)[:_MOST_LETTERS].strip("-_.")
    try:
        return safe_name(name, "dataset")
    except SegcoreError:
        return ""


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]
