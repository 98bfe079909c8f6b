"""Two stacks read together: a slice of each at a time, from any thread."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segcore.errors import DataError
from segcore.progress import SILENT, Progress
from segcore.stacks.formats import open_stack
from segcore.stacks.label import Truth
from segcore.stacks.mapping import stored_page
from segcore.stacks.stack import StackReader

Stack = NDArray[np.uint8] | StackReader | Path
"""Slices of 8 bits: an array or memory map (Z, H, W), an open stack, or the path of one."""

Numbers = NDArray[np.uint32]
"""Which neurite each pixel belongs to: an array or memory map (Z, H, W), 0 for none."""

Page = NDArray[np.uint8]
Result = TypeVar("Result")


def each_slice(task: Callable[[int], Result], count: int, workers: int, progress: Progress = SILENT) -> list[Result]:
    """The task's results for 0 .. count - 1, in order; the step of `progress` is `measuring`."""
    workers = min(workers or _cores(), count)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        # One worker is this thread: simpler to follow, and to interrupt.
        results = map(task, range(count)) if workers <= 1 else pool.map(task, range(count))
        return list(progress.over(results, "measuring", count))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def paired(
    probability: Stack, labels: Stack, slices: Sequence[int], numbers: Numbers | None = None
) -> Iterator[Callable[[int], tuple[Truth, Page]]]:
    """Gives a function that reads what is true and the probability of the slice at a position."""
    with ExitStack() as stack:
        predicted, true = _opened(probability, stack), _opened(labels, stack)
        if len(predicted) != len(slices):
            raise DataError("probabilities and slices differ in number", found=len(predicted), expected=len(slices))
        for z in slices:
            if not 0 <= z < len(true):
                raise DataError("there is no label for a slice", found=f"slice {z}", expected=f"0 to {len(true) - 1}")

        def read(position: int) -> tuple[Truth, Page]:
            label, page = true.read(slices[position]), predicted.read(position)
            if label.shape != page.shape:
                raise DataError(
                    f"probability and label of slice {slices[position]} differ in size",
                    found=page.shape,
                    expected=label.shape,
                )
            return Truth.of(label, None if numbers is None else _numbers(numbers, slices[position])), page

        yield read


def _numbers(numbers: Numbers, z: int) -> NDArray[np.uint32]:
    return stored_page(numbers, z) if isinstance(numbers, np.memmap) else numbers[z]


@dataclass(frozen=True)
class _Pages:
    """Slices of 8 bits that any thread may read."""

    count: int
    read: Callable[[int], Page]

    def __len__(self) -> int:
        return self.count


def _opened(source: Stack, stack: ExitStack) -> _Pages:
    if isinstance(source, Path):
        source = stack.enter_context(open_stack(source))
    if source.dtype not in (np.uint8, np.bool_):
        raise DataError("not a stack of 8 bits", found=source.dtype, expected="uint8")
    if isinstance(source, StackReader):
        reader, lock = source, threading.Lock()

        def read_locked(z: int) -> Page:
            with lock:
                return reader.read(z)

        return _Pages(len(reader), read_locked)
    array = source
    if array.ndim != 3:
        raise DataError("not a stack of slices", found=f"shape {array.shape}", expected="(Z, H, W)")
    # A view of a map has the map as its base, and an offset that is not its own.
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous:
        return _Pages(len(array), partial(stored_page, array))
    return _Pages(len(array), lambda z: np.asarray(array[z]))
