"""Which slices a run trains on, decides with and is judged by."""

from __future__ import annotations

import math
import typing
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np

from segcore.config import RunConfig, SplitConfig
from segcore.errors import ConfigError, RunError
from segcore.runs.bands import Bands, Rows, make_bands

Part = Literal["train", "validation", "test"]
Protocol = Literal["blocks", "kfold", "bands", "notebook", "crossval", "outside"]
"""`crossval` divides no stack for a training: every slice is judged by networks from which it was held out. Nor
does `outside`, which is what another program predicted."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One augmented pair of a fixed pool: its source slice, and the part it was dealt to."""

    source: int
    part: Literal["train", "validation"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Slice indices, counted from 0, of each part.

    With the notebook's protocol, `pool` lists its augmented copies, and a slice is in `train` or
    `validation`, or both, if one of its copies is. `borders` are the slices at which another volume
    begins: they are no neighbours of the one before them. With `bands`, every slice is in every part, which has some
    of its rows.
    """

    protocol: str
    slices: int
    train: tuple[int, ...]
    validation: tuple[int, ...]
    gap: tuple[int, ...]
    test: tuple[int, ...]
    pool: tuple[Copy, ...] = ()
    borders: tuple[int, ...] = ()
    bands: Bands | None = None

    def rows(self, part: Part) -> Rows | None:
        """The rows of its slices that a part has; None for all of them."""
        return None if self.bands is None else self.bands.of(part)

    def part(self, name: Literal["train", "validation", "test", "all"]) -> tuple[int, ...]:
        """The slices of a part, or every slice."""
        if name == "all":
            return tuple(range(self.slices))
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def make_split(
    slices: int,
    config: SplitConfig,
    *,
    seed: int = 0,
    left_out: Collection[int] = (),
    borders: Sequence[int] = (),
    height: int = 0,
    gap_px: int = 0,
) -> Split:
    """Divides a stack by the protocol of `config`.

    Validation is the end of the training part that lies next to the test part where there is a
    choice, and `gap` slices separate training from it and from the test part: so neither has a trained
    neighbour, as raw slices next to each other look much alike. With folds as many separate validation from the test
    part.

    Of several volumes each is divided by itself, so that no block runs across a border and each is in every part. Where
    one is too short for that, they are divided as one stack, in which slices beside a border are no neighbours.

    Args:
        slices: length of the stack.
        config: protocol and sizes.
        seed: of the notebook protocol's random deal; the others use no randomness.
        left_out: slices that are in no part, because nothing of them is labelled; the others are divided as if they
            followed each other. They are listed in `gap`.
        borders: the first slice of each volume but the first, ascending.
        height, gap_px: rows of a slice, and how many are left out between bands; for that protocol alone.

    Raises:
        ConfigError: if a part would be empty.
    """
    if config.protocol == "bands":
        return _in_bands(slices, make_bands(height, config, gap_px), left_out, borders)
    if left_out:
        numbers = [index for index in range(slices) if index not in left_out]
        among = tuple(sorted({bisect_left(numbers, border) for border in borders} - {0, len(numbers)}))
        made = make_split(len(numbers), config, seed=seed, borders=among)
        return _without(made, slices, numbers, tuple(borders))
    if borders and config.protocol != "notebook":
        with suppress(ConfigError):
            return _by_volume(slices, config, borders)
    volume = [bisect_right(borders, index) for index in range(slices)]
    test = _test_slices(slices, config)
    rest = [index for index in range(slices) if index not in test]
    if config.protocol == "notebook":
        return replace(_notebook_split(slices, rest, test, config, seed), borders=tuple(borders))
    wanted = max(1, round(config.validation_fraction * len(rest)))

    def beside(judged: Collection[int]) -> set[int]:
        near = range(-config.gap, config.gap + 1)
        return {z for z in rest for step in near if z + step in judged and volume[z + step] == volume[z]}

    # Folds are compared with each other, so what decides in one is kept apart from what judges it.
    free = [index for index in rest if config.protocol != "kfold" or index not in beside(test)]
    before = [index for index in free if not test or index < test[0]]
    after = free[len(before) :]
    # At most half of the rest is wanted: one side of the test block has it in one piece, or all but the gap.
    takes_before = len(before) >= min(wanted, len(after))
    validation = before[max(0, len(before) - wanted) :] if takes_before else after[:wanted]
    judged = {*validation, *test}
    gap = sorted(beside(judged) - judged)
    train = [index for index in rest if index not in judged and index not in gap]
    if not train or not validation:
        raise ConfigError(
            f"a stack of {slices} {'slice' if slices == 1 else 'slices'} leaves none to train on",
            found=f"{len(test)} for test, {len(validation)} for validation, {len(gap)} between",
            expected=_enough(slices, config),
        )
    return Split(
        protocol=config.protocol,
        slices=slices,
        train=tuple(train),
        validation=tuple(validation),
        gap=tuple(gap),
        test=tuple(test),
        borders=tuple(borders),
    )


class Divisible(typing.Protocol):
    """What has to be known of a stack to divide it; see `segcore.data.DatasetInfo`."""

    @property
    def slices(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def unlabelled_slices(self) -> tuple[int, ...]: ...
    @property
    def borders(self) -> tuple[int, ...]: ...


def split_of(stack: Divisible, config: RunConfig) -> Split:
    """Divides a stack as a training with these settings would; errors as for `make_split`."""
    return make_split(
        stack.slices,
        config.split,
        seed=config.train.seed,
        left_out=stack.unlabelled_slices,
        borders=stack.borders,
        height=stack.height,
        gap_px=config.model.halo,
    )


def _in_bands(slices: int, bands: Bands, left_out: Collection[int], borders: Sequence[int]) -> Split:
    every = tuple(index for index in range(slices) if index not in left_out)
    if not every:
        raise ConfigError("no slice is labelled", found=f"{slices} slices left out", expected="at least one that is")
    return Split(
        protocol="bands",
        slices=slices,
        train=every,
        validation=every,
        gap=tuple(sorted(left_out)),
        test=every if bands.test[1] > bands.test[0] else (),
        borders=tuple(borders),
        bands=bands,
    )


def _by_volume(slices: int, config: SplitConfig, borders: Sequence[int]) -> Split:
    parts: dict[str, list[int]] = {"train": [], "validation": [], "gap": [], "test": []}
    for start, end in pairwise([0, *borders, slices]):
        own = make_split(end - start, config)
        for part, indices in parts.items():
            indices += [start + index for index in getattr(own, part)]
    train, validation, gap, test = map(tuple, parts.values())
    return Split(
        protocol=config.protocol, slices=slices, train=train, validation=validation, gap=gap, test=test,
        borders=tuple(borders),
    )  # fmt: skip


def _enough(slices: int, config: SplitConfig) -> str:
    """Settings under which so few slices can be trained on, in words."""
    few = replace(config, protocol="blocks", test_fraction=0, gap=0)
    bands = "split.protocol=bands, which divides the rows of every slice"
    if slices >= 2:
        named = "split.test_fraction=0 split.gap=0" + (" split.protocol=blocks" if config.protocol == "kfold" else "")
        part = make_split(slices, few)
        return (
            f"a longer stack, or {bands}, or {named}: {len(part.train)} for training and {len(part.validation)} for "
            "validation, beside each other, and none held out"
        )
    return f"a longer stack, or {bands}"


def _without(split: Split, slices: int, numbers: Sequence[int], borders: tuple[int, ...]) -> Split:
    """A split of the slices with these numbers, in the numbers of the whole stack."""
    left_out = {*range(slices)} - {*numbers}
    train, validation, test = (
        tuple(numbers[index] for index in part) for part in (split.train, split.validation, split.test)
    )
    return Split(
        protocol=split.protocol,
        slices=slices,
        gap=tuple(sorted([*(numbers[index] for index in split.gap), *left_out])),
        pool=tuple(Copy(source=numbers[copy.source], part=copy.part) for copy in split.pool),
        borders=borders,
        train=train,
        validation=validation,
        test=test,
    )


def _test_slices(slices: int, config: SplitConfig) -> list[int]:
    if config.protocol == "kfold":
        if config.folds > slices:
            raise ConfigError(
                "more folds than slices",
                found=f"{config.folds} folds, {slices} slices",
                expected=f"split.folds={slices} or less",
            )
        edges = [round(fold * slices / config.folds) for fold in range(config.folds + 1)]
        return list(range(edges[config.fold], edges[config.fold + 1]))
    held_out = math.ceil(config.test_fraction * slices - 1e-9)
    return list(range(slices - held_out, slices))


def _notebook_split(slices: int, rest: list[int], test: list[int], config: SplitConfig, seed: int) -> Split:
    if not rest:
        raise ConfigError("no slices are left to augment", found=f"{slices} slices, {len(test)} for test")
    copies = max(config.copies, len(rest))
    dealt = np.random.default_rng([seed, slices]).permutation(copies)
    held_back = set(dealt[: max(1, round(config.validation_fraction * copies))].tolist())
    pool = tuple(
        Copy(source=rest[number % len(rest)], part="validation" if number in held_back else "train")
        for number in range(copies)
    )
    sources = {part: {copy.source for copy in pool if copy.part == part} for part in ("train", "validation")}
    if not sources["train"]:
        raise ConfigError("the deal leaves no copy to train on", found=f"{copies} copies", expected="more copies")
    return Split(
        protocol=config.protocol,
        slices=slices,
        train=tuple(sorted(sources["train"])),
        validation=tuple(sorted(sources["validation"])),
        gap=(),
        test=tuple(test),
        pool=pool,
    )


def patches_an_epoch(split: Split, wanted: int) -> int:
    """How many patches an epoch has: as many as are wanted, or for 0 one for every training slice.

    Of a pool it has the copies there are, or fewer: they are not varied anew.
    """
    if not split.pool:
        return wanted or len(split.train)
    copies = sum(copy.part == "train" for copy in split.pool)
    return min(wanted or copies, copies)


def spread(slices: Sequence[int], megapixels: float, slice_px: int, *, at_least: int) -> list[int]:
    """As many slices as make up so many pixels, `at_least` so many if there are, evenly spread."""
    wanted = min(len(slices), max(at_least, int(megapixels * 2**20 / slice_px)))
    return [slices[round(place)] for place in np.linspace(0, len(slices) - 1, wanted)]


def row_range(rows: Rows | None) -> str:
    """Rows as text, such as `rows 0-226`; nothing for all of them or none."""
    return "" if rows is None or rows[0] == rows[1] else f"rows {rows[0]}-{rows[1] - 1}"


def slice_ranges(indices: Iterable[int]) -> str:
    """Slice numbers as text, such as `0-15, 17`; `none` if there are none."""
    spans: list[list[int]] = []
    for index in sorted(indices):
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans) or "none"


def slices_of(text: str, slices: int) -> tuple[int, ...]:
    """Slice numbers from a text such as `0-15, 17`, ascending; `none` is none of them.

    Raises:
        ConfigError: the text is none, or names a slice that is not among the `slices` there are.
    """
    found: set[int] = set()
    for part in [] if text.strip() == "none" else text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = [first, last if dash else first]
        if not all(end.strip().isdecimal() and end.isascii() for end in ends):
            raise ConfigError("not a list of slices", found=text, expected="numbers from 0 such as 0-15, 17, or none")
        low, high = map(int, ends)
        if not low <= high < slices:
            raise ConfigError("there is no such slice", found=part.strip(), expected=f"0 to {slices - 1}")
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def split_to_dict(split: Split) -> dict[str, Any]:
    """A split as plain JSON values."""
    values = asdict(split)
    values["pool"] = [[copy.source, copy.part] for copy in split.pool]
    return values


def split_from_dict(values: Mapping[str, Any], *, path: str | None = None) -> Split:
    """A split from JSON values; `RunError` if they make none."""
    try:
        parts = {name: tuple(map(_whole, values[name])) for name in ("train", "validation", "gap", "test")}
        split = Split(
            protocol=values["protocol"],
            slices=_whole(values["slices"]),
            pool=tuple(Copy(source=_whole(source), part=part) for source, part in values["pool"]),
            borders=tuple(map(_whole, values.get("borders", ()))),
            bands=_bands_from(values.get("bands")),
            **parts,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            "not a split", path=path, found=f"{type(error).__name__}: {error}", expected="what training wrote"
        ) from error
    names = sorted({str(copy.part) for copy in split.pool} - {"train", "validation"})
    if names or split.protocol not in get_args(Protocol):
        raise RunError(
            "an unknown protocol or part",
            path=path,
            found=", ".join(names) or split.protocol,
            expected=" or ".join(get_args(Protocol)),
        )
    sources = tuple(copy.source for copy in split.pool)
    numbers = (*parts.values(), sources, split.borders)
    outside = [index for part in numbers for index in part if not 0 <= index < split.slices]
    if outside:
        raise RunError(
            "slice numbers outside the stack", path=path, found=outside[:5], expected=f"0..{split.slices - 1}"
        )
    _check_parts(split, path)
    return split


def _bands_from(values: Any) -> Bands | None:
    if values is None:
        return None
    train, validation, test = (
        (_whole(values[part][0]), _whole(values[part][1])) for part in ("train", "validation", "test")
    )
    bounds = [*train, *validation, *test]
    if bounds != sorted(bounds) or bounds[0] < 0 or train[0] == train[1] or validation[0] == validation[1]:
        raise ValueError(f"bands of rows {bounds}")
    return Bands(train=train, validation=validation, test=test)


def _check_parts(split: Split, path: str | None) -> None:
    """Each slice is in one part; only copies of a pool may put it into both training and validation."""
    if split.protocol == "crossval":
        if split.train or split.validation or not split.test or split.pool or split.bands:
            raise RunError("a part of the split is not empty", path=path, found="crossval", expected="test slices only")
        return
    if split.protocol == "outside":
        if split.validation or not split.test or split.pool or split.bands or {*split.train} & {*split.test}:
            raise RunError(
                "a part of the split is not empty", path=path, found="outside",
                expected="test slices, and others that were said to be trained on",
            )  # fmt: skip
        return
    if not split.train or not split.validation or bool(split.pool) != (split.protocol == "notebook"):
        raise RunError(
            "a part of the split is empty",
            path=path,
            found=f"{len(split.train)} for training, {len(split.validation)} for validation, {len(split.pool)} copies",
            expected="slices in both, and copies with the notebook's protocol only",
        )
    if (split.bands is None) != (split.protocol != "bands"):
        raise RunError("bands of rows, and another protocol", path=path, found=split.protocol, expected="bands")
    if split.bands is not None:
        if split.train != split.validation or split.test not in ((), split.train):
            raise RunError("parts of other slices", path=path, found=split.test[:5], expected="the same in each band")
        return
    learned = [*split.train, *split.validation] if not split.pool else [*{*split.train, *split.validation}]
    assigned = [*learned, *split.gap, *split.test]
    twice = sorted(index for index, times in Counter(assigned).items() if times > 1)
    if twice:
        raise RunError(
            "slices are in more than one part of the split", path=path, found=twice[:5], expected="each in one"
        )
    for part in ("train", "validation"):
        sources = {copy.source for copy in split.pool if copy.part == part}
        if split.pool and sources != set(split.part(part)):
            raise RunError(
                f"the {part} slices are not those of the copies", path=path, found=sorted(sources)[:5],
                expected=sorted(split.part(part))[:5],
            )  # fmt: skip


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no whole number")
    return value
