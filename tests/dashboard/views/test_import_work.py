"""An import that was started from a page: what a visitor brings is limited, and gone when it is done."""

import io
import zipfile

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from dashboard import background, uploads
from dashboard.views.datasets.import_work import start_import


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
    started = start_import((), [large], [], "large", False, {})
    started.work.join(60)
    said = started.naming(str(background.mistake(started.work)))
    assert said == "large.zip: unpacks to too much; found 1,000,001 bytes; expected at most 1,000,000 bytes"
    assert not data_dir.exists()
