"""A model package as the programs of others open it: by bioimageio.core's own test, and by nothing but PyTorch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from segcore.config import override
from segcore.data import open_dataset
from segcore.errors import RunError
from segcore.evaluation import export_model
from segcore.network import load_network, predict
from segcore.runs import open_run

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "models"


def loaded(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's, that there is something newer than TorchScript
        return torch.jit.load(path)


def exported(run, tmp_path):
    written = export_model(run, tmp_path / "net.zip", author="R. Hooke", licence="CC-BY-4.0")
    with zipfile.ZipFile(written.path) as packed:
        packed.extractall(tmp_path / "open")
    return written, tmp_path / "open", json.loads((tmp_path / "open/rdf.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """A folder with bioimageio.core and what it needs in other versions than are installed."""
    folder = tmp_path_factory.mktemp("zoo")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, "-r",
         REPOSITORY / "requirements/model-zoo.txt"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mid-grey", "sample-quick", "isbi2012-standard"])
def test_it_passes_the_test_of_bioimageio_core(name, zoo, mid_grey_run, tmp_path):
    run = mid_grey_run if name == "mid-grey" else open_run(name, root=SHIPPED)
    written, _, _ = exported(run, tmp_path)
    code = "import sys; from bioimageio.core import test_model; print(test_model(sys.argv[1]).status)"
    said = subprocess.run(
        [sys.executable, "-c", code, written.path],
        env=os.environ | {"PYTHONPATH": str(zoo)}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout.split()[-1:] == ["passed"], said.stdout + said.stderr


def test_the_example_is_of_a_test_slice_and_what_the_network_says_of_it(mid_grey_run, cells, tmp_path):
    written, folder, described = exported(mid_grey_run, tmp_path)
    given, said = np.load(folder / "example_input.npy"), np.load(folder / "example_output.npy")
    assert written.example_of == "slice 8 of cells"
    # Sides that the network can halve once: 44 of 45 rows, and all 52 columns.
    assert np.array_equal(given, cells.image(8)[None, None, :44])
    # The network's logits are 20 v / 255 - 10, and its weights are exact in float16.
    assert said == pytest.approx(1 / (1 + np.exp(10 - 20 * (given / 255.0))), abs=1e-6)
    assert described["authors"] == [{"name": "R. Hooke"}]
    assert described["license"] == "CC-BY-4.0"
    for part in (described["inputs"][0]["test_tensor"], described["weights"]["torchscript"]):
        assert hashlib.sha256((folder / part["source"]).read_bytes()).hexdigest() == part["sha256"]


@pytest.mark.parametrize("intensity", ["standardised", "unit"])
def test_the_file_alone_says_what_the_run_predicts_at_other_sizes_too(mid_grey_run, cells, tmp_path, intensity):
    run = dataclasses.replace(mid_grey_run, config=override(mid_grey_run.config, [f"model.intensity={intensity}"]))
    _, folder, _ = exported(run, tmp_path)
    network = loaded(folder / "weights.pt")
    once = override(run.config, ["prediction.eightfold=false"]).prediction
    for image in (cells.image(9)[:32, :20], cells.image(10)[:44, 2:]):
        (expected,) = predict(load_network(run.config.model, run.weights), [image], once)
        found = network(torch.from_numpy(image[None, None].astype(np.float32)))
        assert np.abs(255 * found.numpy()[0, 0] - expected).max() <= 0.51


def test_without_the_dataset_the_example_is_drawn_and_said_to_be(mid_grey_run, data_dir, tmp_path):
    shutil.rmtree(data_dir)
    written, folder, described = exported(mid_grey_run, tmp_path)
    assert written.example_of == described["config"]["segcore"]["example"]
    assert written.example_of == "drawn by a program, as cells was not at hand"
    assert np.load(folder / "example_input.npy").shape == (1, 1, 256, 256)


def test_it_is_said_where_nothing_was_measured(mid_grey_run, tmp_path):
    _, folder, _ = exported(mid_grey_run, tmp_path)
    assert "not evaluated" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_card_goes_with_it_where_there_is_one(mid_grey_run, tmp_path):
    mid_grey_run.card.write_text("# mid-grey\n\n12.3 % wrong", encoding="utf-8")
    _, folder, _ = exported(mid_grey_run, tmp_path)
    assert "12.3 % wrong" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_run_without_a_network_is_refused(mid_grey_run, tmp_path):
    averaged = mid_grey_run.update(members=("one", "two"))
    with pytest.raises(RunError, match=r"no network of its own.*one of one, two"):
        export_model(averaged, tmp_path / "net.zip", author="R. Hooke", licence="MIT")
    assert not (tmp_path / "net.zip").exists()


def test_a_damaged_network_leaves_nothing_behind(mid_grey_run, tmp_path):
    mid_grey_run.weights.write_bytes(b"no weights")
    with pytest.raises(RunError, match="not a whole safetensors file"):
        export_model(mid_grey_run, tmp_path / "net.zip", author="R. Hooke", licence="MIT")
    assert not list(tmp_path.glob("net*"))
    assert open_dataset("cells").info.slices == 12
