"""Downloads that are other than they should be."""

import http.server
import io
import shutil
import threading
import time
import zipfile

import numpy as np
import pytest
import tifffile
from calling import edit


@pytest.fixture
def server():
    """Files by path on a server of this machine; a number in place of a file breaks off after so many bytes."""
    files = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content, end = files.get(self.path, (None, 0))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:end])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield files, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_downloads_that_are_not_what_was_promised(server, tmp_path, monkeypatch, refused):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    files, url = server
    path = tmp_path / "pixels.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("train-volume", "train-labels", "test-volume"):
            buffer = io.BytesIO()
            tifffile.imwrite(buffer, np.zeros((30, 512, 512), np.uint8), photometric="minisblack", compression="zlib")
            packed.writestr(f"{name}.tif", buffer.getvalue())
            files[f"/mirror/{name}.tif"] = (buffer.getvalue(), len(buffer.getvalue()))
    content = path.read_bytes()
    files["/whole.zip"] = (content, len(content))
    files["/half.zip"] = (content, len(content) // 2)
    files["/text.zip"] = (b"no zip", 6)
    files[f"/{'n' * 300}.zip"] = (b"no zip", 6)
    for place, words in (
        ("whole.zip", "with other pixels"), ("mirror", "with other pixels"), ("half.zip", "download failed 3 times"),
        ("text.zip", "expected"), ("nothing.zip", "404"), ("nothing", "404"), (f"{'n' * 300}.zip", "expected"),
    ):  # fmt: skip
        refused(["fetch", "isbi2012", "--from", f"{url}/{place}"], f"{url}/{place}", words)


@pytest.mark.parametrize("place", ["http://", "http:///x.zip", "http://[bad/x.zip", "http://host:port/x.zip"])
def test_no_url_at_all(place, refused):
    refused(["fetch", "isbi2012", "--from", place], place, "https://host")


def test_a_dataset_of_that_name_with_other_pixels(data, refused):
    shutil.copytree(data / "tiny", data / "isbi2012")
    edit(data / "isbi2012/dataset.json", name="isbi2012")
    refused(["fetch", "isbi2012"], data / "isbi2012", "other pixels")
