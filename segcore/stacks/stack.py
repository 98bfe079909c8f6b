"""A stack of grey slices that is read a slice at a time, wherever it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from segcore.errors import DataError, SegcoreError

Page = npt.NDArray[Any]
VoxelSize = tuple[float, float, float]
Result = TypeVar("Result")

MAX_PIXELS = 2**30
"""The largest slice that is opened, so that a damaged header cannot ask for all memory."""

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721])


@dataclass(frozen=True, kw_only=True)
class Volume:
    """One of several volumes that lie one behind another in a stack: its name and how many slices it has."""

    name: str
    slices: int


class StackReader:
    """A stack of grey slices of one size and type that is read a slice at a time.

    Attributes:
        path: where it comes from, for messages.
        names: the file name of each slice, or its number in a multi-page file.
        height, width: of every slice, in pixels.
        dtype: of what `read` gives: 8-bit for bilevel and palette images, otherwise the file's.
        voxel_size_nm: (z, y, x) in nanometres where the file says all three, else None.
        sizes: height and width of each slice before smaller ones were padded.
        volumes: what it is made of, if that is several volumes; slices on the two sides of a border are no neighbours.
        files: those that its slices lie in, where one file says so of several.
        notes: what is odd about the file without being wrong, in words.
        axes_known: whether its format says which of its axes is which.
        channels: how many the file has for each pixel, of which this is one; 0 where it has no axis of them.
    """

    def __init__(
        self,
        *,
        path: Path,
        names: Sequence[str],
        height: int,
        width: int,
        dtype: npt.DTypeLike,
        load: Callable[[int], Page],
        voxel_size_nm: VoxelSize | None = None,
        close: Callable[[], None] | None = None,
        sizes: Sequence[tuple[int, int]] | None = None,
        volumes: Sequence[Volume] = (),
        files: Sequence[Path] = (),
        notes: Sequence[str] = (),
        axes_known: bool = False,
        channels: int = 0,
    ) -> None:
        self.path = path
        # A file name may hold bytes that are no text, which tables and JSON could not keep.
        self.names = tuple(name.encode("utf-8", "backslashreplace").decode() for name in names)
        self.height = height
        self.width = width
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.voxel_size_nm = voxel_size_nm
        self.sizes = tuple(sizes or [(height, width)] * len(self.names))
        self.volumes = tuple(volumes)
        self.files = tuple(files)
        self.notes = tuple(notes)
        self.axes_known = axes_known
        self.channels = channels
        self._load = load
        self._close = close

    def __len__(self) -> int:
        return len(self.names)

    def __enter__(self) -> StackReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. Reading afterwards is an error."""
        if self._close is not None:
            self._close()

    def read(self, z: int) -> Page:
        """The slice z as a (height, width) array of `dtype`, colours as their luminance.

        Raises:
            DataError: if it cannot be decoded, or holds infinite values. (Not-a-number is padding.)
            IndexError: if there is no slice z.
        """
        if not 0 <= z < len(self):
            raise IndexError(f"slice {z} of a stack of {len(self)}")
        page = decoded(self.path, lambda: self._load(z), f"slice {z} ({self.names[z]}) cannot be decoded")
        if page.shape != (self.height, self.width) or page.dtype != self.dtype:
            raise DataError(
                f"slice {z} ({self.names[z]}) differs from its header",
                path=self.path,
                found=f"{size_text(page.shape)} {page.dtype}",
                expected=f"{size_text((self.height, self.width))} {self.dtype}",
            )
        if page.dtype.kind == "f" and np.isinf(page).any():
            raise DataError(
                f"slice {z} ({self.names[z]}) holds infinite values",
                path=self.path,
                found=f"{int(np.isinf(page).sum())} of {page.size} pixels infinite",
                expected="finite values, or not-a-number for padding",
            )
        return page

    def mapped(self, change: Callable[[Page], Page], dtype: npt.DTypeLike) -> StackReader:
        """The same stack with every slice passed through `change`, which gives `dtype`."""
        return StackReader(
            path=self.path,
            names=self.names,
            height=self.height,
            width=self.width,
            dtype=dtype,
            load=lambda z: change(self.read(z)),
            voxel_size_nm=self.voxel_size_nm,
            close=self.close,
            sizes=self.sizes,
            volumes=self.volumes,
            notes=self.notes,
        )


def array_stack(
    array: Page, *, names: Sequence[str] | None = None, voxel_size_nm: VoxelSize | None = None, origin: str = "array"
) -> StackReader:
    """A (Z, H, W) array as a stack; `origin` is what messages call it."""
    if array.ndim != 3 or 0 in array.shape:
        raise DataError("no stack of slices", path=origin, found=f"shape {array.shape}", expected="(Z, H, W)")
    return StackReader(
        path=Path(origin),
        names=names or page_names(len(array)),
        height=array.shape[1],
        width=array.shape[2],
        dtype=array.dtype,
        load=lambda z: np.asarray(array[z]),
        voxel_size_nm=voxel_size_nm,
    )


def page_names(count: int) -> list[str]:
    """Zero-padded numbers from 0, at least three digits wide."""
    return [f"{z:0{max(3, len(str(count - 1)))}d}" for z in range(count)]


def luminance(page: Page) -> Page:
    """Grey values of a (H, W), (H, W, 1..4) array in its own type; alpha is ignored.

    Weights of Rec. 709 as in scikit-image's `rgb2gray`. Equal channels keep their value exactly.
    """
    if page.ndim == 2:
        return page
    if page.shape[-1] < 3:
        return page[..., 0]
    grey = page[..., :3].astype(np.float64) @ _LUMINANCE
    return np.asarray(np.rint(grey) if page.dtype.kind in "ui" else grey, dtype=page.dtype)


def told_apart(grey: Page, colours: Page, path: Path) -> Page:
    """The grey values of labels, if each of them stands for one colour.

    Args:
        grey: (H, W), what the colours became.
        colours: (H, W, channels), with transparency and the index in a palette where there are any.
        path: of the file, for the message.

    Raises:
        DataError: if two colours became one grey value: two kinds of label would be one and the same.
    """
    channels = [grey.ravel(), *(colours[..., one].ravel() for one in range(colours.shape[-1]))]
    # Labels are the same over areas, so that few pixels are left to be sorted.
    first = np.ones(grey.size, dtype=bool)
    first[1:] = False
    for channel in channels:
        first[1:] |= channel[1:] != channel[:-1]
    kinds = np.unique(np.column_stack([channel[first] for channel in channels]), axis=0)
    alike = np.flatnonzero(kinds[1:, 0] == kinds[:-1, 0])
    if alike.size:
        one, other = kinds[alike[0]].tolist(), kinds[alike[0] + 1].tolist()
        raise DataError(
            "two colours of these labels have the same brightness, so that their kinds cannot be told apart",
            path=path,
            found=f"{tuple(one[1:])} and {tuple(other[1:])}, both {one[0]} in grey",
            expected="labels in grey, with a value of its own for each kind and without colours, palette or "
            "transparency; or --threshold-labels, if the brightness alone decides",
        )
    return grey


class Form(Protocol):
    """What has the size and the pixel type of a slice."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def same_form(one: Form, other: Form, path: Path, where: str, *, sizes: bool = True) -> None:
    """Raises a `DataError` about `path` if two slices differ in type, or, with `sizes`, in size.

    `where` says what `other` is.
    """
    for what, found, expected in (
        ("size", size_text((one.height, one.width)), size_text((other.height, other.width))),
        ("pixel type", str(one.dtype), str(other.dtype)),
    ):
        if found != expected and (sizes or what != "size"):
            raise DataError(f"slices differ in {what}", path=path, found=found, expected=f"{expected} {where}")


def reasonable(path: Path, height: int, width: int) -> None:
    """Raises a `DataError` if slices of this size are empty or larger than `MAX_PIXELS`."""
    if not 0 < height * width <= MAX_PIXELS:
        raise DataError(
            "slices too large", path=path, found=size_text((height, width)), expected=f"{MAX_PIXELS} pixels"
        )


def size_text(shape: Sequence[int]) -> str:
    """A size for messages, such as `512 x 512 pixels`."""
    return " x ".join(str(side) for side in shape) + " pixels"


def decoded(
    path: Path, decode: Callable[[], Result], problem: str, expected: str = "a whole file that can be read"
) -> Result:
    """Runs a decoder on a file from anywhere; whatever it raises becomes a `DataError`."""
    try:
        return decode()
    except (SegcoreError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise DataError(f"cannot be read ({error.strerror})", path=path, expected=expected) from error
        raise DataError(problem, path=path, found=_reason(error), expected=expected) from error
    except Exception as error:
        raise DataError(problem, path=path, found=_reason(error), expected=expected) from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
