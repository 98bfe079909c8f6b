"""The tile route: raw bytes of image, label, probability and boundary distance, straight from the files.

    /segcore/tiles/{dataset}/{run}/{part}/{layer}/{z}/{level}/{ty}/{tx}
    /segcore/evidence/{dataset}/{run}/{part}/{first}/{count}
    /segcore/wrong/{dataset}/{run}/{part}/{value}/{tolerance}

A tile is up to 512 x 512 pixels of uint8, row by row; X-Shape is its height and width, X-Planes the names of the
planes that follow one another (one, but for the layer `bundle`, which is all the viewer needs). Run `-` is none.
Level 0 is the pixels as they are; each further level halves both sides.

Everything is read-only, and every part of a path is checked before it is used: names as `segcore` checks them,
numbers as plain digits within their range, everything else against a list. What does not exist is a 404, what
cannot exist a 400, and neither says where files lie.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.viewer import levels
from dashboard.viewer.kept import KeptTiles, one_at_a_time
from segcore.datasets import open_dataset
from segcore.errors import DataError, RunError, SegcoreError, StorageError
from segcore.evidence import DISTANCE_BINS, PROBABILITY_VALUES, PixelEvidence, boundary_distance
from segcore.runs import models_root
from segcore.storage import safe_name
from segcore.volume import map_stack

TILE = 512
NO_RUN = "-"
PARTS = ("test", "all", "train", "validation")
LAYERS = ("image", "label", "probability", "distance", "bundle")
MOST_TABLES = 64
"""The most slices whose evidence is sent at once (12 KiB each)."""

_NUMBER = re.compile(r"[0-9]{1,7}")
# Distances are known up to 6 pixels, so that a tile with this much around it knows its own exactly.
_MARGIN = DISTANCE_BINS

Plane = NDArray[np.uint8]


class BadAddress(ValueError):
    """A part of a path that cannot name anything."""


class NotThere(LookupError):
    """A well-formed path to what does not exist."""


@dataclass(frozen=True)
class StackFile:
    """An uncompressed stack on disk, read a window at a time.

    Reading by `pread` and not through a memory map keeps the server's memory flat: mapped pages stay with the
    process once touched.
    """

    path: Path
    offset: int
    slices: int
    height: int
    width: int

    def window(self, page: int, top: int, bottom: int, left: int, right: int) -> Plane:
        """Pixels [top, bottom) x [left, right) of a page, uint8."""
        start = self.offset + (page * self.height + top) * self.width
        rows, columns = bottom - top, right - left
        file = os.open(self.path, os.O_RDONLY)
        try:
            # Whole rows in one go, unless most of them would be thrown away.
            if columns * 4 >= self.width:
                band = _read(file, rows * self.width, start).reshape(rows, self.width)
                return np.ascontiguousarray(band[:, left:right])
            out = np.empty((rows, columns), dtype=np.uint8)
            for row in range(rows):
                out[row] = _read(file, columns, start + row * self.width + left)
            return out
        finally:
            os.close(file)


def _read(file: int, count: int, offset: int) -> Plane:
    data = os.pread(file, count, offset)
    if len(data) != count:
        raise NotThere("the file was cut short")
    return np.frombuffer(data, dtype=np.uint8)


@dataclass(frozen=True)
class Layers:
    """What there is to show of a dataset, with or without a run's evaluation of it.

    Attributes:
        slices, height, width: of the stack.
        labels: None for a dataset without labels.
        probability: None without a run, or where the evaluation kept none.
        pages: page of `probability` by slice.
        evidence: the file of pixel tables, or None without a run.
        version: changes whenever a file changes.
    """

    images: StackFile
    labels: StackFile | None
    probability: StackFile | None
    pages: Mapping[int, int]
    evidence: Path | None
    version: str

    @property
    def slices(self) -> int:
        return self.images.slices

    @property
    def height(self) -> int:
        return self.images.height

    @property
    def width(self) -> int:
        return self.images.width

    @property
    def coarsest(self) -> int:
        """The first level that is one tile."""
        return max(0, (max(self.height, self.width) - 1).bit_length() - (TILE - 1).bit_length())


def open_layers(dataset: str, run: str | None, part: str) -> Layers:
    """What there is of these three, from files that are checked once and again whenever they change.

    Raises:
        SegcoreError: a dataset or an evaluation that is missing or damaged, or names that are none.
    """
    stack = open_images(dataset)
    if run is None:
        return Layers(*stack[:2], None, {}, None, stack[2])
    folder = evaluation_folder(run, dataset, part)
    pages, stamp = _table_of_slices(folder)
    path = folder / "probability.tif"
    probability = None
    if path.exists():
        shape = (len(pages), stack[0].height, stack[0].width)
        probability = _stack_file(path, _stamp(path), shape)
        stamp += _stamp(path)
    # Tables that disagree with the pictures would show other numbers than pixels.
    if max(pages, default=0) >= stack[0].slices:
        raise RunError(
            "evaluated on another stack", path=folder, found=f"slice {max(pages)}", expected="evaluate again"
        )
    return Layers(*stack[:2], probability, pages, folder / "evidence.npz", f"{stack[2]}{_short(stamp)}")


def open_images(dataset: str) -> tuple[StackFile, StackFile | None, str]:
    """Images, labels and a version of a dataset."""
    # The name is checked by what the path is built with, before anything is looked for.
    from segcore.datasets import IMAGES, INFO, LABELS, data_root

    folder = data_root() / safe_name(dataset, "dataset")
    stamps = tuple(_stamp(folder / file) for file in (INFO, IMAGES, LABELS))
    return _opened(dataset, str(folder), stamps)


@lru_cache(maxsize=16)
def _opened(name: str, folder: str, stamps: tuple[Any, ...]) -> tuple[StackFile, StackFile | None, str]:
    opened = open_dataset(name)
    info = opened.info

    def file(stack: np.memmap[Any, Any] | None) -> StackFile | None:
        if stack is None:
            return None
        return StackFile(Path(str(stack.filename)), int(stack.offset), info.slices, info.height, info.width)

    images = file(opened.images)
    assert images is not None
    return images, file(opened.labels), _short(stamps)


@lru_cache(maxsize=16)
def _stack_file(path: Path, stamp: tuple[int, ...], shape: tuple[int, int, int]) -> StackFile:
    try:
        return StackFile(path, int(map_stack(path, *shape).offset), *shape)
    except DataError as error:
        raise RunError(error.problem, path=path, found=error.found, expected="evaluate again") from error


def evaluation_folder(run: str, dataset: str, part: str) -> Path:
    """Where `segcore` keeps an evaluation, as `Run.evaluation` says, without opening the run."""
    if part not in PARTS:
        raise StorageError("unknown part of a dataset", found=repr(part[:40]), expected=", ".join(PARTS))
    name = safe_name(dataset, "dataset")
    return models_root() / safe_name(run, "run") / "evaluation" / (name if part == "test" else f"{name}@{part}")


def _table_of_slices(folder: Path) -> tuple[dict[int, int], tuple[int, ...]]:
    path = folder / "slices.csv"
    stamp = _stamp(path)
    if not stamp:
        raise RunError("there is no such evaluation", path=folder, expected="evaluate first")
    return _pages(path, stamp), stamp


@lru_cache(maxsize=16)
def _pages(path: Path, stamp: tuple[int, ...]) -> dict[int, int]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {int(row["slice"]): page for page, row in enumerate(csv.DictReader(file))}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise RunError(
            "the table of slices cannot be read", path=path, found=error, expected="evaluate again"
        ) from error


@lru_cache(maxsize=4)
def _evidence(path: Path, stamp: tuple[int, ...]) -> PixelEvidence:
    return PixelEvidence.load(path)


def _tables(layers: Layers) -> PixelEvidence:
    if layers.evidence is None:
        raise NotThere("no run")
    found = _evidence(layers.evidence, _stamp(layers.evidence))
    if len(found) != len(layers.pages):
        raise NotThere("the evaluation is being rewritten")
    return found


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes whenever the file does; empty if there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _short(stamps: object) -> str:
    return f"{hash(stamps) & 0xFFFFFFFFFFFF:012x}"


def tile(layers: Layers, layer: str, z: int, level: int, ty: int, tx: int, tolerance: int = 0) -> dict[str, Plane]:
    """The planes of a tile by name, in the order they are sent.

    Raises:
        NotThere: there is no such tile, or this stack has no such layer.
    """
    if z >= layers.slices or level > layers.coarsest:
        raise NotThere("no such slice or level")
    side = TILE << level
    top, left = ty * side, tx * side
    if top >= layers.height or left >= layers.width:
        raise NotThere("no such tile")
    window = (top, min(top + side, layers.height), left, min(left + side, layers.width))
    if level:
        return dict(_coarse(layers, layer, z, level, window, tolerance))
    planes = _full(layers, layer, z, window)
    if not planes:
        raise NotThere("no such layer")
    return planes


def _coarse(
    layers: Layers, layer: str, z: int, level: int, window: levels.Window, tolerance: int
) -> Mapping[str, Plane]:
    def from_pixels() -> Mapping[str, Plane]:
        return one_at_a_time(lambda: levels.coarse_planes(_reader(layers, z), layer, level, window, tolerance))

    def from_below() -> Mapping[str, Plane]:
        top, bottom, left, right = window
        half = TILE << (level - 1)
        rows = [
            [
                _coarse(layers, layer, z, level - 1, (y, min(y + half, bottom), x, min(x + half, right)), tolerance)
                for x in range(left, right, half)
            ]
            for y in range(top, bottom, half)
        ]
        return levels.joined(rows)

    key = f"{layers.images.path}|{layers.version}|{layers.probability}|{layer}|{z}|{level}|{window}|{tolerance}"
    # A level 1 tile takes as long to make as to read, and all of them would be a third of the stack.
    return _KEPT.get(key, from_pixels if level <= 2 else from_below, on_disk=level >= 2 and layer == "bundle")


def prepare(layers: Layers, slices: Iterable[int], tolerance: int = 0) -> None:
    """Makes and keeps the coarse levels of some slices, so that nobody has to wait for them."""
    for z in slices:
        if layers.coarsest >= 2:
            tile(layers, "bundle", z, layers.coarsest, 0, 0, tolerance)


_KEPT = KeptTiles()


def _full(layers: Layers, layer: str, z: int, window: tuple[int, int, int, int]) -> dict[str, Plane]:
    planes: dict[str, Plane] = {}
    if layer in ("image", "bundle"):
        planes["image"] = layers.images.window(z, *window)
    if layers.labels is not None and layer in ("label", "distance", "bundle"):
        if layer == "label":
            planes["label"] = layers.labels.window(z, *window)
        else:
            truth = _truth(layers, z, window)
            planes[layer if layer == "distance" else "truth"] = truth & np.uint8(7) if layer == "distance" else truth
    if layers.probability is not None and z in layers.pages and layer in ("probability", "bundle"):
        planes["probability"] = layers.probability.window(layers.pages[z], *window)
    return planes


def _truth(layers: Layers, z: int, window: levels.Window) -> Plane:
    """True class and boundary distance of a window in one byte, interior << 3 | distance, exact up to its edges."""
    labels = layers.labels
    assert labels is not None
    top, bottom, left, right = window
    above, before = min(_MARGIN, top), min(_MARGIN, left)

    def make() -> Mapping[str, Plane]:
        around = labels.window(
            z, top - above, min(bottom + _MARGIN, labels.height), left - before, min(right + _MARGIN, labels.width)
        )
        interior = around > 127
        truth = (interior.astype(np.uint8) << np.uint8(3)) | boundary_distance(interior)
        return {"truth": truth[above : above + bottom - top, before : before + right - left].copy()}

    if bottom - top > TILE or right - left > TILE:
        return make()["truth"]
    # Distances take longer than all the rest of a tile, and are the same for every run.
    return _KEPT.get(f"{labels.path}|{layers.version}|truth|{z}|{window}", make, on_disk=False)["truth"]


def _reader(layers: Layers, z: int) -> levels.Read:
    def read(layer: str, window: tuple[int, int, int, int]) -> Plane:
        planes = _full(layers, layer, z, window)
        if not planes:
            raise NotThere("no such layer")
        return planes[layer]

    return read


def routes() -> list[Route]:
    """The routes for `st.App(routes=...)`."""
    stack = "{dataset}/{run}/{part}"
    return [
        Route(f"/segcore/tiles/{stack}/{{layer}}/{{z}}/{{level}}/{{ty}}/{{tx}}", _answer(_tile), methods=["GET"]),
        Route(f"/segcore/evidence/{stack}/{{first}}/{{count}}", _answer(_evidence_tables), methods=["GET"]),
        Route(f"/segcore/wrong/{stack}/{{value}}/{{tolerance}}", _answer(_wrong), methods=["GET"]),
        # Streamlit answers unknown paths with its page; below here they are mistakes.
        Route("/segcore/{rest:path}", _nothing, methods=["GET"]),
        Route("/segcore", _nothing, methods=["GET"]),
    ]


def _nothing(request: Request) -> Response:
    return _refusal(404, "no such address")


def _answer(make: Callable[[Request], Response]) -> Callable[[Request], Response]:
    # Not async: Starlette runs it on a thread, so that reading a file never holds up the others.
    def endpoint(request: Request) -> Response:
        try:
            return make(request)
        except (BadAddress, StorageError) as error:
            return _refusal(400, error.problem if isinstance(error, StorageError) else str(error))
        except NotThere as error:
            return _refusal(404, str(error))
        except SegcoreError as error:
            return _refusal(404, error.problem)
        except OSError:
            # Deleted or rewritten between the look and the reading.
            return _refusal(404, "the files changed while they were read")

    return endpoint


def _refusal(status: int, text: str) -> Response:
    return PlainTextResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def _raw(parts: list[bytes], **headers: str) -> Response:
    # identity: the server would compress it otherwise, which takes longer than sending it to the same machine.
    return Response(
        b"".join(parts),
        media_type="application/octet-stream",
        headers={
            "Content-Encoding": "identity",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def _number(text: str, what: str, largest: int) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadAddress(f"{what} is not a number")
    value = int(text)
    if value > largest:
        raise NotThere(f"{what} is too large")
    return value


def _layers(request: Request) -> Layers:
    run = request.path_params["run"]
    return open_layers(request.path_params["dataset"], None if run == NO_RUN else run, request.path_params["part"])


def _tile(request: Request) -> Response:
    path = request.path_params
    if path["layer"] not in LAYERS:
        raise BadAddress("unknown layer")
    z, level, ty, tx = (_number(path[name], name, 10**7) for name in ("z", "level", "ty", "tx"))
    tolerance = _number(request.query_params.get("tolerance", "0"), "tolerance", DISTANCE_BINS - 1)
    planes = tile(_layers(request), path["layer"], z, level, ty, tx, tolerance)
    height, width = next(iter(planes.values())).shape
    return _raw([plane.tobytes() for plane in planes.values()], X_Shape=f"{height},{width}", X_Planes=",".join(planes))


def _evidence_tables(request: Request) -> Response:
    """Tables of evaluated slices, by their position: uint32, little-endian, (count, 2, 256, 6)."""
    first = _number(request.path_params["first"], "first", 10**7)
    count = _number(request.path_params["count"], "count", MOST_TABLES)
    found = _tables(_layers(request)).counts[first : first + count]
    if not len(found):
        raise NotThere("no such slices")
    return _raw([found.astype("<u4").tobytes()], X_Shape=",".join(str(side) for side in found.shape))


def _wrong(request: Request) -> Response:
    """Wrong pixels of every evaluated slice, uint32, for the last 8-bit value called membrane and a tolerance."""
    value = _number(request.path_params["value"], "value", PROBABILITY_VALUES - 1)
    tolerance = _number(request.path_params["tolerance"], "tolerance", DISTANCE_BINS - 1)
    layers = _layers(request)
    tables = _tables(layers)
    return _raw([tables.confusion(value / (PROBABILITY_VALUES - 1), tolerance).wrong_pixels.astype("<u4").tobytes()])
