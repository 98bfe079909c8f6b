"""The order that the numbers in file names give, and which names of two folders belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from segcore.errors import DataError


def in_number_order(names: Iterable[str], folder: Path) -> list[str]:
    """File names sorted by the numbers in them, 2 before 10; by text if none has a number.

    Raises:
        DataError: if two names have the same numbers, or only some have any.
    """
    ordered = sorted(names, key=lambda name: (_numbers(name), name))
    without = [name for name in ordered if not _numbers(name)]
    if len(without) == len(ordered):
        return ordered
    if without:
        raise DataError(
            "a file has no number in its name, so its place is unknown",
            path=folder / without[0],
            expected="numbered names such as 0.tif, 1.tif, 2.tif",
        )
    for first, second in pairwise(ordered):
        if _numbers(first) == _numbers(second):
            raise DataError(
                "two files have the same number",
                path=folder,
                found=f"{first} and {second}",
                expected="one file a slice",
            )
    return ordered


def unpaired(names: Sequence[str], others: Sequence[str]) -> int | None:
    """The first place at which the files of two folders of as many do not belong together, or None.

    They do if what tells the slices of one folder apart is the same in the other, whatever else is in the names
    (`img_07.png` and `img_07_mask2.png`).
    """
    if len(names) == 1 and _numbers(names[0]) and _numbers(others[0]):
        # Of one name nobody can say which number is that of the slice.
        one, other = set(_numbers(names[0])), set(_numbers(others[0]))
        return None if one <= other or other <= one else 0
    keys = zip(_slice_keys(names), _slice_keys(others), strict=True)
    return next((place for place, (one, other) in enumerate(keys) if one != other), None)


def missing_numbers(names: Sequence[str]) -> list[int]:
    """Numbers that the names of slices leave out, such as 3 of `z2.tif`, `z4.tif`, `z5.tif`; none if they are regular.

    Where most are missing, as of 0, 10, 20, the numbers do not count slices.
    """
    rows = [_numbers(name) for name in names]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        return []
    varying = [{*column} for column in zip(*rows, strict=True) if len({*column}) > 1]
    if len(varying) != 1:
        return []
    missing = sorted({*range(min(varying[0]), max(varying[0]))} - varying[0])
    return missing if len(missing) < len(names) / 2 else []


_CHANNEL = re.compile(r"(?:^|[-_. ])((?:c|ch|channel)[-_]?[0-9]+)(?=[-_. ]|$)", re.IGNORECASE)
_MOST_CHANNELS = 4


def channels_in(names: Sequence[str]) -> list[str]:
    """What tells channels of the same slices apart in their names, such as `c0` and `c1`; nothing if there is one."""
    found = [_CHANNEL.search(Path(name).stem) for name in names]
    slices = {f"{one.string[: one.start()]} {one.string[one.end() :]}".strip() for one in found if one}
    channels = sorted({one[1] for one in found if one})
    if not all(found) or "" in slices or not 1 < len(channels) <= _MOST_CHANNELS:
        return []
    return channels if len(slices) * len(channels) == len(names) else []


_WHAT_IT_IS = r"labels?|masks?|gt|seg|segm|segmentations?|ground[-_ ]?truth|truth|annotations?|images?|imgs?|raw|im"
_ENDING = re.compile(rf"[-_. ]+(?:cp[-_])?(?:{_WHAT_IT_IS})[0-9]?$|_0000$", re.IGNORECASE)
_BEGINNING = re.compile(rf"^(?:{_WHAT_IT_IS})[-_. ]+", re.IGNORECASE)


def paired_by_stem(names: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]] | None:
    """Pairs of names that are the same but for words that say what a file is (`a3f.png` with `a3f_mask.png`).

    Failing that, a name goes with the one that begins with it (`s1_TEM.png` with `s1_TEM_seg-myelin-manual.png`).
    Pairs come in the order of their numbers, or of the names where numbers give none. None if there is a name without
    another one, or with several.
    """
    if len(names) != len(others):
        return None
    one, other = ({_common_stem(name): name for name in group} for group in (names, others))
    if len(one) == len(names) and one.keys() == other.keys():
        partner = {name: other[stem] for stem, name in one.items()}
    else:
        longer = {name: [more for more in others if more.startswith(Path(name).stem)] for name in names}
        chosen = {found[0] for found in longer.values() if len(found) == 1}
        if len(chosen) < len(names):
            return None
        partner = {name: found[0] for name, found in longer.items()}
    try:
        ordered = in_number_order(names, Path())
    except DataError:
        ordered = sorted(names)
    return [(name, partner[name]) for name in ordered]


def _common_stem(name: str) -> str:
    stem = Path(name).stem.lower()
    shorter = _BEGINNING.sub("", _ENDING.sub("", _ENDING.sub("", stem)))
    return shorter or stem


def _slice_keys(names: Sequence[str]) -> list[tuple[int, ...]] | list[str]:
    """What tells the slices of one folder apart: the numbers that vary from name to name.

    Names without numbers are their own keys, without the suffix.
    """
    numbers = [_numbers(name) for name in names]
    if not all(numbers):
        return [Path(name).stem for name in names]
    if len({len(row) for row in numbers}) > 1:
        return numbers
    varying = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    return list(zip(*varying, strict=True)) if varying else [row[-1:] for row in numbers]


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"[0-9]+", Path(name).stem))
