"""A dataset and a run to use, made once through the command line, and calls that are taken or refused."""

import shutil

import pytest
import tifffile
from calling import SETTINGS, assert_refused, call, edit, pair, tree


@pytest.fixture
def refused(tmp_path, data_dir, models_dir):
    """Calls a command that has to refuse, and compares everything on the disk before and after."""

    def check(arguments, *words):
        before = tree(tmp_path)
        result = call(*arguments)
        assert_refused(result, *words)
        assert tree(tmp_path) == before
        return result

    return check


@pytest.fixture
def accepted():
    def check(*arguments):
        result = call(*arguments)
        assert result.code == 0, result
        return result

    return check


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A folder with `data` (datasets tiny and bare, without labels) and `models` (run first, finished)."""
    folder = tmp_path_factory.mktemp("world")
    images, labels = pair()
    tifffile.imwrite(folder / "images.tif", images, photometric="minisblack")
    tifffile.imwrite(folder / "labels.tif", labels, photometric="minisblack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGCORE_DATA_DIR", str(folder / "data"))
        patch.setenv("SEGCORE_MODELS_DIR", str(folder / "models"))
        for arguments in (
            ("import", folder / "images.tif", "--name", "tiny", "--labels", folder / "labels.tif"),
            ("import", folder / "images.tif", "--name", "bare"),
            ("train", "tiny", "--preset", "quick", "--name", "first", "--device", "cpu", "--set", *SETTINGS),
        ):
            result = call(*arguments)
            assert result.code == 0, result
    (folder / "trained.txt").write_text(result.out)
    return folder


@pytest.fixture
def data(world, monkeypatch, data_dir):
    """The datasets, in a place that may be changed."""
    shutil.copytree(world / "data", data_dir)
    return data_dir


@pytest.fixture
def run(world, data, models_dir):
    """The finished run, in a place that may be changed."""
    shutil.copytree(world / "models/first", models_dir / "first")
    return models_dir / "first"


@pytest.fixture
def interrupted(run):
    """The run as if it had been stopped after its last epoch."""
    edit(run / "run.json", state="interrupted", operating_points=None)
    return run
