"""`neurites.csv`: a row a neurite, and before those of each slice one for the lines between their territories.

slice            index of the slice
neurite          its number; 0 for the lines
area_px          pixels of the neurite
territory_px     pixels of its territory
pieces           segments that belong to it: 0 where it was missed, 2 and more where it was split
merged           1 where one of them belongs to another neurite as well
loops_only       1 where it was split or merged by nothing but loops
split_off_px     pixels in its segments other than the one with most of it
<point>_wrong_px wrong pixels of its territory at each operating point
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from segcore.errors import RunError
from segcore.evaluation.tables import EVALUATE_AGAIN, read_table, write_table
from segcore.measures import NeuriteSizes

NEURITES_FILE = "neurites.csv"

_FLAGS = ("merged", "loops_only")
_COLUMNS = ("slice", "neurite", "area_px", "territory_px", "pieces", *_FLAGS, "split_off_px")
_WRONG = "_wrong_px"


def write_neurites(folder: Path, sizes: NeuriteSizes) -> None:
    """Writes the table."""
    columns = {name: getattr(sizes, name).astype(np.int64) for name in _COLUMNS}
    columns |= {f"{point}{_WRONG}": wrong for point, wrong in sizes.wrong_px.items()}
    rows = zip(*(one.tolist() for one in columns.values()), strict=True)
    write_table(folder / NEURITES_FILE, (dict(zip(columns, row, strict=True)) for row in rows), list(columns))


def read_neurites(folder: Path) -> NeuriteSizes | None:
    """The neurites of the table; None in an evaluation that is older than it.

    Raises:
        RunError: it is damaged, or holds numbers that cannot be.
    """
    path = folder / NEURITES_FILE
    if not path.exists():
        return None
    table = read_table(path)
    missing = [name for name in _COLUMNS if name not in table.names]
    if missing:
        raise RunError(f"has no column {missing[0]}", path=path, expected=EVALUATE_AGAIN)
    points = [name for name in table.names if name.endswith(_WRONG)]
    named = [*_COLUMNS, *points]

    def whole(columns: Mapping[str, Sequence[str]]) -> list[list[int]]:
        return [[*map(int, columns[name])] for name in named]

    try:
        numbers = np.array(table.made(whole, "a neurite"), np.int64)
        found = dict(zip(named, numbers, strict=True))
        if any((found[name] >> 1).any() for name in _FLAGS):
            raise ValueError(f"other than 0 and 1 in {' or '.join(_FLAGS)}")
        return NeuriteSizes(
            slice=found["slice"],
            neurite=found["neurite"],
            area_px=found["area_px"],
            territory_px=found["territory_px"],
            pieces=found["pieces"],
            merged=found["merged"] > 0,
            loops_only=found["loops_only"] > 0,
            split_off_px=found["split_off_px"],
            wrong_px={name.removesuffix(_WRONG): found[name] for name in points},
        )
    except (ValueError, OverflowError) as error:
        raise RunError("holds numbers that cannot be", path=path, found=error, expected=EVALUATE_AGAIN) from error
