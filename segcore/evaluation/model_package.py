"""A run as a model package of bioimage.io, the format that Fiji's deepImageJ, ilastik and others open.

The description follows https://bioimage.io/docs/, model format 0.5.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import segcore
from segcore.data import make_stack, open_dataset
from segcore.errors import DataError, RunError
from segcore.runs import Run, slice_ranges
from segcore.storage import atomic_file

if TYPE_CHECKING:
    from segcore.network import UNet

_FORMAT = "0.5.4"
_EXAMPLE_PX = 256
_SMALLEST_TILES = 4
"""Smallest side of what the network takes, in its strides; smaller slices leave its middle nothing to see."""

_CITED = (
    (
        "Ronneberger et al.: U-Net: Convolutional Networks for Biomedical Image Segmentation (MICCAI 2015)",
        "10.1007/978-3-319-24574-4_28",
    ),
    (
        "Arganda-Carreras et al.: Crowdsourcing the creation of image segmentation algorithms for connectomics "
        "(Frontiers in Neuroanatomy 2015), which defines V_Rand and V_Info",
        "10.3389/fnana.2015.00142",
    ),
)


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    """What was written.

    Attributes:
        path: of the zip file.
        example_of: where the example in it is from: a slice of a dataset, or drawn.
    """

    path: Path
    example_of: str


def export_model(run: Run, path: Path, *, author: str, licence: str) -> ModelPackage:
    """Writes a zip file with the network as TorchScript, what it takes and gives, an example of both and the card.

    The network takes grey values, 0 to 255, and gives the probability of interior from one look. What an evaluation
    measured is the mean over eight turns where the run has `prediction.eightfold`, so its figures are a little better;
    the description says so.

    Args:
        run: with weights of its own.
        path: of the new file.
        author: who made the model.
        licence: under which others may use it, by its SPDX identifier, such as CC-BY-4.0.

    Raises:
        RunError: the run has no network of its own, or no weights yet.
        StorageError: the disk refuses.
    """
    from segcore.network import load_weights, save_torchscript

    run.check_network()
    model = load_weights(run.config.model, run.weights)
    example, example_of = _example(run, model)
    with TemporaryDirectory(prefix="segcore-") as name:
        folder = Path(name)
        found = save_torchscript(model, example, folder / "weights.pt")
        np.save(folder / "example_input.npy", example)
        np.save(folder / "example_output.npy", found)
        _picture(example, found).save(folder / "cover.png")
        (folder / "README.md").write_text(_documentation(run), encoding="utf-8")
        files = sorted(folder.iterdir())
        sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
        described = _description(run, sums, author=author, licence=licence, example_of=example_of)
        with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
            # JSON is YAML, and needs no library.
            packed.writestr("rdf.yaml", json.dumps(described, indent=2, ensure_ascii=False))
            for file in files:
                packed.write(file, file.name)
    return ModelPackage(path=path, example_of=example_of)


def _example(run: Run, model: UNet) -> tuple[NDArray[np.uint8], str]:
    """(1, 1, H, W), from the middle of a slice that was not trained on where the run's dataset is here."""
    z = (*run.split.test, *run.split.validation, 0)[0]
    try:
        image, whence = open_dataset(run.info.dataset).image(z), f"slice {z} of {run.info.dataset}"
    except (DataError, IndexError):
        image, whence = _drawn(), f"drawn by a program, as {run.info.dataset} was not at hand"
    if min(image.shape) < _SMALLEST_TILES * model.config.stride:
        image, whence = _drawn(), f"drawn by a program, as slices of {run.info.dataset} are too small"
    sides = [min(_EXAMPLE_PX, side) // model.config.stride * model.config.stride for side in image.shape]
    top, left = ((whole - side) // 2 for whole, side in zip(image.shape, sides, strict=True))
    return np.array(image[None, None, top : top + sides[0], left : left + sides[1]]), whence


def _drawn() -> NDArray[np.uint8]:
    return np.array(make_stack(1, _EXAMPLE_PX, _EXAMPLE_PX, np.random.default_rng(0)).images[0])


def _picture(example: NDArray[np.uint8], found: NDArray[np.float32]) -> Image.Image:
    """The slice, and beside it the probability of interior."""
    return Image.fromarray(np.concatenate([example[0, 0], np.round(255 * found[0, 0]).astype(np.uint8)], axis=1))


def _documentation(run: Run) -> str:
    try:
        return run.card.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"# {run.name}\n\nThis run was not evaluated yet, so nothing is known of how well it does.\n"
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            "the model card cannot be read", path=run.card, found=error, expected="evaluate again"
        ) from error


def _description(run: Run, sums: Mapping[str, str], *, author: str, licence: str, example_of: str) -> dict[str, Any]:
    import torch

    stride = run.config.model.stride
    side = {"min": _SMALLEST_TILES * stride, "step": stride}

    def file(name: str) -> dict[str, str]:
        return {"source": name, "sha256": sums[name]}

    def axes(channel: str, height: object, width: object) -> list[dict[str, Any]]:
        return [
            {"type": "batch"},
            {"type": "channel", "channel_names": [channel]},
            {"type": "space", "id": "y", "size": height},
            {"type": "space", "id": "x", "size": width},
        ]

    eightfold = (
        " The figures in its documentation are of the mean over the eight turns and mirror images of each slice; this "
        "is one look at it."
        if run.config.prediction.eightfold
        else ""
    )
    split = run.split
    return {
        "format_version": _FORMAT,
        "type": "model",
        "name": re.sub(r"[^A-Za-z0-9_\- ()]", "-", f"segcore {run.name}")[:128],
        "description": f"A U-Net that tells cell interior from membrane in slices of electron micrographs.{eightfold}",
        "authors": [{"name": author}],
        "license": licence,
        "cite": [{"text": text, "doi": doi} for text, doi in _CITED],
        "tags": ["electron-microscopy", "neurons", "membrane", "semantic-segmentation", "unet", "2d", "torchscript"],
        "documentation": "README.md",
        "covers": ["cover.png"],
        "inputs": [
            {
                "id": "slice",
                "description": "A slice, grey values from 0 (black) to 255.",
                "axes": axes("grey", side, side),
                "data": {"type": "uint8", "range": [0, 255]},
                "test_tensor": file("example_input.npy"),
            }
        ],
        "outputs": [
            {
                "id": "interior",
                "description": "Probability of cell interior, 0 to 1; the rest is membrane.",
                "axes": axes(
                    "interior",
                    {"tensor_id": "slice", "axis_id": "y"},
                    {"tensor_id": "slice", "axis_id": "x"},
                ),
                "data": {"type": "float32", "range": [0.0, 1.0]},
                "test_tensor": file("example_output.npy"),
            }
        ],
        "weights": {"torchscript": file("weights.pt") | {"pytorch_version": torch.__version__.partition("+")[0]}},
        "config": {
            "segcore": {
                "version": segcore.__version__,
                "run": run.name,
                "dataset": run.info.dataset,
                "synthetic": run.info.synthetic,
                "trained_on_slices": slice_ranges(split.train),
                "example": example_of,
            }
        },
    }
