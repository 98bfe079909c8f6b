"""Several volumes one behind another, read as one stack that knows where each of them begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path

from segcore.stacks.formats import Smaller, open_stack, padded
from segcore.stacks.stack import Page, StackReader, Volume, reasonable, same_form
from segcore.stacks.volumes import file_of


def open_joined(files: Sequence[Path], *, smaller: Smaller = "refused", as_labels: bool = False) -> StackReader:
    """Opens several stacks of one pixel type as one, in the order given.

    Args:
        files: paths that `open_stack` takes, at least one.
        smaller: as for `open_pictures`.
        as_labels: as for `open_stack`.

    Raises:
        DataError: as `open_stack` does, or if they differ in type, or in size where that is refused.
    """
    with ExitStack() as held:
        stacks = [held.enter_context(open_stack(path, as_labels=as_labels)) for path in files]
        first = stacks[0]
        for path, stack in zip(files, stacks, strict=True):
            same_form(stack, first, path, f"as in {file_of(files[0]).name}", sizes=smaller == "refused")
        height, width = max(one.height for one in stacks), max(one.width for one in stacks)
        reasonable(files[0], height, width)
        closed = held.pop_all()
    volumes = [Volume(name=name, slices=len(stack)) for name, stack in zip(_names(files), stacks, strict=True)]
    starts = [0, *accumulate(volume.slices for volume in volumes)]

    def load(z: int) -> Page:
        number = bisect_right(starts, z) - 1
        return padded(stacks[number].read(z - starts[number]), height, width, smaller)

    return StackReader(
        path=files[0].parent,
        names=[f"{volume.name}/{name}" for volume, stack in zip(volumes, stacks, strict=True) for name in stack.names],
        height=height,
        width=width,
        dtype=first.dtype,
        load=load,
        voxel_size_nm=first.voxel_size_nm if len({stack.voxel_size_nm for stack in stacks}) == 1 else None,
        close=closed.close,
        sizes=[size for stack in stacks for size in stack.sizes],
        volumes=volumes,
        notes=[f"{volume.name}: {note}" for volume, one in zip(volumes, stacks, strict=True) for note in one.notes],
        axes_known=first.axes_known,
    )


def _names(files: Sequence[Path]) -> list[str]:
    """The names of the files without their endings; with them where that makes two alike."""
    paths = [file_of(path) for path in files]
    stems = [path.stem for path in paths]
    return stems if len({*stems}) == len(stems) else [path.name for path in paths]
