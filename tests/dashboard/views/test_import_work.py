"""An import that was started from a page: what a visitor brings is limited, and gone when it is done."""

import io
import zipfile

import h5py
import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from dashboard import background, uploads
from dashboard.views.datasets.import_work import start_import
from segcore.data import open_dataset


class Uploaded(io.BytesIO):
    name = "large.zip"

    @property
    def size(self):
        return len(self.getvalue())


def test_what_an_upload_unpacks_to_is_limited(data_dir, monkeypatch):
    assert uploads.MOST_UNPACKED_BYTES <= 4 * 10**9
    monkeypatch.setattr(uploads, "MOST_UNPACKED_BYTES", 1_000_000)
    large = Uploaded()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("0.tif", bytes(1_000_001))
    started = start_import((), [large], [], ("", ""), "large", False, {})
    started.work.join(60)
    said = started.naming(str(background.mistake(started.work)))
    assert said == "large.zip: unpacks to too much; found 1,000,001 bytes; expected at most 1,000,000 bytes"
    assert not data_dir.exists()


def hdf5(name, **arrays):
    file = Uploaded()
    with h5py.File(file, "w") as written:
        for path, values in arrays.items():
            written[f"volumes/{path}"] = values
    file.name = name
    return file


def test_a_stack_inside_an_uploaded_file_is_chosen_by_its_path(data_dir, cell_stack):
    images, labels = (stack[:5] for stack in cell_stack)
    file = hdf5("all.h5", raw=images, labels=labels)
    asked = start_import((), [file], [file], ("", ""), "cells", False, {})
    asked.work.join(60)
    said = asked.naming(str(background.mistake(asked.work)))
    assert said.startswith("all.h5: there are several stacks in this file; found volumes/labels (5 x 45 x 52 pixels")
    started = start_import((), [file], [file], ("volumes/raw", "volumes/labels"), "cells", False, {})
    started.work.join(60)
    assert background.mistake(started.work) is None
    np.testing.assert_array_equal(open_dataset("cells").labels, labels)
